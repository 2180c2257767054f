import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Receiver, seqs, startReceiver } from '../harness/receiver.ts';
import { until } from '../harness/until.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-webhook-gap-'));
const environment = { POSTERN_DATA_DIR: directory, POSTERN_WEBHOOK_ALLOW: '127.0.0.0/8' };
let gateway: TestGateway;
let receiver: Receiver;

before(async () => {
  receiver = await startReceiver();
  gateway = await startTestGateway(environment);
});
after(async () => {
  await gateway.stop();
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

test('events that retention removed before they were delivered are told as a gap, and the rest is delivered', async () => {
  const key = gateway.testKey;
  const { id } = (await gateway.fetchJson('POST', '/v1/webhooks', { url: receiver.url })).body;
  await gateway.fetchJson('POST', `/v1/webhooks/${id}/disable`);
  for (const name of ['ann', 'bob', 'cid', 'dan']) {
    await gateway.fetchJson('POST', '/v1/suppressions', { email: `${name}@example.com`, reason: 'manual_dnc' });
  }
  await gateway.stop();
  const db = new DatabaseSync(join(directory, 'postern.db'));
  db.exec('UPDATE event_head SET floor = 3 WHERE space % 2 = 1; DELETE FROM event WHERE seq <= 3 AND space % 2 = 1');
  db.close();
  gateway = await startTestGateway(environment);
  const call = (method: string, path: string, body?: unknown) => gateway.fetchJson(method, path, body, { key });
  const expired = await call('POST', `/v1/webhooks/${id}/replay?from_seq=2`);
  assert.equal(expired.status, 410, JSON.stringify(expired.body));
  assert.equal(expired.body.code, 'cursor_expired');
  await call('POST', `/v1/webhooks/${id}/enable`);
  const came = await receiver.came(3);
  assert.deepEqual(seqs(came), [4, 5, 6]);
  await until(async () => (await call('GET', `/v1/webhooks/${id}`)).body.last_seq === 6, 60_000, 'all is delivered');
  const { gap } = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.deepEqual([gap.from_seq, gap.to_seq], [1, 3]);
});

test('emptied test data leaves the webhook, which goes on with what comes next', async () => {
  const key = gateway.operatorKey;
  const headers = { 'x-tenant': gateway.tenantId, 'x-mode': 'test' };
  const call = (method: string, path: string, body?: unknown) =>
    gateway.fetchJson(method, path, body, { key, headers });
  const [{ id }] = (await call('GET', '/v1/webhooks')).body.data;
  receiver.answer(500);
  const before = receiver.received.length;
  await call('POST', '/v1/suppressions', { email: 'eve@example.com', reason: 'manual_dnc' });
  await receiver.came(before + 1);
  await call('POST', '/v1/test/reset');
  receiver.answer(200);
  await call('POST', '/v1/suppressions', { email: 'fay@example.com', reason: 'manual_dnc' });
  const [next] = await receiver.came(1, ({ event }) => event.seq === 8);
  assert.equal(next!.status, 200);
  const shown = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.deepEqual([shown.status, shown.gap?.to_seq], ['active', 3]);
});

test('a stop does not wait for a receiver that hangs longer than its grace, and the event comes after the next start', async () => {
  const call = (method: string, path: string, body?: unknown) => {
    const headers = { 'x-tenant': gateway.tenantId, 'x-mode': 'test' };
    return gateway.fetchJson(method, path, body, { key: gateway.operatorKey, headers });
  };
  const before = receiver.received.length;
  receiver.answer(() => undefined);
  await call('POST', '/v1/suppressions', { email: 'gil@example.com', reason: 'manual_dnc' });
  const hung = (await receiver.came(before + 1)).at(-1)!;
  const startedAt = performance.now();
  await gateway.stop();
  assert.ok(performance.now() - startedAt < 10_000, 'an attempt may last longer than that');
  receiver.answer(200);
  gateway = await startTestGateway(environment);
  const [again] = await receiver.came(1, (one) => one.status === 200 && one.event.id === hung.event.id);
  assert.equal(again!.raw, hung.raw);
  const [{ id }] = (await call('GET', '/v1/webhooks')).body.data;
  const { data } = (await call('GET', `/v1/webhooks/${id}/deliveries?outcome=failed`)).body;
  assert.equal(
    data.filter((one: { seq: number }) => one.seq === hung.event.seq).length,
    0,
    'the stop is no failure of it',
  );
});
