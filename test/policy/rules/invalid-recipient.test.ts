import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidRecipient } from '../../../src/policy/rules/invalid-recipient.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';

test('an address that no mail can reach says why', () => {
  const [found] = findings(invalidRecipient, factsOf({ undeliverable: 'mixed_scripts' }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'invalid_recipient',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: null,
    evidence: { address: 'bob@example.com', domain: 'example.com', problem: 'mixed_scripts' },
  });
  assert.deepEqual(unknownEvidence('invalid_recipient', found.evidence), []);
  assert.equal(told(found), 'bob@example.com cannot receive mail: its domain mixes scripts in a deceptive way.');
});

test('every cause that the intake can give has its words', () => {
  for (const problem of ['simulator', 'unknown_simulator_address']) {
    const [found] = findings(invalidRecipient, factsOf({ undeliverable: problem }));
    assert.doesNotMatch(told(found!), new RegExp(`: ${problem.replaceAll('_', ' ')}\\.$`));
  }
});

test('an address that mail can reach passes', () => {
  assert.deepEqual(findings(invalidRecipient, factsOf()), []);
});
