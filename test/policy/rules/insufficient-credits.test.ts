import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insufficientCredits } from '../../../src/policy/rules/insufficient-credits.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';

test('an account without a credit for this recipient is stopped', () => {
  const [found] = findings(insufficientCredits, factsOf({ account: { credits: 0 } }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'insufficient_credits',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    evidence: { credits: 0, needed: 1 },
  });
  assert.deepEqual(unknownEvidence('insufficient_credits', found.evidence), []);
  assert.equal(told(found), 'The account has 0 credits; this message needs 1.');
});

test('one credit is enough for one recipient, and an account that is not billed by credits needs none', () => {
  assert.deepEqual(findings(insufficientCredits, factsOf({ account: { credits: 1 } })), []);
  assert.deepEqual(findings(insufficientCredits, factsOf({ account: { credits: null } })), []);
});
