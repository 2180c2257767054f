import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlainLedger } from '../../bench/rig/plain-ledger.ts';
import { lookBudget } from '../../src/policy/facts-budget.ts';
import { applyChange, countSignal } from '../../src/policy/ledger.ts';
import { DAY, NOW, policyOf, recipientOf, sendOf, sendOn } from './deciding.ts';

const SECOND = Math.floor(NOW / 1000);
type Happening = { second: number; kind: 'send' | 'bounce' | 'complaint' | 'unsubscribe' };

const happening: fc.Arbitrary<Happening> = fc.record({
  second: fc.integer({ min: SECOND - 40, max: SECOND }),
  kind: fc.constantFrom('send', 'send', 'send', 'bounce', 'complaint', 'unsubscribe'),
});

const anyPolicy = fc
  .record({
    window: fc.constantFrom('rolling_10s', 'rolling_30s', 'calendar_hour'),
    minSample: fc.integer({ min: 1, max: 5 }),
    rate: fc.constantFrom(0.1, 0.29, 0.3, 0.5, 1),
    max: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ window, minSample, rate, max }) =>
    policyOf([], {
      risk_budget: { window, min_sample: minSample, max_bounce_rate: rate, max_complaint_rate: 0.2 },
      negative_signals: { window, max },
    }),
  );

/** What lies in the window at a second, counted one by one. */
function countIn(window: string, all: readonly Happening[], second: number, kinds: readonly string[]): number {
  const hour = Math.floor(second / 3600);
  const span = Number(/\d+/.exec(window)?.[0] ?? 0);
  return all.filter((one) => {
    if (!kinds.includes(one.kind)) return false;
    return span === 0 ? Math.floor(one.second / 3600) === hour : one.second > second - span && one.second <= second;
  }).length;
}

test('budgets stop exactly while a rate or number is too high, and say the first second at which none is', () => {
  fc.assert(
    fc.property(anyPolicy, fc.array(happening, { maxLength: 40 }), (policy, unsorted) => {
      const all = [...unsorted].sort((a, b) => a.second - b.second);
      const ledger = new PlainLedger();
      for (const { second, kind } of all) {
        const at = second * 1000;
        const loose = policyOf();
        if (kind === 'send') sendOn(ledger, { ...loose, tracks: policy.tracks }, sendOf(), recipientOf(), at);
        else
          for (const change of countSignal((signal) => ledger.signals(signal), policy, kind, at))
            applyChange(change, second);
      }
      const { window, min_sample, max_bounce_rate } = policy.document.risk_budget;
      const isHigh = (kind: string, maxRate: number, second: number): boolean => {
        const sent = countIn(window!, all, second, ['send']);
        return sent >= min_sample! && countIn(window!, all, second, [kind]) / sent > maxRate;
      };
      const isFull = (second: number): boolean =>
        countIn(window!, all, second, ['bounce', 'complaint', 'unsubscribe']) >= policy.budgets.number.max;
      const firstCalm = (stopped: (second: number) => boolean): number | null => {
        if (!stopped(SECOND)) return null;
        for (let second = SECOND; ; second += 1) if (!stopped(second)) return second * 1000;
      };
      const budget = lookBudget(ledger, policy, sendOf(), NOW)!;
      assert.equal(
        budget.bouncesClearAt,
        firstCalm((second) => isHigh('bounce', max_bounce_rate!, second)),
      );
      assert.equal(
        budget.complaintsClearAt,
        firstCalm((second) => isHigh('complaint', 0.2, second)),
      );
      assert.equal(budget.signalsClearAt, firstCalm(isFull));
      assert.equal(budget.signalBounces, countIn(window!, all, SECOND, ['bounce']));
    }),
    { numRuns: 300 },
  );
});

test('the search for the end of a rate stays short, whatever lies in the window', () => {
  const policy = policyOf([], { risk_budget: { window: 'rolling_24h', min_sample: 1, max_bounce_rate: 0.5 } });
  const ledger = new PlainLedger();
  const start = SECOND - 80_000;
  for (let i = 0; i < 40_000; i += 1) {
    const at = (start + 2 * i) * 1000;
    for (const change of countSignal((signal) => ledger.signals(signal), policy, 'bounce', at))
      applyChange(change, start);
  }
  for (let i = 0; i < 1000; i += 1)
    sendOn(ledger, { ...policyOf(), tracks: policy.tracks }, sendOf(), recipientOf(), (start + 80 * i) * 1000);
  const started = performance.now();
  const budget = lookBudget(ledger, policy, sendOf(), NOW)!;
  assert.ok(performance.now() - started < 500);
  assert.ok(budget.bouncesClearAt !== null && budget.bouncesClearAt <= NOW + DAY);
});
