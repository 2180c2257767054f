import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterFailure, type Failure, MOST_ATTEMPTS, nextProbe } from '../../src/webhooks/schedule.ts';

const START = Date.UTC(2027, 0, 1);
const HOUR = 3_600_000;

/** Seconds after the first attempt at which each further one is made. */
function attempts(failure: Failure, random01 = 0): { at: number[]; end: ReturnType<typeof afterFailure> } {
  const at = [0];
  for (let now = START, failed = 1; ; failed += 1) {
    const then = afterFailure(failure, failed, now, random01);
    if (then.outcome === 'pause') return { at, end: then };
    now = then.nextAt;
    at.push((now - START) / 1000);
  }
}

test('a delivery is three attempts, and it is made three times before the endpoint pauses', () => {
  const { at, end } = attempts('status');
  const again = 30 + 120;
  const last = again + 30 + 600;
  assert.deepEqual(at, [0, 5, 30, again, again + 5, again + 30, last, last + 5, last + 30]);
  assert.equal(at.length, MOST_ATTEMPTS);
  assert.deepEqual(end, { outcome: 'pause', reason: 'failing', probeAt: START + (last + 30) * 1000 + HOUR });
});

test('an endpoint that is gone pauses with the first answer and is not probed', () => {
  assert.deepEqual(attempts('gone').end, { outcome: 'pause', reason: 'gone', probeAt: null });
  assert.equal(attempts('gone').at.length, 1);
  assert.equal(nextProbe('gone', START, START), null);
});

test('a pause names what failed last', () => {
  const reasonOf = (failure: Failure) => (attempts(failure).end as { reason: string }).reason;
  assert.equal(reasonOf('tls'), 'tls');
  assert.equal(reasonOf('dns'), 'dns');
  assert.equal(reasonOf('address'), 'dns');
  assert.equal(reasonOf('link'), 'failing');
});

test('a paused endpoint is probed every hour for five days', () => {
  let probes = 1;
  for (let at = START + HOUR; ; probes += 1) {
    const next = nextProbe('status', START, at);
    if (next === null) break;
    assert.equal(next - at, HOUR);
    at = next;
  }
  assert.equal(probes, 120);
});

test('jitter only ever makes a wait longer, by a tenth at most', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: MOST_ATTEMPTS - 1 }),
      (random01, failed) => {
        const plain = afterFailure('link', failed, 0, 0) as { nextAt: number };
        const later = afterFailure('link', failed, 0, random01) as { nextAt: number };
        assert.ok(later.nextAt >= plain.nextAt && later.nextAt <= plain.nextAt * 1.1 + 1);
      },
    ),
  );
});
