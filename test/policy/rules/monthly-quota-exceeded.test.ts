import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monthlyQuotaExceeded } from '../../../src/policy/rules/monthly-quota-exceeded.ts';
import { factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([{ name: 'theirs', scope: 'tenant', window: 'calendar_month', max: 5 }]);
const FREES = NOW / 1000 + 600;
const full = { used: 5, resetsAt: FREES, freeAt: FREES, units: 1 };

test('a full limit (monthly quota exceeded) says what is used, of what, and when there is room', () => {
  const [found, ...more] = findings(monthlyQuotaExceeded, factsOf({ limits: [full] }), policy);
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'monthly_quota_exceeded',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: FREES * 1000,
    clearsBy: undefined,
    evidence: {
      limit_name: 'theirs',
      unit: 'recipient',
      window: 'calendar_month',
      limit: 5,
      used: 5,
      requested: 1,
      frees_at: FREES * 1000,
    },
  });
  assert.deepEqual(unknownEvidence('monthly_quota_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    '5 of 5 recipients used in the current UTC month; there is room for 1 more at 2026-04-27T08:22:00.000Z.',
  );
});

test('a limit with room passes (monthly quota exceeded), and so does a full one of another kind', () => {
  assert.deepEqual(findings(monthlyQuotaExceeded, factsOf({ limits: [{ ...full, used: 4, freeAt: 0 }] }), policy), []);
  const other = policyOf([{ name: 'other', scope: 'tenant', window: 'calendar_day', max: 5 }]);
  assert.deepEqual(findings(monthlyQuotaExceeded, factsOf({ limits: [full] }), other), []);
});
