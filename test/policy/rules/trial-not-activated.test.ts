import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STANDINGS } from '../../../src/policy/account.ts';
import { trialNotActivated } from '../../../src/policy/rules/trial-not-activated.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('trial not activated stops the account, with its evidence', () => {
  const [found, ...more] = findings(
    trialNotActivated,
    factsOf({ account: { standing: 'trial_not_activated', standingSince: NOW - DAY } }),
  );
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'trial_not_activated',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    clearsBy: undefined,
    evidence: { standing: 'trial_not_activated', since: NOW - DAY },
  });
  assert.deepEqual(unknownEvidence('trial_not_activated', found.evidence), []);
  assert.equal(told(found), 'The trial of this account has not been activated yet.');
});

test('any other standing passes the rule of trial not activated', () => {
  for (const standing of STANDINGS) {
    if (standing === 'trial_not_activated') continue;
    assert.deepEqual(findings(trialNotActivated, factsOf({ account: { standing } })), [], standing);
  }
});
