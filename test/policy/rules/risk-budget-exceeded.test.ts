import assert from 'node:assert/strict';
import { test } from 'node:test';
import { riskBudgetExceeded } from '../../../src/policy/rules/risk-budget-exceeded.ts';
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

test('a rate above its maximum blocks with its figures until the window has moved on far enough', () => {
  const budget = { ...NOTHING, bounces: 9, bouncesClearAt: IN_AN_HOUR };
  const [found, ...more] = findings(riskBudgetExceeded, factsOf({ budget }));
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'risk_budget_exceeded',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: NOW + HOUR,
    evidence: {
      measure: 'bounce_rate',
      count: 9,
      rate: 0.09,
      max_rate: 0.08,
      sample: 100,
      min_sample: 50,
      window: 'rolling_24h',
      frees_at: NOW + HOUR,
    },
  });
  assert.deepEqual(unknownEvidence('risk_budget_exceeded', found.evidence), []);
  assert.equal(told(found), 'The bounce rate of 9 % is above the maximum of 8 % in the last 24 hours (100 messages).');
});

test('both rates are told where both are above', () => {
  const budget = { ...NOTHING, bounces: 9, bouncesClearAt: IN_AN_HOUR, complaints: 1, complaintsClearAt: IN_AN_HOUR };
  assert.deepEqual(
    findings(riskBudgetExceeded, factsOf({ budget })).map(({ evidence }) => evidence['measure']),
    ['bounce_rate', 'complaint_rate'],
  );
});

test('an account without bad signs, or with few, passes', () => {
  assert.deepEqual(findings(riskBudgetExceeded, factsOf()), []);
  assert.deepEqual(findings(riskBudgetExceeded, factsOf({ budget: { ...NOTHING, bounces: 8 } })), []);
});
