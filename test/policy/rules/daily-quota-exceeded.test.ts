import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dailyQuotaExceeded } from '../../../src/policy/rules/daily-quota-exceeded.ts';
import { factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([{ name: 'theirs', scope: 'tenant', window: 'calendar_day', max: 5 }]);
const FREES = NOW / 1000 + 600;
const full = { used: 5, resetsAt: FREES, freeAt: FREES, units: 1 };

test('a full limit (daily quota exceeded) says what is used, of what, and when there is room', () => {
  const [found, ...more] = findings(dailyQuotaExceeded, factsOf({ limits: [full] }), policy);
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'daily_quota_exceeded',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: FREES * 1000,
    clearsBy: undefined,
    evidence: {
      limit_name: 'theirs',
      unit: 'recipient',
      window: 'calendar_day',
      limit: 5,
      used: 5,
      requested: 1,
      frees_at: FREES * 1000,
    },
  });
  assert.deepEqual(unknownEvidence('daily_quota_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    '5 of 5 recipients used in the current UTC day; there is room for 1 more at 2026-04-27T08:22:00.000Z.',
  );
});

test('a limit with room passes (daily quota exceeded), and so does a full one of another kind', () => {
  assert.deepEqual(findings(dailyQuotaExceeded, factsOf({ limits: [{ ...full, used: 4, freeAt: 0 }] }), policy), []);
  const other = policyOf([{ name: 'other', scope: 'tenant', window: 'calendar_hour', max: 5 }]);
  assert.deepEqual(findings(dailyQuotaExceeded, factsOf({ limits: [full] }), other), []);
});

test('longer rolling windows are daily too, with their window in the evidence', () => {
  for (const window of ['rolling_61m', 'rolling_24h', 'rolling_48h', 'rolling_30d']) {
    const one = policyOf([{ name: 'x', scope: 'agent', window, max: 5 }]);
    const [found] = findings(dailyQuotaExceeded, factsOf({ limits: [full] }), one);
    assert.equal(found?.evidence['window'], window);
  }
});
