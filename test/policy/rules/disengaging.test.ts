import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disengaging } from '../../../src/policy/rules/disengaging.ts';
import { contactFacts, factsOf, findings, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([], { disengaged: { after_sends: 8, days: 10 } });
const silent = (unanswered: number) => factsOf({ contact: contactFacts({ unanswered }) });

test('from three quarters of the silence that the policy allows on, each send warns', () => {
  assert.deepEqual(findings(disengaging, silent(4), policy), []);
  const [found] = findings(disengaging, silent(5), policy);
  assert.deepEqual(found, {
    outcome: 'warn',
    code: 'disengaging',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    evidence: { sends: 6, after_sends: 8 },
  });
  assert.deepEqual(unknownEvidence('disengaging', found.evidence), []);
  assert.equal(told(found), '6 messages without a sign of life; the policy stops after 8.');
});

test('without a number in the policy there is no such warning', () => {
  assert.deepEqual(findings(disengaging, silent(1000)), []);
});
