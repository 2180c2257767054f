/** A disk that is full: sends are told to come again, what is under way is recorded, and it goes on by itself. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { fileBlobs } from '../../src/data/blobs.ts';
import { StoreFault } from '../../src/data/store.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { mountSmallDisk } from '../harness/small-disk.ts';
import { until } from '../harness/until.ts';

const REPORT = { provider: 'test', mailbox: null, reply: '250 ok', class: null };
const mounted = mountSmallDisk(64);
const skip = 'reason' in mounted ? mounted.reason : false;
const disk = 'disk' in mounted ? mounted.disk : null;

async function sendUntilRefused(gateway: TestGateway, accepted: string[], most: number): Promise<Answer | null> {
  const text = 'A sentence that takes some room. '.repeat(1200);
  for (let i = 0; i < most; i += 1) {
    const to = `p${accepted.length}@example.com`;
    const answer = await gateway.fetchJson('POST', '/v1/messages', { to, subject: 'full', text });
    if (answer.status !== 202) return answer;
    accepted.push(answer.body.id);
  }
  return null;
}

async function allThere(gateway: TestGateway, accepted: readonly string[]): Promise<void> {
  for (const id of accepted) {
    const answer = await gateway.fetchJson('GET', `/v1/messages/${id}`);
    assert.equal(answer.status, 200, id);
  }
}

it('survives a full disk and a start on it', { skip, timeout: 120_000 }, async (t) => {
  t.after(() => disk!.remove());
  const environment = { POSTERN_DATA_DIR: disk!.directory, POSTERN_ROLE: 'api' };
  let gateway = await startTestGateway(environment);
  const { testKey } = gateway;
  const accepted: string[] = [];
  await sendUntilRefused(gateway, accepted, 20);
  const claimed = await gateway.gateway.store.claim({ most: 10, live: true });
  assert.equal(claimed.length, 10);
  for (const one of claimed.slice(0, 5)) assert.equal(await gateway.gateway.store.mark(one), true);

  let free = disk!.fill(2 * 1024 * 1024);
  const refused = await sendUntilRefused(gateway, accepted, 500);
  assert.equal(refused?.status, 503);
  assert.equal(refused?.body.code, 'service_unavailable');
  assert.ok(Number(refused?.headers.get('retry-after')) >= 1);
  for (let i = 0; i < 20; i += 1) {
    const again = await gateway.fetchJson('POST', '/v1/messages', { to: 'x@example.com', subject: 's', text: 't' });
    assert.equal(again.status, 503);
  }
  assert.equal((await gateway.fetchJson('GET', '/readyz')).status, 503);
  assert.equal((await gateway.fetchJson('GET', '/healthz')).status, 200);
  // Nothing new leaves, and what left is not forgotten.
  await assert.rejects(gateway.gateway.store.mark(claimed[5]!), (error) => (error as StoreFault).kind === 'full');
  await assert.rejects(gateway.gateway.store.claim({ most: 1, live: true }), StoreFault);
  for (const { recipient, token } of claimed.slice(0, 5)) {
    const settled = { recipient, token, attempt: REPORT, outcome: 'delivered' as const };
    assert.equal(await gateway.gateway.store.settle(settled), true);
  }
  await allThere(gateway, accepted);

  free();
  await until(async () => (await gateway.fetchJson('GET', '/readyz')).status === 200, 20_000, 'ready again');
  assert.equal(await sendUntilRefused(gateway, accepted, 5), null);
  for (const { messageId } of claimed.slice(0, 5)) {
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${messageId}`);
    assert.equal(body.status, 'delivered');
  }
  await allThere(gateway, accepted);

  // A stop and a start while it is full.
  free = disk!.fill(300 * 1024);
  assert.equal((await sendUntilRefused(gateway, accepted, 500))?.status, 503);
  await gateway.stop();
  gateway = await startTestGateway(environment);
  const fetchJson: TestGateway['fetchJson'] = (method, path, body) =>
    gateway.fetchJson(method, path, body, { key: testKey });
  const restarted = { ...gateway, fetchJson };
  await allThere(restarted, accepted);
  assert.equal((await sendUntilRefused(restarted, accepted, 500))?.status, 503);
  free();
  await until(async () => (await restarted.fetchJson('GET', '/readyz')).status === 200, 20_000, 'ready after a start');
  assert.equal(await sendUntilRefused(restarted, accepted, 5), null);
  await allThere(restarted, accepted);
  await gateway.stop();
});

it('tells a blob that finds no room the same', { skip: skip || false, timeout: 30_000 }, async (t) => {
  const small = mountSmallDisk(1);
  if ('reason' in small) return t.skip(small.reason);
  t.after(() => small.disk.remove());
  const blobs = fileBlobs(small.disk.directory);
  const bytes = new Uint8Array(2 * 1024 * 1024);
  const name = createHash('sha256').update(bytes).digest('hex');
  await assert.rejects(blobs.put(name, bytes), (error) => (error as StoreFault).kind === 'full');
  assert.ok(small.disk.freeBytes() > 900_000, 'no half is left');
});
