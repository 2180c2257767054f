import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negativeSignalBudgetExceeded } from '../../../src/policy/rules/negative-signal-budget-exceeded.ts';
import { factsOf, findings, HOUR, NOW, told, unknownEvidence } from '../deciding.ts';

const NOTHING = {
  sent: 100,
  bounces: 0,
  complaints: 0,
  bouncesClearAt: null,
  complaintsClearAt: null,
  signals: 0,
  signalBounces: 0,
  signalComplaints: 0,
  signalsClearAt: null,
};
const IN_AN_HOUR = NOW + HOUR;

test('so many bad signs block until the first has left the window, whatever their share', () => {
  const budget = { ...NOTHING, signals: 50, signalBounces: 31, signalComplaints: 4, signalsClearAt: IN_AN_HOUR };
  const [found] = findings(negativeSignalBudgetExceeded, factsOf({ budget }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'negative_signal_budget_exceeded',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: NOW + HOUR,
    evidence: {
      used: 50,
      limit: 50,
      window: 'rolling_24h',
      bounces: 31,
      complaints: 4,
      unsubscribes: 15,
      frees_at: NOW + HOUR,
    },
  });
  assert.deepEqual(unknownEvidence('negative_signal_budget_exceeded', found.evidence), []);
  assert.match(
    told(found),
    /^50 of 50 negative signals counted in the last 24 hours \(bounces: 31, complaints: 4, unsubscribes: 15\)/,
  );
});

test('one bad sign fewer passes', () => {
  assert.deepEqual(findings(negativeSignalBudgetExceeded, factsOf({ budget: { ...NOTHING, signals: 49 } })), []);
  assert.deepEqual(findings(negativeSignalBudgetExceeded, factsOf()), []);
});
