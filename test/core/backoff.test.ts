import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextAttemptAt } from '../../src/core/backoff.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const middle = (attempt: number, retry: 'normal' | 'slow' | 'greylist') =>
  nextAttemptAt({ attempt, retry, now: 0, random01: 0.5 }) / MINUTE;

test('the waits of each pace, without chance', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 50].map((attempt) => middle(attempt, 'normal')),
    [1, 3, 9, 27, 81, 120, 120],
  );
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 50].map((attempt) => middle(attempt, 'slow')),
    [30, 60, 120, 240, 480, 480, 480],
  );
  assert.deepEqual(
    [1, 2, 3, 9].map((attempt) => middle(attempt, 'greylist')),
    [5, 7.5, 11.25, 60],
  );
});

test('three days hold at least ten attempts at every pace', () => {
  for (const retry of ['normal', 'slow', 'greylist'] as const) {
    let now = 0;
    for (let attempt = 1; attempt < 10; attempt++) now = nextAttemptAt({ attempt, retry, now, random01: 0.999 });
    assert.ok(now < 72 * HOUR, retry);
  }
});

test('the next attempt is a whole number of milliseconds, half to one and a half waits after now', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -5, max: Number.MAX_SAFE_INTEGER }),
      fc.constantFrom('normal' as const, 'slow' as const, 'greylist' as const),
      fc.integer({ min: 0, max: 4e12 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, retry, now, random01) => {
        const at = nextAttemptAt({ attempt, retry, now, random01 });
        const wait = middle(attempt, retry) * MINUTE;
        assert.ok(Number.isSafeInteger(at));
        assert.ok(at - now >= wait * 0.5 - 1 && at - now <= wait * 1.5 + 1);
      },
    ),
  );
});

test('chance spreads what failed together', () => {
  const at = (random01: number) => nextAttemptAt({ attempt: 3, retry: 'normal', now: 0, random01 });
  assert.deepEqual([0, 0.5, 0.999999].map(at), [4.5 * MINUTE, 9 * MINUTE, 809_999]);
});
