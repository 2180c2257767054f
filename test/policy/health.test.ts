import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BACK_FROM,
  EXCLUDED_BELOW,
  fade,
  HEALTH_OUTCOMES,
  type Health,
  type HealthOutcome,
  levelAt,
  newHealth,
  note,
  ratesOf,
  recoveryOf,
  scoreOf,
  tellsOfMailbox,
} from '../../src/policy/health.ts';

const START = Date.UTC(2026, 10, 22, 12);
const DAY = 86_400_000;

function after(outcomes: Partial<Record<HealthOutcome, number>>, now = START): Health {
  const health = newHealth(now);
  for (const [outcome, count] of Object.entries(outcomes)) {
    for (let i = 0; i < count; i++) note(health, outcome as HealthOutcome, now);
  }
  return health;
}

test('a mailbox begins in full health, and deliveries keep it there', () => {
  assert.equal(scoreOf(newHealth(START)), 100);
  assert.equal(scoreOf(after({ delivered: 5000 })), 100);
});

test('a few bad signs of a new mailbox say little: rates are taken over a minimum sample', () => {
  assert.ok(scoreOf(after({ bounced: 1 })) >= 99);
  assert.ok(scoreOf(after({ bounced: 3 })) > 60);
  assert.ok(scoreOf(after({ complained: 1, delivered: 10 })) > 80);
  assert.ok(scoreOf(after({ deferred: 10 })) === 100);
});

test('it is the rate that counts, not the number', () => {
  assert.equal(scoreOf(after({ delivered: 990, bounced: 10 })), 100, '1 % of many');
  assert.ok(scoreOf(after({ delivered: 90, bounced: 10 })) < 70, '10 %');
  assert.ok(scoreOf(after({ delivered: 60, bounced: 40 })) < EXCLUDED_BELOW, '40 %');
  assert.ok(scoreOf(after({ delivered: 980, complained: 20 })) < EXCLUDED_BELOW, '2 % complain');
  assert.ok(scoreOf(after({ deferred: 300 })) < EXCLUDED_BELOW, 'nothing is taken');
  assert.ok(scoreOf(after({ delivered: 100, auth_failed: 3 })) === 100, 'a server that stumbled');
  const wrong = scoreOf(after({ auth_failed: 500 }));
  assert.ok(wrong < 50 && wrong >= EXCLUDED_BELOW, 'the password is wrong: nobody would find out that it was mended');
});

test('between the two lines a mailbox stays what it was', () => {
  assert.equal(levelAt(19, 'good'), 'excluded');
  assert.equal(levelAt(20, 'weak'), 'weak');
  assert.equal(levelAt(39, 'excluded'), 'excluded');
  assert.equal(levelAt(40, 'excluded'), 'weak');
  assert.deepEqual([levelAt(65, 'weak'), levelAt(65, 'good'), levelAt(70, 'weak')], ['weak', 'good', 'good']);
});

test('what happened is forgotten, so that a mailbox recovers where nothing is sent', () => {
  const health = after({ bounced: 400, delivered: 600 });
  assert.ok(scoreOf(health) < EXCLUDED_BELOW);
  const back = recoveryOf(health, START);
  assert.ok(back > START + DAY && back < START + 15 * DAY, String((back - START) / DAY));
  const before = { ...health };
  fade(before, back - 3 * 3_600_000);
  fade(health, back);
  assert.ok(scoreOf(before) < BACK_FROM && scoreOf(health) >= BACK_FROM);
});

test('a mailbox that recovers with traffic does so sooner', () => {
  const idle = after({ bounced: 60, delivered: 40 });
  const busy = { ...idle };
  for (let hour = 1; hour <= 36; hour++) {
    for (let i = 0; i < 20; i++) note(busy, 'delivered', START + hour * 3_600_000);
  }
  fade(idle, START + 36 * 3_600_000);
  assert.ok(scoreOf(busy) > scoreOf(idle));
});

test('what the receiver or the recipient is to blame for is not held against the mailbox', () => {
  for (const name of ['greylisted', 'mailbox_full', 'infrastructure', 'unknown_user']) {
    assert.equal(tellsOfMailbox('deferred', name), false, name);
  }
  for (const name of ['rate_limited', 'reputation_block', null]) assert.equal(tellsOfMailbox('deferred', name), true);
  for (const name of ['mailbox_full', 'message_too_large', 'infrastructure']) {
    assert.equal(tellsOfMailbox('bounced', name), false, name);
  }
  for (const name of ['unknown_user', 'reputation_block', null]) assert.equal(tellsOfMailbox('bounced', name), true);
});

test('whatever happens, the score is a whole number from 0 to 100, rates are shares, and fading alone never lowers it', () => {
  const step = fc.record({ outcome: fc.constantFrom(...HEALTH_OUTCOMES), afterMs: fc.integer({ min: 0, max: DAY }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 0, max: 30 * DAY }), (steps, restMs) => {
      const health = newHealth(START);
      let now = START;
      for (const { outcome, afterMs } of steps) {
        now += afterMs;
        note(health, outcome, now);
      }
      const score = scoreOf(health);
      assert.ok(Number.isInteger(score) && score >= 0 && score <= 100);
      for (const [name, rate] of Object.entries(ratesOf(health))) {
        if (name !== 'attempts') assert.ok(rate >= 0 && rate <= 1.0001 + (name === 'complained' ? 1 : 0), name);
      }
      fade(health, now + restMs);
      assert.ok(scoreOf(health) >= score);
      assert.ok(scoreOf(health) === 100 || recoveryOf(health, now) > now);
    }),
    { numRuns: 200 },
  );
});
