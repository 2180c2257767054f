import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hourlyQuotaExceeded } from '../../../src/policy/rules/hourly-quota-exceeded.ts';
import { factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([{ name: 'theirs', scope: 'tenant', window: 'rolling_1h', max: 5 }]);
const FREES = NOW / 1000 + 600;
const full = { used: 5, resetsAt: FREES, freeAt: FREES, units: 1 };

test('a full limit (hourly quota exceeded) says what is used, of what, and when there is room', () => {
  const [found, ...more] = findings(hourlyQuotaExceeded, factsOf({ limits: [full] }), policy);
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'hourly_quota_exceeded',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: FREES * 1000,
    clearsBy: undefined,
    evidence: {
      limit_name: 'theirs',
      unit: 'recipient',
      window: 'rolling_1h',
      limit: 5,
      used: 5,
      requested: 1,
      frees_at: FREES * 1000,
    },
  });
  assert.deepEqual(unknownEvidence('hourly_quota_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    '5 of 5 recipients used in the last hour; there is room for 1 more at 2026-04-27T08:22:00.000Z.',
  );
});

test('a limit with room passes (hourly quota exceeded), and so does a full one of another kind', () => {
  assert.deepEqual(findings(hourlyQuotaExceeded, factsOf({ limits: [{ ...full, used: 4, freeAt: 0 }] }), policy), []);
  const other = policyOf([{ name: 'other', scope: 'tenant', window: 'calendar_day', max: 5 }]);
  assert.deepEqual(findings(hourlyQuotaExceeded, factsOf({ limits: [full] }), other), []);
});

test('hours and less are hourly, whatever the window is called', () => {
  for (const window of ['calendar_hour', 'rolling_60m', 'rolling_10s']) {
    const one = policyOf([{ name: 'x', scope: 'app', window, max: 5 }]);
    assert.equal(findings(hourlyQuotaExceeded, factsOf({ limits: [full] }), one).length, 1, window);
  }
});

test('several full limits of one kind are as many reasons, in the order of the policy', () => {
  const two = policyOf([
    { name: 'b', scope: 'tenant', window: 'rolling_1h', max: 5 },
    { name: 'a', scope: 'app', window: 'calendar_hour', max: 5 },
  ]);
  const found = findings(hourlyQuotaExceeded, factsOf({ limits: [full, full] }), two);
  assert.deepEqual(
    found.map((one) => [one.evidence['limit_name'], one.scope?.id]),
    [
      ['b', 'ten_1'],
      ['a', 'app_1'],
    ],
  );
});

test('a limit that never has room is lifted by the caller or the tenant, not by time', () => {
  const [found] = findings(hourlyQuotaExceeded, factsOf({ limits: [{ ...full, freeAt: null }] }), policy);
  assert.ok(found?.outcome === 'block');
  assert.deepEqual([found.clearsAt, found.clearsBy], [null, ['caller', 'tenant']]);
  assert.equal(told(found), '5 of 5 recipients used in the last hour.');
});
