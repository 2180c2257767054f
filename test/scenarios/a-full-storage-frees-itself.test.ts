import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { captured } from '../harness/sink.ts';
import { asOperator, hello, makeTenant } from '../harness/tenants.ts';

describe('an account whose storage is full', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  it('is told when enough will have gone by itself, and sends again once it has made room', async () => {
    const operator = asOperator(gateway);
    assert.equal((await operator('PUT', '/v1/plans/small', { storage_bytes: 9000, retention_days: 3 })).status, 200);
    const { agent } = await makeTenant(gateway, { plan: 'small' });
    const text = 'A sentence about the weather. '.repeat(150);
    const first = await hello(agent.call, 'a@one.example', { text });
    assert.equal(first.status, 202);
    await captured(gateway, 1, { key: agent.key });
    const refused = await hello(agent.call, 'b@one.example', { text });
    assert.deepEqual([refused.status, refused.body.code], [403, 'storage_limit_exceeded']);
    assert.deepEqual(refused.body.clears.by, ['tenant']);
    const inDays = (Date.parse(refused.body.clears.at) - Date.parse(first.body.created_at)) / 86_400_000;
    assert.ok(Math.abs(inDays - 3) < 0.01, `${inDays} days`);
    assert.equal((await agent.call('GET', '/v1/account')).body.storage.limit_bytes, 9000);
    const freed = await agent.call('DELETE', `/v1/messages/${first.body.id}/content`);
    assert.ok(freed.status < 300, JSON.stringify(freed.body));
    assert.equal((await hello(agent.call, 'b@one.example', { text })).status, 202);
    assert.equal((await operator('DELETE', '/v1/plans/small')).status, 409, 'a plan that tenants have stays');
  });
});
