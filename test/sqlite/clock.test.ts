import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { StoreFault } from '../../src/data/store.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';
import { codes, decided, newPrincipal, submission } from '../harness/submissions.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const REPORT = { provider: 'test', mailbox: null, reply: '250 ok', class: null };

let opened: OpenedStore;
beforeEach(async () => {
  opened = await openTestStore();
});
afterEach(() => opened.close());

const isClockFault = (error: unknown): boolean => error instanceof StoreFault && error.kind === 'clock';

for (const [name, leap] of [
  ['an hour ahead', HOUR_MS],
  ['an hour back', -HOUR_MS],
  ['four hundred days ahead', 400 * DAY_MS],
  ['four hundred days back', -400 * DAY_MS],
] as const) {
  it(`takes on nothing new after a leap of ${name}, and goes on once the clock is back`, async () => {
    const { store, clock } = opened;
    const principal = await newPrincipal(store);
    const { messageId } = decided(await store.admit(submission(principal)));
    const [claimed] = await store.claim({ most: 1, live: true });
    await store.admit(submission(principal, { to: ['eve@example.com'] }));
    clock.leap(leap);
    await assert.rejects(store.admit(submission(principal, { body: 'b' })), isClockFault);
    await assert.rejects(store.claim({ most: 9, live: true }), isClockFault);
    assert.match((await store.health()) ?? '', /clock leapt/);
    // What is under way is recorded, on the time that went by.
    clock.advance(1000);
    assert.equal(await store.mark(claimed!), true);
    const { recipient, token } = claimed!;
    assert.equal(await store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' }), true);
    const delivered = (await store.message({ ...principal, id: messageId }))?.recipients[0];
    assert.equal(delivered?.closedAt, clock.now - leap);
    clock.leap(-leap);
    assert.equal(await store.health(), null);
    assert.equal((await store.claim({ most: 9, live: true })).length, 1);
    assert.equal(decided(await store.admit(submission(principal, { body: 'c' }))).createdAt, clock.now);
  });
}

it('believes a leap that somebody accepts: what has waited past its time expires then, not before', async () => {
  const { store, clock } = opened;
  const principal = await newPrincipal(store);
  const { messageId } = decided(await store.admit(submission(principal)));
  clock.leap(400 * DAY_MS);
  await assert.rejects(store.claim({ most: 9, live: true }), isClockFault);
  const waiting = await store.message({ ...principal, id: messageId });
  assert.equal(waiting?.recipients[0]?.state, 'accepted');
  store.acceptClock();
  assert.equal(await store.health(), null);
  assert.deepEqual(await store.claim({ most: 9, live: true }), []);
  const expired = await store.message({ ...principal, id: messageId });
  assert.equal(expired?.recipients[0]?.state, 'expired');
});

it('goes on from an accepted leap back instead of standing still', async () => {
  const { store, clock } = opened;
  const principal = await newPrincipal(store);
  await store.admit(submission(principal));
  clock.leap(-HOUR_MS);
  store.acceptClock();
  const answer = decided(await store.admit(submission(principal, { body: 'b', sendAt: clock.now + 5000 })));
  assert.equal(answer.createdAt, clock.now);
  clock.advance(5000);
  assert.ok((await store.claim({ most: 9, live: true })).some(({ messageId }) => messageId === answer.messageId));
});

it('holds nothing back until the end of a closed way that was told on the clock of before', async () => {
  const { store, clock } = opened;
  const principal = await newPrincipal(store);
  const until = clock.now + 5000;
  await store.closeRoute({ provider: 0, mailbox: null, destination: null, until, cause: 'it answers 421' });
  await store.admit(submission(principal));
  assert.deepEqual(await store.claim({ most: 9, live: true }), []);
  clock.leap(-HOUR_MS);
  store.acceptClock();
  assert.equal((await store.claim({ most: 9, live: true })).length, 1);
});

it('bridges small steps back: no time twice, no window anew', async () => {
  const { store, clock } = opened;
  const policy = {
    limits: [
      { name: 'minute', scope: 'tenant' as const, window: 'rolling_60s', max: 1 },
      { name: 'rate', scope: 'tenant' as const, window: 'rate', max: 1, burst: 5 },
    ],
  };
  const principal = await newPrincipal(store, { policy });
  const first = decided(await store.admit(submission(principal)));
  for (let i = 0; i < 5; i += 1) {
    clock.leap(-60_000);
    const refused = decided(await store.admit(submission(principal, { body: `${i}` })));
    assert.deepEqual(codes(refused), ['hourly_quota_exceeded']);
    assert.equal(refused.createdAt, first.createdAt);
  }
  const { limits } = await store.headroom({ principal, identity: null, recipient: null });
  assert.ok(limits.every(({ used, remaining }) => used === 1 && remaining >= 0));
  const times = opened.events(principal).map(({ at }) => at);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
});
