/** Test mode: every outcome can be had without a next hop, and what is taken can be read in the sink. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EventType } from '../../src/core/events.ts';
import type { StoredRecipient } from '../../src/data/store.ts';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

async function start(t: TestContext): Promise<TestGateway> {
  // A next hop that nobody may be connected to: test mail never leaves.
  const gateway = await startTestGateway({ POSTERN_OUTBOUND: 'smtp://127.0.0.1:1' });
  t.after(() => gateway.stop());
  return gateway;
}

/** Sends to a simulator address and waits for an event of this type about it. */
async function outcome(gateway: TestGateway, local: string, type: EventType): Promise<StoredRecipient> {
  const to = `${local}@simulator.postern.test`;
  const { status, body } = await gateway.fetchJson('POST', '/v1/messages', { to, subject: 'x', text: 'y' });
  assert.equal(status, 202, JSON.stringify(body));
  const message = await messageAfter(gateway.gateway.store, { tenantNo: 1, mode: 'test', id: body.id }, type);
  return message.recipients[0]!;
}

test('delivered: it arrives, and stands in the sink with its return path', async (t) => {
  const gateway = await start(t);
  assert.equal((await outcome(gateway, 'delivered', 'message.delivered')).state, 'delivered');
  const { store } = gateway.gateway;
  const query = { tenantNo: 1, mode: 'test', limit: 10, cursor: null } as const;
  const { rows } = await store.captures({ ...query, recipient: 'delivered@simulator.postern.test' });
  assert.equal(rows.length, 1);
  assert.match(rows[0]!.from, /^b\+/);
  assert.match(Buffer.from(rows[0]!.raw).toString(), /^Subject: x\r$/m);
  assert.equal((await store.captures({ ...query, recipient: 'nobody@example.com' })).rows.length, 0);
  assert.equal((await store.captures({ ...query, mode: 'live', recipient: null })).rows.length, 0);
  assert.deepEqual(await store.captureById({ tenantNo: 1, mode: 'test', id: rows[0]!.id }), rows[0]);
  assert.equal(await store.captureById({ tenantNo: 1, mode: 'live', id: rows[0]!.id }), null);
});

test('bounced: a hard bounce that suppresses the address among the test data', async (t) => {
  const gateway = await start(t);
  assert.equal((await outcome(gateway, 'bounced', 'message.bounced')).state, 'bounced');
  const again = { to: 'bounced@simulator.postern.test', subject: 'x', text: 'y' };
  assert.equal((await gateway.fetchJson('POST', '/v1/messages', again)).body.code, 'suppressed');
});

test('bounced-soft: the mailbox is full, and nothing is suppressed', async (t) => {
  const gateway = await start(t);
  assert.equal((await outcome(gateway, 'bounced-soft', 'message.bounced')).state, 'bounced');
  assert.equal((await outcome(gateway, 'bounced-soft', 'message.bounced')).state, 'bounced');
});

test('deferred: it will be tried again, with when', async (t) => {
  const recipient = await outcome(await start(t), 'deferred', 'message.deferred');
  assert.equal(recipient.state, 'deferred');
  assert.ok(recipient.nextAttemptAt! > Date.now());
});

test('uncertain: it will be sent again, and says that it may be a second copy', async (t) => {
  const recipient = await outcome(await start(t), 'uncertain', 'message.uncertain');
  assert.equal(recipient.state, 'uncertain');
  assert.equal(recipient.possibleDuplicate, true);
});

test('complained: it arrives, and the complaint suppresses the address', async (t) => {
  const gateway = await start(t);
  assert.equal((await outcome(gateway, 'complained', 'message.complained')).state, 'delivered');
  const again = { to: 'complained@simulator.postern.test', subject: 'x', text: 'y' };
  assert.equal((await gateway.fetchJson('POST', '/v1/messages', again)).body.code, 'suppressed');
});

test('replied: it arrives and is answered', async (t) => {
  assert.equal((await outcome(await start(t), 'replied', 'message.replied')).state, 'delivered');
});
