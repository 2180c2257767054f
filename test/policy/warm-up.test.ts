import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlainLedger } from '../../bench/rig/plain-ledger.ts';
import { DAY, NOW, policyOf, recipientOf, sendOf, sendOn } from './deciding.ts';

const dayOf = (at: number): number => Math.floor(at / DAY);

test('places grow by whole steps, rounded down but by one place at least', () => {
  const placesOf = (warmup: object) => policyOf([], { warmup }).warmup?.places;
  assert.deepEqual(placesOf({ start: 50, factor_percent: 150, every_days: 1, days: 4 }), [50, 75, 112, 168]);
  assert.deepEqual(placesOf({ start: 1, factor_percent: 150, every_days: 2, days: 5 }), [1, 1, 2, 2, 3]);
  assert.deepEqual(placesOf({ start: 10, factor_percent: 200, every_days: 2, days: 5 }), [10, 10, 20, 20, 40]);
  assert.equal(placesOf({ start: 1_000_000_000, factor_percent: 1000, days: 366 })?.at(-1), 1_000_000_000);
  assert.equal(placesOf({ start: 50 })?.length, 14);
  assert.equal(placesOf({ days: 3 }), undefined);
});

const anySend = fc.record({
  wait: fc.constantFrom(0, 1000, DAY / 3, DAY, 3 * DAY),
  ahead: fc.constantFrom(0, 0, DAY, 2 * DAY),
  defer: fc.boolean(),
});

test('no day of a warm-up holds more than its places, whatever is sent, asked for later, or deferred', () => {
  fc.assert(
    fc.property(fc.array(anySend, { maxLength: 60 }), (sends) => {
      const policy = policyOf([], { warmup: { start: 2, factor_percent: 150, days: 5 } });
      const ledger = new PlainLedger();
      const left = new Map<number, number>();
      let now = NOW;
      let first: number | null = null;
      for (const { wait, ahead, defer } of sends) {
        now += wait;
        const send = sendOf({ onLimit: defer ? 'defer' : 'reject', sendAt: ahead === 0 ? null : now + ahead });
        const { verdict } = sendOn(ledger, policy, send, recipientOf(), now);
        if (verdict.verdict === 'block') {
          assert.equal(verdict.reasons[0]?.code, 'warmup_limit_exceeded');
          assert.ok(!defer, 'what may wait gets a place');
          continue;
        }
        const day = dayOf(verdict.departAt);
        left.set(day, (left.get(day) ?? 0) + 1);
        first = first === null ? day : Math.min(first, day);
      }
      // A first departure that is set ahead begins the warm-up; an earlier one begins it sooner, which only gives more places.
      for (const [day, count] of left) {
        const places = policy.warmup?.places[day - first!];
        if (places !== undefined) assert.ok(count <= places, `${count} of ${places} on day ${day - first!}`);
      }
    }),
    { numRuns: 300 },
  );
});
