/** What the operator may decide on an appeal besides a release, whom it is told, and in which forms an appeal may name its message. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeTypeId } from '../../src/base/ids.ts';
import { openSecrets } from '../../src/base/secrets.ts';
import { openTokens } from '../../src/base/tokens.ts';
import { leave, mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, makeTenant, type TestTenant } from '../harness/tenants.ts';

const SECRET = 'a-master-secret-for-this-test-alone-0123456789';

describe('the review of a quarantine', () => {
  let gateway: TestGateway;
  let operator: Call;
  let tenant: TestTenant;
  let call: Call;
  let sent: string;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api', POSTERN_SECRET: SECRET });
    operator = asOperator(gateway);
    tenant = await makeTenant(gateway, { notify: ['owner@acme.example'] });
    call = tenant.agent.call;
    sent = (await call('POST', '/v1/messages', mail('bob@example.com'))).body.id;
    await leave(gateway);
  });
  after(() => gateway.stop());
  const stop = async (): Promise<string> =>
    (await operator('POST', `/v1/tenants/${tenant.id}/quarantine`, { note: 'Odd.', mode: 'test' })).body.id;
  const appeal = (message_id?: string) =>
    call('POST', '/v1/quarantine/appeals', { statement: 'It was us.', message_id });

  test('may uphold it with a note that the tenant sees, after which it may appeal anew', async () => {
    const id = await stop();
    assert.equal((await appeal()).status, 201);
    assert.equal((await operator('POST', `/v1/quarantines/${id}/uphold`, {})).status, 422, 'a note is needed');
    const upheld = await operator('POST', `/v1/quarantines/${id}/uphold`, { note: 'Show us the consent.' });
    assert.equal(upheld.status, 200);
    const own = (await call('GET', '/v1/quarantine')).body;
    assert.deepEqual([own.state, own.upheld, own.decision.note], ['active', true, 'Show us the consent.']);
    assert.equal(own.appeal.state, 'upheld');
    const refused = await call('POST', '/v1/messages', mail('eve@example.com'));
    assert.equal(refused.body.reasons[0].evidence.state, 'upheld');
    assert.equal((await appeal()).status, 201);
    assert.equal((await call('GET', '/v1/quarantine')).body.state, 'under_review');
    await operator('POST', `/v1/quarantines/${id}/release`, { note: 'Seen.', held: 'send' });
    assert.equal((await operator('POST', `/v1/quarantines/${id}/uphold`, { note: 'Late.' })).status, 409);
  });

  test('finds the message that an appeal names, in every form in which the gateway gives it out', async () => {
    const { recipients } = (await call('GET', `/v1/messages/${sent}`)).body;
    const tokens = openTokens(openSecrets([{ version: 1, secret: SECRET }]));
    const named = { id: decodeTypeId('msg', sent)!, tenant: tenant.no };
    const messageId = tokens.makeMessageId(named, 'postern.localhost');
    for (const form of [sent, recipients[0].id, messageId, messageId.slice(1, -1)]) {
      const id = await stop();
      const filed = await appeal(form);
      assert.equal(filed.status, 201, `${form}: ${JSON.stringify(filed.body)}`);
      assert.equal(filed.body.message_id, sent, form);
      await operator('POST', `/v1/quarantines/${id}/release`, { note: 'Seen.', held: 'drop' });
    }
  });

  test('knows no message of another tenant, and no appeal without a quarantine', async () => {
    assert.equal((await appeal()).status, 409);
    const id = await stop();
    const other = await makeTenant(gateway);
    const foreign = (await other.agent.call('POST', '/v1/messages', mail('x@example.com'))).body.id;
    const tokens = openTokens(openSecrets([{ version: 1, secret: SECRET }]));
    const theirs = tokens.makeMessageId({ id: decodeTypeId('msg', foreign)!, tenant: other.no }, 'postern.localhost');
    for (const form of [foreign, theirs, 'rcp_01jb2m3n4p5q6r7s8t9v0w1x2y', 'nothing', '<nobody@nowhere>']) {
      assert.equal((await appeal(form)).status, 404, form);
    }
    await operator('POST', `/v1/quarantines/${id}/release`, { note: 'Seen.', held: 'drop' });
  });

  test('is told to the people of the account at every step', async () => {
    const tenantNo = tenant.no;
    const { rows } = await gateway.gateway.store.notices({ tenantNo, mode: 'test', limit: 100, cursor: null });
    const kinds = new Set(rows.map(({ kind }) => kind));
    for (const kind of ['quarantine', 'quarantine_appeal', 'quarantine_upheld', 'quarantine_released']) {
      assert.ok(kinds.has(kind), kind);
    }
    assert.ok(rows.every(({ copies }) => copies.some(({ email }) => email === 'owner@acme.example')));
  });

  test('is the operator’s alone, in a queue by score and then by age', async () => {
    for (const path of ['/v1/quarantines', '/v1/quarantines/qtn_x']) {
      assert.equal((await tenant.person.call('GET', path)).status, 403);
    }
    const tenants = await Promise.all([makeTenant(gateway), makeTenant(gateway), makeTenant(gateway)]);
    for (let n = 0; n < 6; n += 1) {
      await tenants[2]!.agent.call('POST', '/v1/messages', { ...mail('bob@example.com'), text: 'hi' });
    }
    const ids: string[] = [];
    for (const one of tenants) {
      ids.push((await operator('POST', `/v1/tenants/${one.id}/quarantine`, { note: 'Odd.', mode: 'test' })).body.id);
    }
    const first = (await operator('GET', '/v1/quarantines?limit=2&mode=test')).body;
    const rest = (await operator('GET', `/v1/quarantines?limit=2&mode=test&cursor=${first.next_cursor}`)).body;
    const seen = [...first.data, ...rest.data].map((one: { id: string }) => one.id);
    assert.deepEqual(seen, [ids[2], ids[0], ids[1]]);
    assert.equal(rest.next_cursor, null);
    assert.equal((await operator('GET', '/v1/quarantines?mode=live')).body.data.length, 0);
    assert.equal((await operator('GET', '/v1/quarantines/qtn_nothing')).status, 404);
    const released = (await operator('GET', `/v1/quarantines?state=released&tenant=${tenant.id}`)).body.data;
    assert.equal(released.length, 6);
  });
});
