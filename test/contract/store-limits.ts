/** Limits: exact whatever arrives at once, windows to the millisecond, places ahead of time, and headroom that agrees. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Principal, Store } from '../../src/data/store.ts';
import type { LimitDocument } from '../../src/policy/document.ts';
import { codes, decided, newPrincipal, putPolicy, submission } from '../harness/submissions.ts';
import type { Opened } from './store.ts';

const tenantLimit = (window: string, max: number, more: Partial<LimitDocument> = {}): { limits: LimitDocument[] } => ({
  limits: [{ name: 'limit', scope: 'tenant', window, max, ...more }],
});

async function verdictOf(store: Store, principal: Principal, given: Parameters<typeof submission>[1] = {}) {
  const answer = decided(await store.admit(submission(principal, given)));
  return answer.recipients[0]!;
}

export function limitContract(opened: () => Opened): void {
  it('gives the last unit to exactly one of two hundred requests at once', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('calendar_day', 1) });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => store.admit(submission(principal, { subject: `no. ${i}`, body: `${i}` }))),
    );
    assert.equal(answers.filter(({ outcome }) => outcome === 'admitted').length, 1);
    assert.equal(answers.filter(({ outcome }) => outcome === 'refused').length, 199);
  });

  it('gives the last unit to exactly one of several, a thousand times over', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('rolling_1s', 1) });
    for (let round = 0; round < 1000; round += 1) {
      const answers = await Promise.all(
        [0, 1, 2, 3].map((i) =>
          store.admit(submission(principal, { to: [`p${i}@example.com`], body: `${round}.${i}` })),
        ),
      );
      assert.equal(answers.filter(({ outcome }) => outcome === 'admitted').length, 1, `round ${round}`);
      clock.advance(1000);
    }
  });

  it('lets a unit out of a rolling window after exactly its length', async () => {
    const { store, clock } = opened();
    clock.advance(1000 - (clock.now % 1000));
    const principal = await newPrincipal(store, { policy: tenantLimit('rolling_60s', 1) });
    const sentAt = clock.now;
    assert.equal((await verdictOf(store, principal)).verdict, 'accept');
    clock.advance(59_999);
    const refused = await verdictOf(store, principal, { body: 'b' });
    assert.equal(refused.verdict, 'block');
    assert.equal(refused.reasons[0]?.clearsAt, sentAt + 60_000);
    clock.advance(1);
    assert.equal((await verdictOf(store, principal, { body: 'c' })).verdict, 'accept');
  });

  it('starts calendar windows anew at the full hour, at midnight and with the month, all in UTC', async () => {
    for (const [window, next] of [
      ['calendar_hour', (now: number) => (Math.floor(now / 3_600_000) + 1) * 3_600_000],
      ['calendar_day', (now: number) => (Math.floor(now / 86_400_000) + 1) * 86_400_000],
      ['calendar_month', (now: number) => Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth() + 1, 1)],
    ] as const) {
      const { store, clock } = opened();
      const principal = await newPrincipal(store, { policy: tenantLimit(window, 1) });
      await verdictOf(store, principal);
      const boundary = next(clock.now);
      clock.advance(boundary - 1 - clock.now);
      const refused = await verdictOf(store, principal, { body: 'b' });
      assert.equal(refused.verdict, 'block', window);
      assert.equal(refused.reasons[0]?.clearsAt, boundary, window);
      clock.advance(1);
      assert.equal((await verdictOf(store, principal, { body: 'c' })).verdict, 'accept', window);
    }
  });

  it('lets a burst through a rate and then one more an interval', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('rate', 10, { burst: 3 }) });
    const send = async (i: number) => (await verdictOf(store, principal, { body: `${i}` })).verdict;
    assert.deepEqual(
      [await send(1), await send(2), await send(3), await send(4)],
      ['accept', 'accept', 'accept', 'block'],
    );
    clock.advance(99);
    assert.equal(await send(5), 'block');
    clock.advance(1);
    assert.equal(await send(6), 'accept');
    assert.equal(await send(7), 'block');
    clock.advance(300);
    assert.deepEqual(
      [await send(8), await send(9), await send(10), await send(11)],
      ['accept', 'accept', 'accept', 'block'],
    );
  });

  it('counts a message once in the unit message, and each of its recipients in the unit recipient', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, {
      policy: {
        limits: [
          { name: 'messages', scope: 'tenant', window: 'calendar_day', unit: 'message', max: 2 },
          { name: 'recipients', scope: 'tenant', window: 'calendar_day', max: 9 },
        ],
      },
    });
    const to = ['a@example.com', 'b@example.com', 'c@example.com'];
    await store.admit(submission(principal, { to }));
    await store.admit(submission(principal, { to, body: 'b' }));
    const { limits } = await store.headroom({ principal, identity: null, recipient: null });
    assert.deepEqual(
      limits.map(({ name, used, remaining }) => ({ name, used, remaining })),
      [
        { name: 'messages', used: 2, remaining: 0 },
        { name: 'recipients', used: 6, remaining: 3 },
      ],
    );
    assert.deepEqual(codes(await store.admit(submission(principal, { body: 'c' }))), ['daily_quota_exceeded']);
  });

  it('gives those who would wait the earliest free places, one each, and never more than the limit in any window', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('rolling_60s', 2) });
    const places: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      const one = await verdictOf(store, principal, { onLimit: 'defer', body: `${i}` });
      assert.equal(one.verdict, i < 2 ? 'accept' : 'schedule');
      places.push(one.departAt);
    }
    const seconds = places.map((at) => Math.floor(at / 1000));
    const start = Math.floor(clock.now / 1000);
    assert.deepEqual(
      seconds.map((second) => second - start),
      [0, 0, 60, 60, 120, 120, 180, 180, 240],
    );
    assert.equal(new Set(places.slice(2)).size, 7);
    // A place asked for by time may not overfill the windows of those already given.
    const between = await verdictOf(store, principal, { sendAt: clock.now + 30_000, body: 'x' });
    assert.equal(between.verdict, 'block');
  });

  it('counts a scheduled send at its departure and not before', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('calendar_day', 1) });
    const tomorrow = clock.now + 86_400_000;
    assert.equal((await verdictOf(store, principal, { sendAt: tomorrow })).verdict, 'schedule');
    assert.equal((await verdictOf(store, principal, { body: 'today' })).verdict, 'accept');
    assert.equal((await verdictOf(store, principal, { sendAt: tomorrow, body: 'second' })).verdict, 'block');
  });

  it('does not let a scheduled place lie beyond the expiry that follows from it', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('calendar_month', 1) });
    await verdictOf(store, principal);
    const answer = decided(await store.admit(submission(principal, { onLimit: 'defer', body: 'next month' })));
    const message = await store.message({ ...principal, id: answer.messageId });
    assert.ok(message !== null && message.expiresAt > answer.recipients[0]!.departAt);
  });

  it('counts a lowered limit as full until enough has left', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('rolling_60s', 4) });
    for (let i = 0; i < 4; i += 1) {
      await verdictOf(store, principal, { body: `${i}` });
      clock.advance(10_000);
    }
    await putPolicy(store, principal, tenantLimit('rolling_60s', 2));
    const { limits } = await store.headroom({ principal, identity: null, recipient: null });
    assert.deepEqual([limits[0]?.used, limits[0]?.remaining], [4, 0]);
    clock.advance(30_000);
    assert.equal((await verdictOf(store, principal, { body: 'x' })).verdict, 'block');
    clock.advance(10_000);
    assert.equal((await verdictOf(store, principal, { body: 'y' })).verdict, 'accept');
  });

  it('tells by headroom what the next decision will count', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, {
      policy: {
        limits: [
          { name: 'day', scope: 'tenant', window: 'rolling_24h', max: 50 },
          { name: 'rate', scope: 'installation', window: 'rate', max: 5, burst: 20 },
          { name: 'person', scope: 'recipient', window: 'rolling_1h', max: 9 },
          { name: 'domain', scope: 'recipient_domain', window: 'calendar_hour', max: 30 },
        ],
      },
    });
    const recipient = { key: 'bob@example.com', domain: 'example.com' };
    for (let i = 0; i < 5; i += 1) {
      const { limits } = await store.headroom({ principal, identity: null, recipient });
      const facts = (await verdictOf(store, principal, { body: `${i}` })).limits;
      assert.deepEqual(
        limits.map(({ used }) => used),
        facts.map(({ used }) => used),
      );
      clock.advance(i * 37_000);
    }
  });

  it('takes credits one a recipient, to the last', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, { tenant: { billing: 'credits', credits: 3 } });
    const to = ['a@example.com', 'b@example.com'];
    assert.equal(decided(await store.admit(submission(principal, { to }))).outcome, 'admitted');
    const answer = decided(await store.admit(submission(principal, { to, body: 'b' })));
    assert.deepEqual(
      answer.recipients.map(({ verdict }) => verdict),
      ['accept', 'block'],
    );
    assert.deepEqual(codes(await store.admit(submission(principal, { body: 'c' }))), ['insufficient_credits']);
  });

  it('keeps a cooldown to one contact from the last departure, and leaves others alone', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store, { policy: { cooldown: { seconds: 600 } } });
    await verdictOf(store, principal);
    clock.advance(599_000);
    assert.deepEqual(codes(await store.admit(submission(principal, { body: 'b' }))), ['cooldown']);
    assert.equal((await verdictOf(store, principal, { to: ['eve@example.com'] })).verdict, 'accept');
    clock.advance(1000);
    assert.equal((await verdictOf(store, principal, { body: 'c' })).verdict, 'accept');
  });

  it('tells once when a limit reaches four fifths and once when it is full', async () => {
    const { store } = opened();
    const principal = await newPrincipal(store, { policy: tenantLimit('calendar_day', 10) });
    for (let i = 0; i < 12; i += 1) await store.admit(submission(principal, { body: `${i}` }));
    const types = opened()
      .events(principal)
      .map(({ type }) => type)
      .filter((type) => type.startsWith('limit.'));
    assert.deepEqual(types, ['limit.approaching', 'limit.reached']);
  });
}
