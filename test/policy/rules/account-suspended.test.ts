import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STANDINGS } from '../../../src/policy/account.ts';
import { accountSuspended } from '../../../src/policy/rules/account-suspended.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('suspended stops the account, with its evidence', () => {
  const [found, ...more] = findings(
    accountSuspended,
    factsOf({ account: { standing: 'suspended', standingSince: NOW - DAY } }),
  );
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'account_suspended',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    clearsBy: undefined,
    evidence: { standing: 'suspended', since: NOW - DAY },
  });
  assert.deepEqual(unknownEvidence('account_suspended', found.evidence), []);
  assert.equal(told(found), 'The operator suspended this account at 2026-04-26T08:12:00.000Z.');
});

test('any other standing passes the rule of suspended', () => {
  for (const standing of STANDINGS) {
    if (standing === 'suspended') continue;
    assert.deepEqual(findings(accountSuspended, factsOf({ account: { standing } })), [], standing);
  }
});
