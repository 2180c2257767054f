import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identitySuspended } from '../../../src/policy/rules/identity-suspended.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';

test('a suspended identity is stopped by the operator', () => {
  const [found] = findings(identitySuspended, factsOf({ identityState: 'suspended' }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'identity_suspended',
    scope: { kind: 'identity', id: 'idn_1' },
    clearsAt: null,
    evidence: { identity: 'alice' },
  });
  assert.deepEqual(unknownEvidence('identity_suspended', found.evidence), []);
  assert.equal(told(found), 'The operator suspended the identity alice.');
});

test('an identity that is not suspended passes the rule of suspended ones', () => {
  for (const identityState of ['active', 'inactive', 'provisioning', null] as const) {
    assert.deepEqual(findings(identitySuspended, factsOf({ identityState })), []);
  }
});
