/** What waits since it was accepted: in memory, found again by a start, and taken in turn with what has a time. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cancelMessage, rescheduleMessage } from '../../src/data/sqlite/changes.ts';
import { FreshRows } from '../../src/data/sqlite/fresh-rows.ts';
import { openQueue, type Queue, START } from '../harness/queue.ts';

const HOUR = 3_600_000;

/** Recipients that are due with and without a time, as the table has them. */
function waiting(queue: Queue): { timed: number; fresh: number } {
  const count = (where: string): number =>
    Number(queue.state.db.prepare(`SELECT count(*) AS n FROM recipient WHERE ${where}`).get()?.['n']);
  return { timed: count('due >= 0'), fresh: count('due < 0') };
}

const emails = (claims: readonly { email: string }[]): string[] => claims.map(({ email }) => email);

type Accepting = Queue & { tenantNo: number; to: (email: string, now?: number) => string };

function accept(t: TestContext): Accepting {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  return { ...queue, tenantNo: tenant.tenantNo, to: (email, now = START) => queue.send(tenant, now, { to: [email] }) };
}

test('what leaves at once enters no index of times until it is claimed', (t) => {
  const queue = accept(t);
  queue.to('a@example.com');
  assert.deepEqual(waiting(queue), { timed: 0, fresh: 1 });
  queue.claim(START);
  assert.deepEqual(waiting(queue), { timed: 1, fresh: 0 });
});

test('what arrived before a retry falls due goes before it, what arrived later after it', (t) => {
  const queue = accept(t);
  queue.to('retried@example.com');
  const [first] = queue.claim(START);
  queue.settle(START, first!, { outcome: 'deferred', nextAttemptAt: START + HOUR });
  queue.to('before@example.com', START + HOUR - 1);
  queue.to('after@example.com', START + HOUR + 1);
  assert.deepEqual(emails(queue.claim(START + HOUR + 2, 2)), ['before@example.com', 'retried@example.com']);
  assert.deepEqual(emails(queue.claim(START + HOUR + 2)), ['after@example.com']);
});

test('what was cancelled or got another time is not handed out for having been accepted', (t) => {
  const queue = accept(t);
  const { tenantNo } = queue;
  const ids = ['a@example.com', 'b@example.com', 'c@example.com'].map((email) => queue.to(email));
  queue.at(START, (state) => {
    cancelMessage(state, { tenantNo, mode: 'live', id: ids[0]! });
    rescheduleMessage(state, { tenantNo, mode: 'live', id: ids[1]!, sendAt: START + HOUR });
  });
  const claimed = queue.claim(START);
  assert.deepEqual(emails(claimed), ['c@example.com']);
  queue.settle(START, claimed[0]!, { outcome: 'delivered' });
  assert.deepEqual(emails(queue.claim(START + HOUR)), ['b@example.com']);
});

test('a group that fails takes nothing along: what waited before is still handed out, once', (t) => {
  const queue = accept(t);
  queue.to('a@example.com');
  assert.throws(() =>
    queue.at(START, (state) => {
      state.fresh.shift(queue.tenantNo * 2);
      throw new Error('the disk is gone');
    }),
  );
  assert.deepEqual(emails(queue.claim(START)), ['a@example.com']);
  assert.deepEqual(queue.claim(START), []);
});

test('a start finds what waits again, by space and in order of arrival', (t) => {
  const queue = accept(t);
  for (const name of ['a', 'b', 'c']) queue.to(`${name}@example.com`);
  queue.claim(START, 1);
  const again = new FreshRows();
  const spaces = [...again.load(queue.state.db)];
  assert.equal(again.size, 2);
  assert.equal(spaces.length, 1);
  const rows = queue.state.db.prepare('SELECT id FROM recipient WHERE due < 0 ORDER BY id').all();
  for (const { id } of rows) {
    assert.equal(again.first(spaces[0]!), id);
    again.shift(spaces[0]!);
  }
  assert.equal(again.has(spaces[0]!), false);
});

test('beyond its bound the memory takes no more, and those recipients get a time', (t) => {
  const queue = openQueue(t, { mostFresh: 2 });
  const tenant = queue.tenant('a');
  for (const name of ['a', 'b', 'c']) queue.send(tenant, START, { to: [`${name}@example.com`] });
  assert.deepEqual(waiting(queue), { timed: 1, fresh: 2 });
  assert.deepEqual(emails(queue.claim(START)), ['a@example.com', 'b@example.com', 'c@example.com']);
});

test('a long list hands out each of its rows once, in order', () => {
  const fresh = new FreshRows();
  let next = 0;
  for (let row = 0; row < 10_000; row += 1) {
    fresh.add(2, row);
    if (row % 3 === 0) continue;
    assert.equal(fresh.first(2), next);
    fresh.shift(2);
    next += 1;
  }
  for (; next < 10_000; next += 1) {
    assert.equal(fresh.first(2), next);
    fresh.shift(2);
  }
  assert.equal(fresh.first(2), null);
  assert.equal(fresh.size, 0);
});
