import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Chance } from '../../../bench/traffic/chance.ts';
import { prose } from '../../../bench/traffic/wording.ts';
import { leftAfter } from '../../../src/policy/risk/decay.ts';
import { observeLikeness, observeRefused, observeReleased, observeReturn } from '../../../src/policy/risk/observe.ts';
import { riskReport } from '../../../src/policy/risk/score.ts';
import {
  copyRisk,
  DAY_MS,
  newRisk,
  packRisk,
  RISK_BYTES,
  type RiskState,
  unpackRisk,
} from '../../../src/policy/risk/state.ts';
import { NOW } from '../deciding.ts';
import { MINUTE, POLICY, sendOne } from './sending.ts';

const person = (n: number): string => `person${n}@mail.example`;

type Step =
  | { do: 'send'; to: number; text: number; consent: boolean }
  | { do: 'return'; kind: 'reply' | 'bounce' | 'complaint' | 'unsubscribe'; to: number }
  | { do: 'refused'; to: number };

const steps: fc.Arbitrary<{ wait: number; step: Step }[]> = fc.array(
  fc.record({
    wait: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: DAY_MS })),
    step: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('send' as const),
          to: fc.nat(40),
          text: fc.nat(60),
          consent: fc.boolean(),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant('return' as const),
          kind: fc.constantFrom('reply' as const, 'bounce' as const, 'complaint' as const, 'unsubscribe' as const),
          to: fc.nat(40),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('refused' as const), to: fc.nat(3) }) },
    ),
  }),
  { maxLength: 80 },
);

const textOf = (n: number): string =>
  n < 20
    ? 'test'
    : `${prose(new Chance(n), 3)} https://host${n}.example/x${n % 7 === 0 ? ' act now, claim your prize' : ''}`;

/** Runs the steps; `each` sees every send. */
function run(
  state: RiskState,
  given: readonly { wait: number; step: Step }[],
  each: (sent: ReturnType<typeof sendOne>) => void = () => {},
): number {
  let now = NOW;
  for (const { wait, step } of given) {
    now += wait;
    if (step.do === 'send') {
      const known = { hasConsent: step.consent };
      each(sendOne(state, { to: person(step.to), text: textOf(step.text), at: now, known }));
    } else if (step.do === 'return') {
      observeReturn(state, { kind: step.kind, class: null, key: person(step.to), isReported: false }, now);
    } else observeRefused(state, { key: person(step.to) }, now);
  }
  return now;
}

test('a state comes back from its packed form as it was, and stays below its bound', () => {
  fc.assert(
    fc.property(steps, fc.boolean(), (given, established) => {
      const state = newRisk(established ? 'established' : 'new', NOW);
      run(state, given);
      const packed = packRisk(state);
      assert.ok(packed.length <= RISK_BYTES, `${packed.length} bytes`);
      assert.deepEqual(unpackRisk(packed), state);
      assert.deepEqual(packRisk(unpackRisk(packed)), packed);
    }),
    { numRuns: 60 },
  );
});

test('the fullest state stays below its bound', () => {
  const state = newRisk('established', NOW);
  for (let n = 0; n < 3000; n += 1) {
    const text = `${prose(new Chance(n), 4)} https://host${n}.example/`;
    sendOne(state, { to: person(n % 500), text, at: NOW + n * 1000 });
    if (n % 3 === 0)
      observeReturn(
        state,
        { kind: 'bounce', class: 'unknown_user', key: person(n), isReported: false },
        NOW + n * 1000,
      );
    observeRefused(state, { key: person(n) }, NOW + n * 1000);
  }
  observeLikeness(state, 90, NOW);
  assert.ok(packRisk(state).length <= RISK_BYTES, `${packRisk(state).length} bytes`);
});

test('a packed state cut short or of an unknown layout is a fault', () => {
  const packed = packRisk(newRisk('established', NOW));
  assert.throws(() => unpackRisk(packed.subarray(0, packed.length - 3)));
  assert.throws(() => unpackRisk(Uint8Array.of(99, ...packed.subarray(1))), /layout 99/);
});

test('the same traffic gives the same facts and the same state', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const told = () => {
        const state = newRisk('new', NOW);
        const seen: unknown[] = [];
        run(state, given, ({ facts, step }) => seen.push(facts, step));
        return { seen, packed: packRisk(state) };
      };
      assert.deepEqual(told(), told());
    }),
    { numRuns: 40 },
  );
});

test('looking changes nothing', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const state = newRisk('new', NOW);
      const now = run(state, given);
      const before = packRisk(state);
      riskReport(state, true, POLICY, now + 5 * DAY_MS);
      const copy = copyRisk(state);
      sendOne(copy, { to: person(1), text: 'test', at: now });
      assert.deepEqual(packRisk(state), before);
    }),
    { numRuns: 40 },
  );
});

test('without sends the signals against an account only fall', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const state = newRisk('new', NOW);
      let now = run(state, given);
      // Shares of a day do not fall while numerator and denominator forget alike: what a signal counts is compared over days.
      let before = Number.POSITIVE_INFINITY;
      for (let day = 0; day < 8; day += 1) {
        const { signals } = riskReport(state, true, POLICY, now);
        const against = signals.filter(({ contribution, name }) => contribution > 0 && name !== 'new_account');
        const sum = against.reduce((all, { contribution }) => all + contribution, 0);
        // The counts are rounded down as they forget: a share may move by a thousandth of them.
        assert.ok(sum <= before + 500, `day ${day}: ${sum} after ${before}`);
        before = sum;
        now += DAY_MS;
      }
    }),
    { numRuns: 40 },
  );
});

test('a quarantine never comes before a warning and two more accepted messages', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const state = newRisk('new', NOW);
      let warned = 0;
      run(state, given, ({ facts, step }) => {
        warned += facts.score >= facts.warnAt ? 1 : 0;
        if (step.quarantine) assert.ok(warned >= 3, `after ${warned} warnings`);
        if (facts.score * 5 < facts.warnAt * 4) warned = 0;
      });
    }),
    { numRuns: 60 },
  );
});

test('a message to many people at once is one warning, and no quarantine in its midst', () => {
  const state = newRisk('new', NOW);
  const text = 'Earn money from home, claim your prize, act now https://prize.example/x';
  for (let n = 0; n < 100; n += 1) {
    const { step } = sendOne(state, { to: person(n), text, at: NOW, isFirst: n === 0 });
    assert.equal(step.quarantine, false, `recipient ${n}`);
  }
});

test('refused attempts alone never reach the warning level', () => {
  const state = newRisk('new', NOW);
  for (let n = 0; n < 5000; n += 1) observeRefused(state, { key: person(n % 2) }, NOW + n * 100);
  const { score, warnAt, signals } = riskReport(state, true, POLICY, NOW + 500_000);
  assert.ok(signals.some(({ name }) => name === 'refused_attempts'));
  assert.ok(score < warnAt / 2, `${score}`);
});

test('one rise is told once, until the score has fallen well below the warning level', () => {
  const state = newRisk('new', NOW);
  let rises = 0;
  for (let n = 1; n <= 12; n += 1)
    rises += sendOne(state, { to: person(1), text: 'test', at: NOW + n * MINUTE }).step.elevated ? 1 : 0;
  assert.equal(rises, 1);
  const later = NOW + 2 * DAY_MS;
  assert.ok(sendOne(state, { to: person(2), text: prose(new Chance(1), 4), at: later }).facts.score < 48_000);
  for (let n = 1; n <= 12; n += 1)
    rises += sendOne(state, { to: person(3), text: 'test', at: later + n * MINUTE }).step.elevated ? 1 : 0;
  assert.equal(rises, 2);
});

test('after a release the account does not come back at once', () => {
  const state = newRisk('new', NOW);
  for (let n = 1; n <= 12; n += 1) sendOne(state, { to: person(1), text: 'test', at: NOW + n * MINUTE });
  observeReleased(state, NOW + 15 * MINUTE);
  const { facts } = sendOne(state, { to: person(1), text: 'test', at: NOW + 16 * MINUTE });
  assert.ok(facts.score < facts.warnAt / 2, `${facts.score}`);
});

test('what is left of a count does not depend on how often it was looked at', () => {
  for (let ticks = 0; ticks < 200; ticks += 1) {
    assert.ok(leftAfter(ticks + 1) < leftAfter(ticks));
    assert.ok(Math.abs(leftAfter(ticks + 16) - leftAfter(ticks) / 2) < 1e-12);
  }
  assert.equal(leftAfter(16 * 60), 0);
});
