import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, makeTenant } from '../harness/tenants.ts';
import { until } from '../harness/until.ts';

describe('a policy that limits requests', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  it('refuses what comes too often with the time at which the next may come, and lets it through then', async () => {
    const { id, agent } = await makeTenant(gateway);
    const other = await makeTenant(gateway);
    const operator = asOperator(gateway);
    const request_rate = [{ name: 'calls', scope: 'tenant', window: 'rolling_3s', max: 4 }];
    const put = await operator('PUT', `/v1/tenants/${id}/policy`, { request_rate }, { 'x-mode': 'test' });
    assert.equal(put.status, 200, JSON.stringify(put.body));
    const statuses: number[] = [];
    for (let n = 0; n < 5; n += 1) statuses.push((await agent.call('GET', '/v1/me')).status);
    assert.deepEqual(statuses, [200, 200, 200, 200, 429]);
    const refused = await agent.call('POST', '/v1/messages', { to: 'bob@example.com', subject: 'Hello', text: 'x' });
    assert.deepEqual(
      [refused.status, refused.body.code, refused.body.message_id],
      [429, 'request_rate_exceeded', null],
    );
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    assert.deepEqual(refused.body.clears.by, ['time']);
    assert.deepEqual(refused.body.reasons[0].scope, { kind: 'tenant', id });
    assert.match(refused.body.detail, /4 of 4 requests/);
    assert.equal((await other.agent.call('GET', '/v1/me')).status, 200);
    assert.equal((await operator('GET', '/v1/account', undefined, { 'x-tenant': id, 'x-mode': 'test' })).status, 200);
    const clearsAt = Date.parse(refused.body.retry_at);
    await until(() => Date.now() >= clearsAt, 5000, 'the end of the window');
    assert.equal((await agent.call('GET', '/v1/me')).status, 200);
    await operator('PUT', `/v1/tenants/${id}/policy`, {}, { 'x-mode': 'test' });
    for (let n = 0; n < 10; n += 1) assert.equal((await agent.call('GET', '/v1/me')).status, 200);
  });
});
