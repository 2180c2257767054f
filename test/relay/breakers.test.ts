/** Ways that fail are closed for a time, tried once, and opened again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BREAKER_PACES, Breakers } from '../../src/relay/breakers.ts';

/** Fails it until it is closed; answers with for how long. */
function broken(breakers: Breakers, now: number): number {
  for (let id = 1; id <= 10; id += 1) {
    const closed = breakers.failed('p1', id, 'unreachable', now);
    if (closed !== null) return closed.forMs;
  }
  throw new Error('it was never closed');
}

test('one lost connection closes nothing, some in a row do', () => {
  const breakers = new Breakers();
  assert.equal(breakers.failed('p1', 1, 'unreachable', 0), null);
  assert.equal(breakers.look('p1', 2, 0), 'go');
  breakers.succeeded('p1', 1);
  assert.equal(breakers.failed('p1', 3, 'unreachable', 2), null);
  assert.equal(breakers.failed('p1', 4, 'unreachable', 3), null);
  assert.deepEqual(breakers.failed('p1', 5, 'unreachable', 4), { forMs: 5_000, count: 1 });
  assert.deepEqual(breakers.look('p1', 6, 4), { forMs: 5_000 });
  assert.equal(breakers.look('p2', 6, 4), 'go');
});

test('a refused password closes at once', () => {
  const breakers = new Breakers();
  assert.equal(breakers.failed('p1', 1, 'refused', 0)?.forMs, BREAKER_PACES.refused.firstMs);
});

test('when the time is over one goes as a probe and the others wait', () => {
  const breakers = new Breakers();
  const over = broken(breakers, 0);
  assert.equal(breakers.look('p1', 20, over), 'probe');
  assert.equal(breakers.look('p1', 20, over), 'probe');
  assert.notEqual(breakers.look('p1', 21, over), 'probe');
  assert.notEqual(breakers.look('p1', 21, over), 'go');
});

test('a probe that fails closes it for longer, up to the longest', () => {
  const breakers = new Breakers();
  let now = broken(breakers, 0);
  let before = now;
  for (let i = 0; i < 12; i += 1) {
    assert.equal(breakers.look('p1', 50 + i, now), 'probe');
    const { forMs } = breakers.failed('p1', 50 + i, 'unreachable', now)!;
    assert.ok(forMs === before * 2 || forMs === BREAKER_PACES.unreachable.longestMs);
    before = forMs;
    now += forMs;
  }
  assert.equal(before, BREAKER_PACES.unreachable.longestMs);
});

test('a probe that arrives opens it for all', () => {
  const breakers = new Breakers();
  const over = broken(breakers, 0);
  breakers.look('p1', 20, over);
  assert.equal(breakers.succeeded('p1', over + 5), true);
  assert.equal(breakers.succeeded('p1', over + 6), false);
  assert.equal(breakers.look('p1', 21, over + 6), 'go');
  // It breaks again soon: the wait goes on growing.
  assert.equal(broken(breakers, over + 7), 10_000);
});

test('a probe that never reached its dot leaves the place to the next', () => {
  const breakers = new Breakers();
  const over = broken(breakers, 0);
  breakers.look('p1', 20, over);
  breakers.ended('p1', 20);
  assert.equal(breakers.look('p1', 21, over), 'probe');
});

test('what set out before it was closed and fails late changes nothing', () => {
  const breakers = new Breakers();
  const over = broken(breakers, 0);
  assert.equal(breakers.failed('p1', 99, 'unreachable', 1), null);
  assert.deepEqual(breakers.look('p1', 20, 1), { forMs: over - 1 });
});

test('what set out before it was closed and arrives late opens it', () => {
  const breakers = new Breakers();
  broken(breakers, 0);
  assert.equal(breakers.succeeded('p1', 1), true);
  assert.equal(breakers.look('p1', 20, 1), 'go');
});

test('after a long time without trouble the first wait is short again', () => {
  const breakers = new Breakers();
  let now = broken(breakers, 0);
  breakers.look('p1', 20, now);
  now += breakers.failed('p1', 20, 'unreachable', now)!.forMs;
  breakers.look('p1', 21, now);
  breakers.succeeded('p1', now);
  assert.equal(broken(breakers, now + 3_600_000), 5_000);
});
