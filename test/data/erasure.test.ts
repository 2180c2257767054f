import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Principal } from '../../src/data/store.ts';
import { codes, decided, newPrincipal, submission } from '../harness/submissions.ts';
import { TestWriter } from '../harness/writer.ts';

const DAY_MS = 86_400_000;
const REPORT = { provider: 'test', mailbox: null, reply: '250 ok', class: null };
const ACTOR = { name: 'Dana', id: 'key_1', mayApprove: true, mayOperate: false };
const BOB = { key: 'bob@example.com', domain: 'example.com' };

describe('an erasure', () => {
  let writer: TestWriter;
  let principal: Principal;
  beforeEach(async () => {
    writer = new TestWriter();
    principal = await newPrincipal(writer.store);
  });
  afterEach(() => writer.close());

  const send = async (to: string[]): Promise<string> =>
    decided(await writer.store.admit(submission(principal, { to }))).messageId;
  const erase = () => writer.store.eraseContact({ ...principal, ...BOB, note: 'asked', actor: ACTOR });

  async function deliverAll(): Promise<void> {
    for (const { recipient, token } of await writer.store.claim({ most: 100, live: true })) {
      await writer.store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' });
    }
  }

  function archived(): number {
    const files = readdirSync(writer.directory).filter((name) => /^archive-.*\.db$/.test(name));
    return files.reduce((sum, name) => {
      const db = new DatabaseSync(join(writer.directory, name), { readOnly: true });
      const row = db.prepare('SELECT count(*) AS n FROM message').get() as { n: number };
      db.close();
      return sum + row.n;
    }, 0);
  }

  it('reaches into the archives, and what it took a person out of goes there again', async () => {
    const ids = [await send(['bob@example.com']), await send(['bob@example.com', 'eve@example.com'])];
    const other = await send(['jim@example.com']);
    await deliverAll();
    writer.now += 8 * DAY_MS;
    writer.sweep('archive');
    assert.equal(archived(), 3);
    await erase();
    const erased = await writer.store.eraseMessages({ ...principal, key: BOB.key, ids });
    assert.deepEqual([erased.removed, erased.stripped, erased.open, erased.busy], [1, 1, 0, 0]);
    await writer.store.eraseArchived({ ...principal, ids });
    assert.equal(archived(), 1);
    writer.now += 8 * DAY_MS;
    writer.sweep('archive');
    assert.equal(archived(), 2);
    assert.equal(await writer.store.message({ ...principal, id: ids[0]! }), null);
    const shared = await writer.store.message({ ...principal, id: ids[1]! });
    assert.deepEqual(
      shared?.recipients.map(({ email }) => email),
      ['erased@erased.invalid', 'eve@example.com'],
    );
    assert.notEqual(await writer.store.message({ ...principal, id: other }), null);
  });

  it('leaves alone what a worker has in hand, and finds it the next time', async () => {
    const id = await send(['bob@example.com']);
    const [claimed] = await writer.store.claim({ most: 1, live: true });
    await erase();
    const first = await writer.store.eraseMessages({ ...principal, key: BOB.key, ids: [id] });
    assert.deepEqual([first.removed, first.busy], [0, 1]);
    const { recipient, token } = claimed!;
    assert.equal(await writer.store.mark({ recipient, token }), false, 'the address is blocked before the dot');
    await writer.store.settle({ recipient, token, attempt: null, outcome: 'released', at: writer.now });
    const second = await writer.store.eraseMessages({ ...principal, key: BOB.key, ids: [id] });
    assert.equal(second.removed + second.stripped, 1);
  });

  it('gives the places of what it cancels back, and keeps what others wait for', async () => {
    const limits = [{ name: 'daily', scope: 'tenant' as const, window: 'rolling_24h', max: 2 }];
    const limited = await newPrincipal(writer.store, { policy: { limits } });
    const given = { to: ['bob@example.com', 'eve@example.com'], sendAt: writer.now + 3600_000 };
    const { messageId: id } = decided(await writer.store.admit(submission(limited, given)));
    const another = async () => codes(await writer.store.admit(submission(limited, { to: ['x@y.example'] })));
    assert.deepEqual(await another(), ['daily_quota_exceeded']);
    await writer.store.eraseContact({ ...limited, ...BOB, note: 'asked', actor: ACTOR });
    const erased = await writer.store.eraseMessages({ ...limited, key: BOB.key, ids: [id] });
    assert.deepEqual([erased.stripped, erased.open], [1, 1]);
    assert.deepEqual(await another(), []);
    const message = await writer.store.message({ ...limited, id });
    assert.deepEqual(
      message?.recipients.map(({ state }) => state),
      ['cancelled', 'scheduled'],
    );
    writer.now += 3600_000;
    await deliverAll();
    assert.equal((await writer.store.message({ ...limited, id }))?.recipients[1]?.state, 'delivered');
  });

  it('survives a crash: neither rows nor journal bring the contact back, and the hash still blocks', async () => {
    await send(['bob@example.com']);
    await deliverAll();
    await writer.store.changeContact({
      ...principal,
      ...BOB,
      change: { opportunity: { note: 'a quote' } },
      note: null,
      actor: ACTOR,
    });
    await erase();
    writer.restart();
    const contact = await writer.store.contact({ ...principal, ...BOB });
    assert.deepEqual([contact.opportunity, contact.lastSentAt], [null, null]);
    assert.deepEqual(
      contact.suppressions.map(({ reason }) => reason),
      ['legal_request'],
    );
    assert.deepEqual(codes(await writer.store.admit(submission(principal, { to: ['bob@example.com'] }))), [
      'suppressed',
    ]);
    writer.group((state) => state.ledger.flushAll());
    assert.deepEqual(writer.rows('SELECT key FROM ledger WHERE key = ?', BOB.key), []);
  });

  it('lets nothing that is given back afterwards bring the contact back', async () => {
    const given = { to: ['bob@example.com', 'eve@example.com'], sendAt: writer.now + 3600_000 };
    const { messageId: id } = decided(await writer.store.admit(submission(principal, given)));
    writer.group((state) => state.ledger.flushAll());
    await erase();
    const erased = await writer.store.eraseMessages({ ...principal, key: BOB.key, ids: [id] });
    assert.equal(erased.stripped, 1);
    writer.restart();
    await writer.store.cancelMessage({ ...principal, id });
    writer.group((state) => state.ledger.flushAll());
    assert.deepEqual(writer.rows('SELECT key FROM ledger WHERE key = ?', BOB.key), []);
    assert.equal(writer.state.ledger.dirtyEntries, 0);
  });

  it('begins again what is learnt of the same address later', async () => {
    await send(['bob@example.com']);
    const begun = await erase();
    assert.equal(begun.outcome, 'erased');
    const id = begun.outcome === 'erased' ? begun.suppressionId : '';
    await writer.store.liftSuppression({ ...principal, id, note: 'error', actor: { ...ACTOR, mayOperate: true } });
    assert.deepEqual(codes(await writer.store.admit(submission(principal, { to: ['bob@example.com'] }))), []);
    writer.group((state) => state.ledger.flushAll());
    writer.restart();
    assert.equal(writer.rows('SELECT key FROM ledger WHERE key = ?', BOB.key).length, 1);
  });
});
