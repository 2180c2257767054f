import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { endOfWeek, isoWeek } from '../../src/data/sqlite/archives.ts';
import { messageRow } from '../../src/data/sqlite/stored.ts';
import type { Principal } from '../../src/data/store.ts';
import { decided, newPrincipal, submission } from '../harness/submissions.ts';
import { TestWriter } from '../harness/writer.ts';

const DAY_MS = 86_400_000;
const REPORT = { provider: 'test', mailbox: null, reply: '250 ok', class: null };
const blob = (letter: string) => ({ sha256: letter.repeat(64), size: 1000 });

let writer: TestWriter;
beforeEach(() => {
  writer = new TestWriter();
});
afterEach(() => writer.close());

async function send(principal: Principal, given: Parameters<typeof submission>[1] = {}): Promise<string> {
  return decided(await writer.store.admit(submission(principal, given))).messageId;
}

async function deliverAll(): Promise<void> {
  for (const { recipient, token } of await writer.store.claim({ most: 1000, live: true })) {
    await writer.store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' });
  }
}

async function seen(principal: Principal, id: string) {
  const name = { ...principal, id };
  const timeline = await writer.store.messageTimeline(name);
  return {
    message: { ...(await writer.store.message(name)), hasContent: null },
    verdict: await writer.store.storedVerdict(name),
    events: timeline?.events,
    admission: timeline?.admission,
  };
}

const inMain = (): number => Number(writer.rows('SELECT count(*) AS n FROM message')[0]?.['n']);
const archives = (): string[] => readdirSync(writer.directory).filter((name) => /^archive-.*\.db$/.test(name));
const storage = (principal: Principal): number =>
  writer.group((state) => state.spaces.get(principal.tenantNo * 2).account.storageUsed);

describe('the archive', () => {
  it('takes closed messages a week after their last event, and they read as before', async () => {
    const policy = { limits: [{ name: 'person', scope: 'recipient' as const, window: 'rolling_24h', max: 1 }] };
    const principal = await newPrincipal(writer.store, { policy });
    const ids = [
      await send(principal, { to: ['a@example.com', 'b@example.com'], blobs: [blob('a'), blob('b')] }),
      await send(principal, { to: ['c@example.com'], blobs: [blob('b')], idempotency: { key: 'k', fingerprint: 'f' } }),
      await send(principal, { to: ['c@example.com'], body: 'refused' }),
    ];
    await deliverAll();
    const before = await Promise.all(ids.map((id) => seen(principal, id)));
    assert.ok(storage(principal) > 3000);
    writer.now += 7 * DAY_MS - 1000;
    assert.equal(writer.sweep('archive').count, 0);
    writer.now += 1000;
    const swept = writer.sweep('archive');
    assert.equal(swept.count, 3);
    assert.deepEqual(swept.unused.sort(), [blob('a').sha256, blob('b').sha256]);
    assert.equal(inMain(), 0);
    assert.deepEqual(
      writer.rows('SELECT count(*) AS n FROM recipient'),
      [{ n: 0 }].map((row) => Object.assign(Object.create(null), row)),
    );
    assert.equal(storage(principal), 0);
    assert.deepEqual(archives(), [`archive-${isoWeek(writer.now - 7 * DAY_MS)}.db`]);
    assert.deepEqual(await Promise.all(ids.map((id) => seen(principal, id))), before);
    const page = await writer.store.messages({
      ...principal,
      cursor: null,
      limit: 10,
      filter: { status: null, tag: null, recipient: null, reason: null, since: null, until: null, q: null },
    });
    assert.deepEqual(
      page.rows.map(({ id }) => id),
      [...ids].reverse(),
    );
    const other = await newPrincipal(writer.store);
    assert.equal(await writer.store.message({ ...other, id: ids[0]! }), null);
  });

  it('keeps a blob until the last message that holds it is archived', async () => {
    const principal = await newPrincipal(writer.store);
    await send(principal, { blobs: [blob('c')] });
    await deliverAll();
    writer.now += 4 * DAY_MS;
    await send(principal, { blobs: [blob('c')], to: ['eve@example.com'] });
    await deliverAll();
    writer.now += 3 * DAY_MS;
    assert.deepEqual(writer.sweep('archive').unused, []);
    writer.now += 4 * DAY_MS;
    assert.deepEqual(writer.sweep('archive').unused, [blob('c').sha256]);
  });

  it('leaves a message alone while one of its recipients is open, and a week longer', async () => {
    const principal = await newPrincipal(writer.store);
    await send(principal, { to: ['a@example.com', 'b@example.com'], expiresAt: writer.now + 60 * DAY_MS });
    const [first, second] = await writer.store.claim({ most: 10, live: true });
    await writer.store.settle({ ...first!, attempt: REPORT, outcome: 'delivered' });
    const nextAttemptAt = writer.now + 20 * DAY_MS;
    await writer.store.settle({ ...second!, attempt: REPORT, outcome: 'deferred', nextAttemptAt });
    writer.now = nextAttemptAt;
    assert.equal(writer.sweep('archive').count, 0);
    await deliverAll();
    writer.now += 6 * DAY_MS;
    assert.equal(writer.sweep('archive').count, 0);
    writer.now += DAY_MS;
    assert.equal(writer.sweep('archive').count, 1);
  });

  it('has a message twice, never nowhere, when it crashes between the copy and the deletion', async () => {
    const principal = await newPrincipal(writer.store);
    const ids: string[] = [];
    for (let i = 0; i < 60; i += 1) ids.push(await send(principal, { to: [`p${i}@example.com`] }));
    await deliverAll();
    const before = await Promise.all(ids.map((id) => seen(principal, id)));
    writer.now += 7 * DAY_MS;
    let left = 60;
    for (let slices = 0; left > 0 && slices < 50; slices += 1) {
      // The archive is committed, the deletion is not.
      writer.sweep('archive', true);
      writer.restart();
      assert.equal(inMain(), left);
      assert.deepEqual(await Promise.all(ids.map((id) => seen(principal, id))), before);
      const { count } = await writer.store.sweep({ kind: 'archive' });
      left -= count;
      assert.equal(inMain(), left);
      assert.deepEqual(await Promise.all(ids.map((id) => seen(principal, id))), before);
    }
    assert.equal(left, 0);
    assert.equal(storage(principal), 0);
  });

  it('brings a message back when something comes back about it, and puts it away again', async () => {
    const principal = await newPrincipal(writer.store);
    const id = await send(principal);
    await deliverAll();
    writer.now += 8 * DAY_MS;
    writer.sweep('archive');
    assert.equal(inMain(), 0);
    const answer = await writer.store.reportReturn({
      ...principal,
      messageId: id,
      email: null,
      kind: 'bounce',
      class: 'unknown_user',
      at: null,
    });
    assert.equal(answer.outcome, 'applied');
    assert.equal(inMain(), 1);
    assert.equal((await writer.store.message({ ...principal, id }))?.recipients[0]?.state, 'bounced');
    writer.now += 20 * DAY_MS;
    assert.equal(writer.sweep('archive').count, 1);
    assert.equal(inMain(), 0);
    assert.equal(archives().length, 2);
    assert.equal((await writer.store.message({ ...principal, id }))?.recipients[0]?.state, 'bounced');
  });

  it('has a silence of more than a week told all the same', async () => {
    const principal = await newPrincipal(writer.store);
    const messageId = await send(principal);
    await deliverAll();
    const waitMs = 10 * DAY_MS;
    const id = messageId.replace('msg_', 'thr_');
    await writer.store.awaitReply({ ...principal, id, messageId, dueAt: writer.now + waitMs, waitMs });
    writer.now += 8 * DAY_MS;
    assert.equal(writer.sweep('archive').count, 1);
    writer.now += 2 * DAY_MS;
    writer.sweep('silences');
    const { events } = await writer.store.events({
      ...principal,
      ...{ afterSeq: null, types: ['message.no_reply'], limit: 10 },
    });
    assert.deepEqual(
      events.map(({ data }) => [data['message_id'], data['waited_ms']]),
      [[messageId, waitMs]],
    );
  });

  it('gives a repeated key its answer from the archive', async () => {
    const principal = await newPrincipal(writer.store);
    const dedupe = { key: 'd', fingerprint: 'f', block: false };
    const id = await send(principal, { dedupe });
    await deliverAll();
    writer.now += 10 * DAY_MS;
    writer.sweep('archive');
    const again = decided(await writer.store.admit(submission(principal, { dedupe })));
    assert.deepEqual([again.outcome, again.messageId], ['replayed', id]);
  });

  it('removes whole files once every message in them is past its retention, or past the longest of a plan', async () => {
    const principal = await newPrincipal(writer.store);
    const id = await send(principal);
    await deliverAll();
    const end = endOfWeek(isoWeek(writer.now));
    writer.now += 7 * DAY_MS;
    writer.sweep('archive');
    const [file] = archives();
    writer.now = end + 90 * DAY_MS - 1;
    assert.equal(writer.sweep('archives').count, 0);
    writer.db.exec(`INSERT INTO plan (name, document, updated_at) VALUES ('long', '{"retention_days":100}', 0)`);
    writer.db.prepare("UPDATE tenant SET plan = 'long' WHERE no = ?").run(principal.tenantNo);
    writer.now = end + 100 * DAY_MS - 1;
    assert.equal(writer.sweep('archives').count, 0);
    assert.notEqual(await writer.store.message({ ...principal, id }), null);
    writer.now += 1;
    assert.equal(writer.sweep('archives').count, 1);
    assert.equal(existsSync(join(writer.directory, file!)), false);
    assert.equal(await writer.store.message({ ...principal, id }), null);
    assert.equal(
      writer.group((state) => messageRow(state.db, 1)),
      null,
    );
  });

  it('forgets what it holds of a test tenant when the test data is emptied', async () => {
    const principal = await newPrincipal(writer.store, { mode: 'test' });
    const id = await send(principal);
    await deliverAll();
    writer.now += 9 * DAY_MS;
    assert.equal(writer.sweep('archive').count, 1);
    assert.notEqual(await writer.store.message({ ...principal, id }), null);
    await writer.store.resetTestData({ tenantNo: principal.tenantNo, actor: 'test' });
    assert.equal(await writer.store.message({ ...principal, id }), null);
  });
});

describe('ISO weeks', () => {
  it('belong to the year of their Thursday', () => {
    for (const [day, week] of [
      ['2026-01-01', '2026-W01'],
      ['2025-12-29', '2026-W01'],
      ['2027-01-03', '2026-W53'],
      ['2027-01-04', '2027-W01'],
      ['2024-12-30', '2025-W01'],
      ['2026-11-22', '2026-W47'],
    ] as const) {
      const start = Date.parse(`${day}T00:00:00Z`);
      assert.equal(isoWeek(start), week);
      assert.equal(isoWeek(start + DAY_MS - 1), week);
      assert.ok(endOfWeek(week) > start && endOfWeek(week) - start <= 7 * DAY_MS);
      assert.notEqual(isoWeek(endOfWeek(week)), week);
    }
  });
});
