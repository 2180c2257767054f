import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Claimed, Principal } from '../../src/data/store.ts';
import { decided, newPrincipal, submission } from '../harness/submissions.ts';
import { TestWriter } from '../harness/writer.ts';

const DAY_MS = 86_400_000;
const REPORT = { provider: 'test', mailbox: null, reply: '250 ok', class: null };

let writer: TestWriter;
beforeEach(() => {
  writer = new TestWriter({ keys: { keys: 40, generations: 1 } });
});
afterEach(() => writer.close());

async function send(principal: Principal, given: Parameters<typeof submission>[1] = {}): Promise<string> {
  return decided(await writer.store.admit(submission(principal, given))).messageId;
}

async function claimAll(): Promise<Claimed[]> {
  return writer.store.claim({ most: 1000, live: true });
}

async function deliverAll(): Promise<void> {
  for (const { recipient, token } of await claimAll()) {
    await writer.store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' });
  }
}

const count = (table: string): number => Number(writer.rows(`SELECT count(*) AS n FROM ${table}`)[0]?.['n']);

describe('compressing', () => {
  const long = JSON.stringify({ text: 'A sentence that comes again and again. '.repeat(500) });

  it('packs long content a minute after it came, and the claim has it as it was', async () => {
    const principal = await newPrincipal(writer.store);
    await send(principal, { body: long });
    await send(principal, { body: '{"text":"short"}', to: ['eve@example.com'] });
    writer.now += 59_000;
    assert.equal(writer.sweep('compress').count, 0);
    writer.now += 1001;
    assert.equal(writer.sweep('compress').count, 1);
    assert.equal(writer.sweep('compress').count, 0);
    const packed = writer.rows('SELECT octet_length(body) AS n FROM message ORDER BY id')[0];
    assert.ok(Number(packed?.['n']) < long.length / 10);
    const claimed = await claimAll();
    const texts = claimed.map(({ content }) => ('inline' in content ? Buffer.from(content.inline).toString() : null));
    assert.deepEqual(texts.sort(), ['{"text":"short"}', long].sort());
  });

  it('finds a flipped bit, and only that message has lost its content', async () => {
    const principal = await newPrincipal(writer.store);
    await send(principal, { body: long });
    await send(principal, { body: `${long} `, to: ['eve@example.com'] });
    writer.now += 61_000;
    writer.sweep('compress');
    const [row] = writer.rows('SELECT id, body FROM message ORDER BY id');
    const body = Buffer.from(row?.['body'] as Uint8Array);
    body[body.length >> 1]! ^= 4;
    writer.db.prepare('UPDATE message SET body = ? WHERE id = ?').run(body, Number(row?.['id']));
    const claimed = await claimAll();
    assert.deepEqual(
      claimed.map(({ content }) => 'gone' in content),
      [true, false],
    );
  });
});

describe('the queue over rows that cannot be read', () => {
  it('fails the one recipient and hands out the others', async () => {
    const principal = await newPrincipal(writer.store);
    const ids = [
      await send(principal, { to: ['a@example.com'] }),
      await send(principal, { to: ['b@example.com'] }),
      await send(principal, { to: ['c@example.com'] }),
    ];
    writer.db.exec(`UPDATE recipient SET message = 1 WHERE email = 'b@example.com'`);
    const claimed = await claimAll();
    assert.deepEqual(
      claimed.map(({ messageId }) => messageId),
      [ids[0], ids[2]],
    );
    assert.equal(count('recipient WHERE state = 9'), 1);
  });
});

describe('old events', () => {
  const page = async (principal: Principal) =>
    writer.store.events({ ...principal, afterSeq: null, types: null, limit: 1000 });

  it('go after ninety days, oldest first, and the numbers go on', async () => {
    const principal = await newPrincipal(writer.store);
    for (let i = 0; i < 5; i += 1) await send(principal, { to: [`p${i}@example.com`] });
    await deliverAll();
    writer.now += 10 * DAY_MS;
    await send(principal, { to: ['later@example.com'] });
    await deliverAll();
    writer.now += 80 * DAY_MS - 1;
    writer.sweep('archive');
    assert.equal(writer.sweep('events').count, 0);
    writer.now += 1;
    assert.equal(writer.sweep('events').count, 15);
    const left = await page(principal);
    assert.deepEqual([left.oldestSeq, left.newestSeq], [16, 18]);
    assert.deepEqual(
      left.events.map(({ seq }) => seq),
      [16, 17, 18],
    );
    writer.now += 10 * DAY_MS;
    writer.sweep('events');
    const none = await page(principal);
    assert.deepEqual([none.events.length, none.oldestSeq, none.newestSeq], [0, 19, 18]);
    writer.restart();
    await send(principal, { to: ['new@example.com'] });
    assert.deepEqual(
      (await page(principal)).events.map(({ seq }) => seq),
      [19],
    );
  });

  it('stay while the archive has not walked past them', async () => {
    const principal = await newPrincipal(writer.store);
    const id = await send(principal);
    await deliverAll();
    writer.now += 200 * DAY_MS;
    assert.equal(writer.sweep('events').count, 0);
    assert.equal(writer.sweep('archive').count, 1);
    assert.equal(writer.sweep('events').count, 3);
    assert.notEqual(await writer.store.message({ ...principal, id }), null);
  });

  it('of test mode go by the arrival of their messages, wherever their clock stands', async () => {
    const live = await newPrincipal(writer.store);
    const test = { ...live, mode: 'test' as const };
    await send(test);
    await writer.store.moveTestClock({
      tenantNo: live.tenantNo,
      to: { now: writer.now + 300 * DAY_MS },
      actor: 'test',
    });
    await send(test, { to: ['eve@example.com'] });
    await deliverAll();
    writer.sweep('archive');
    assert.equal(writer.sweep('events').count, 0);
    const before = count('event');
    writer.now += 90 * DAY_MS;
    writer.sweep('archive');
    assert.ok(writer.sweep('events').count > 0);
    assert.ok(count('event') < before);
  });
});

describe('used keys', () => {
  it('go when their time is over, memory and runs included, and still make no second message before', async () => {
    const principal = await newPrincipal(writer.store);
    const send_ = async (i: number) =>
      decided(
        await writer.store.admit(
          submission(principal, { to: [`p${i}@example.com`], idempotency: { key: `k${i}`, fingerprint: 'f' } }),
        ),
      );
    const first: string[] = [];
    for (let i = 0; i < 130; i += 1) first.push((await send_(i)).messageId);
    // Groups in which the oldest keys move from memory to their runs, a part each.
    for (let i = 0; i < 1100; i += 1) writer.group(() => undefined);
    assert.ok(count('key_run') >= 80);
    for (const i of [0, 39, 40, 79, 80, 129]) assert.equal((await send_(i)).messageId, first[i]);
    writer.restart();
    for (const i of [0, 39, 40, 79, 80, 129]) assert.equal((await send_(i)).messageId, first[i]);
    writer.now += DAY_MS - 1000;
    assert.equal(writer.sweep('keys').count, 0);
    for (const i of [0, 129]) assert.equal((await send_(i)).messageId, first[i]);
    writer.now += 1000;
    assert.equal(writer.sweep('keys').count, 130);
    writer.sweep('keys');
    assert.deepEqual([count('used_key'), count('key_run'), count('key_bloom')], [0, 0, 0]);
    writer.restart();
    const again = await send_(0);
    assert.equal(again.outcome, 'admitted');
    assert.equal((await send_(0)).outcome, 'replayed');
  });

  it('move to their runs whole although groups fail on the way', async () => {
    const principal = await newPrincipal(writer.store);
    const use = (i: number) =>
      submission(principal, { to: [`p${i}@example.com`], idempotency: { key: `k${i}`, fingerprint: 'f' } });
    for (let i = 0; i < 90; i += 1) await writer.store.admit(use(i));
    for (let i = 0; i < 1500; i += 1) writer.group(() => undefined, i % 100 === 99);
    assert.ok(count('key_bloom') > 0);
    for (let i = 0; i < 90; i += 1) assert.equal((await writer.store.admit(use(i))).outcome, 'replayed', `key ${i}`);
    writer.restart();
    for (let i = 0; i < 90; i += 1) assert.equal((await writer.store.admit(use(i))).outcome, 'replayed', `key ${i}`);
  });

  it('of a tenant whose test clock stands still wait for that clock', async () => {
    const live = await newPrincipal(writer.store);
    const test = { ...live, mode: 'test' as const };
    await writer.store.moveTestClock({ tenantNo: live.tenantNo, to: { now: writer.now + DAY_MS }, actor: 'test' });
    await send(test, { idempotency: { key: 'k', fingerprint: 'f' } });
    writer.now += 5 * DAY_MS;
    assert.equal(writer.sweep('keys').count, 0);
  });
});

describe('what else has its time', () => {
  it('forgets uploads after a day, with the blobs that only they held', async () => {
    const principal = await newPrincipal(writer.store);
    const upload = { ...principal, size: 3, filename: 'a.txt', contentType: 'text/plain' };
    await writer.store.putUpload({ id: null, ...upload, sha256: 'a'.repeat(64) });
    await writer.store.putUpload({ id: null, ...upload, sha256: 'b'.repeat(64) });
    await send(principal, { blobs: [{ sha256: 'b'.repeat(64), size: 3 }] });
    writer.now += DAY_MS + 60_000;
    assert.deepEqual(writer.sweep('uploads').unused, ['a'.repeat(64)]);
    assert.equal(count('attachment'), 0);
  });

  it('forgets captured mail after a week', async () => {
    const principal = await newPrincipal(writer.store, { mode: 'test' });
    await send(principal);
    const [claimed] = await claimAll();
    await writer.store.mark(claimed!);
    const raw = new Uint8Array(100);
    await writer.store.capture({ recipient: claimed!.recipient, token: claimed!.token, from: 'a', to: 'b', raw });
    assert.equal(count('capture'), 1);
    writer.now += 7 * DAY_MS - 1000;
    assert.equal(writer.sweep('captures').count, 0);
    writer.now += 2000;
    assert.equal(writer.sweep('captures').count, 1);
  });

  it('forgets tallies and audit rows after four hundred days', async () => {
    const principal = await newPrincipal(writer.store);
    await send(principal);
    writer.sweep('ledger');
    assert.equal(count('tally'), 1);
    const audited = count('audit');
    assert.ok(audited > 0);
    writer.now += 399 * DAY_MS;
    writer.sweep('records');
    assert.deepEqual([count('tally'), count('audit')], [1, audited]);
    writer.now += 2 * DAY_MS;
    writer.sweep('records');
    assert.deepEqual([count('tally'), count('audit')], [0, 0]);
    assert.equal(count(`ledger WHERE key LIKE '#hour:%'`), 0);
  });

  it('gives rows to counters that lag behind when nothing else is to do, and empties the journal', async () => {
    const principal = await newPrincipal(writer.store);
    for (let i = 0; i < 40; i += 1) await send(principal, { to: [`p${i}@example.com`] });
    assert.equal(count('ledger'), 0);
    writer.sweep('ledger');
    for (let i = 0; i < 5; i += 1) writer.group(() => undefined);
    assert.ok(count('ledger') > 40);
    assert.equal(count('journal'), 0);
  });
});
