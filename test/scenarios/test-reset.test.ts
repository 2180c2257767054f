import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { delivered } from '../harness/sink.ts';
import { moveClock, send, setPolicy } from '../harness/test-mode.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  for (const mode of ['live', 'test'] as const) {
    await setPolicy(
      gateway,
      { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 3 }], cooldown: { seconds: 60 } },
      mode,
    );
  }
});
after(() => gateway.stop());

/** Rows a space has in every table that holds one. */
function rows(mode: 'live' | 'test'): Record<string, number> {
  const db = new DatabaseSync(join(gateway.directory, 'postern.db'), { readOnly: true });
  const tables = db
    .prepare("SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE c.name = 'space'")
    .all();
  const space = mode === 'test' ? 3 : 2;
  const counts: Record<string, number> = {};
  for (const { name } of tables as { name: string }[]) {
    counts[name] = (db.prepare(`SELECT count(*) AS n FROM ${name} WHERE space = ?`).get(space) as { n: number }).n;
  }
  db.close();
  return counts;
}

function newestSeq(): number {
  const db = new DatabaseSync(join(gateway.directory, 'postern.db'), { readOnly: true });
  const row = db.prepare('SELECT max(seq) AS seq FROM event WHERE space = 3').get() as { seq: number | null };
  db.close();
  return row.seq ?? 0;
}

/** Where the log ends stays known, so that its numbers go on. */
const KEPT = new Set(['policy_document', 'identity', 'test_clock', 'event_head']);

test('a reset empties messages, counters, contacts and keys of test mode, and numbers of events go on', async () => {
  await moveClock(gateway, { now: '2027-03-01T09:00:00Z' });
  const keyed = { headers: { 'idempotency-key': 'k1' } };
  const attachments = [{ filename: 'a.txt', content: 'aGVsbG8=' }];
  const first = await send(gateway, { to: 'a@example.com', attachments }, keyed);
  const all = [first];
  for (const to of ['b@example.com', 'c@example.com']) all.push(await send(gateway, { to }));
  for (const one of all) {
    assert.equal(one.status, 202);
    await delivered(gateway, one.body.id);
  }
  const refused = await send(gateway, { to: 'd@example.com' });
  assert.equal(refused.status, 429);
  const seq = newestSeq();
  assert.ok(seq >= 4);

  const reset = await gateway.fetchJson('POST', '/v1/test/reset');
  assert.equal(reset.status, 200);
  assert.deepEqual(reset.body, { now: '2027-03-01T09:00:00.000Z', frozen: true, due: 0 });
  const audited = await gateway.fetchJson('GET', '/v1/audit?limit=1');
  assert.equal(audited.body.data[0].actor_id, (await gateway.fetchJson('GET', '/v1/me')).body.id);
  for (const [table, count] of Object.entries(rows('test'))) {
    if (!KEPT.has(table)) assert.equal(count, 0, table);
  }
  assert.equal(rows('test')['policy_document'], 1);

  const again = await send(gateway, { to: 'a@example.com' }, keyed);
  assert.equal(again.status, 202, 'neither cooldown, limit nor key is left');
  assert.notEqual(again.body.id, first.body.id);
  assert.equal(again.body.limits[0].used, 1, 'the policy stays');
  assert.ok(newestSeq() > seq);
  const events = await gateway.fetchJson('GET', '/v1/events?after_seq=0');
  assert.equal(events.status, 200, 'who emptied the log has not come too late for it');
  assert.equal(events.body.data[0].seq, seq + 1);
  for (const to of ['b@example.com', 'c@example.com']) await send(gateway, { to });
  const refusedAgain = await send(gateway, { to: 'd@example.com' });
  assert.notEqual(refusedAgain.body.message_id, refused.body.message_id, 'no refusal is folded into a removed one');
});

test('a reset leaves live mode as it is', async () => {
  const key = gateway.liveKey;
  const first = await send(gateway, {}, { key, headers: { 'idempotency-key': 'k1' } });
  assert.equal(first.status, 202);
  await delivered(gateway, first.body.id, 'live');
  // Rows of the ledger follow when there is time for them.
  const { ledger, ...before } = rows('live');
  assert.equal((await gateway.fetchJson('POST', '/v1/test/reset')).status, 200);
  const { ledger: later, ...kept } = rows('live');
  assert.deepEqual(kept, before);
  assert.ok(later! >= ledger!);
  const replayed = await send(gateway, {}, { key, headers: { 'idempotency-key': 'k1' } });
  assert.equal(replayed.body.id, first.body.id);
  assert.equal((await send(gateway, {}, { key })).body.code, 'cooldown');
});

test('a reset survives a restart: nothing comes back, and event numbers still go on', async () => {
  await send(gateway, { to: 'z@example.com' });
  const seq = newestSeq();
  await gateway.fetchJson('POST', '/v1/test/reset');
  const { testKey, directory, operatorKey } = gateway;
  await gateway.gateway.stop();
  gateway = await startTestGateway({ POSTERN_DATA_DIR: directory, POSTERN_OPERATOR_KEY: operatorKey });
  const sent = await send(gateway, { to: 'z@example.com' }, { key: testKey });
  assert.equal(sent.status, 202);
  assert.equal(sent.body.created_at, '2027-03-01T09:00:00.000Z', 'the clock stands where it stood');
  assert.equal(sent.body.limits[0].used, 1);
  assert.ok(newestSeq() > seq);
});
