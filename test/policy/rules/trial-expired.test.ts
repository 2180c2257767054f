import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STANDINGS } from '../../../src/policy/account.ts';
import { trialExpired } from '../../../src/policy/rules/trial-expired.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('trial expired stops the account, with its evidence', () => {
  const [found, ...more] = findings(
    trialExpired,
    factsOf({ account: { standing: 'trial_expired', standingSince: NOW - DAY } }),
  );
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'trial_expired',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    clearsBy: undefined,
    evidence: { standing: 'trial_expired', ends_at: NOW - DAY },
  });
  assert.deepEqual(unknownEvidence('trial_expired', found.evidence), []);
  assert.equal(told(found), 'The trial of this account ended at 2026-04-26T08:12:00.000Z.');
});

test('any other standing passes the rule of trial expired', () => {
  for (const standing of STANDINGS) {
    if (standing === 'trial_expired') continue;
    assert.deepEqual(findings(trialExpired, factsOf({ account: { standing } })), [], standing);
  }
});

test('a trial is over from its end on, and for what would leave after it', () => {
  const account = { standing: 'trial', trialEndsAt: NOW } as const;
  assert.deepEqual(findings(trialExpired, factsOf({ account, departAt: NOW - 1 })), []);
  const [found] = findings(trialExpired, factsOf({ account, departAt: NOW }));
  assert.deepEqual(found?.evidence, { standing: 'trial', ends_at: NOW });
  assert.deepEqual(findings(trialExpired, factsOf({ account: { standing: 'trial', trialEndsAt: null } })), []);
});
