import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roleAccount } from '../../../src/policy/rules/role-account.ts';
import { contactFacts, factsOf, findings, told, unknownEvidence } from '../deciding.ts';

test('an address of a role is warned of, and no other', () => {
  const [found, ...more] = findings(roleAccount, factsOf({ contact: contactFacts({ role: 'postmaster' }) }));
  assert.deepEqual(found, {
    outcome: 'warn',
    code: 'role_account',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    evidence: { address: 'bob@example.com', role: 'postmaster' },
  });
  assert.deepEqual(more, []);
  assert.deepEqual(unknownEvidence('role_account', found.evidence), []);
  assert.equal(told(found), 'bob@example.com belongs to a role, not to a person ("postmaster").');
  assert.deepEqual(findings(roleAccount, factsOf({ contact: contactFacts({}) })), []);
  assert.deepEqual(findings(roleAccount, factsOf()), []);
});
