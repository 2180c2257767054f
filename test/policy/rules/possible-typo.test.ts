import assert from 'node:assert/strict';
import { test } from 'node:test';
import { possibleTypo } from '../../../src/policy/rules/possible-typo.ts';
import { contactFacts, factsOf, findings, told, unknownEvidence } from '../deciding.ts';

test('a domain that looks like a slip is warned of, and no other', () => {
  const [found, ...more] = findings(possibleTypo, factsOf({ contact: contactFacts({ suggestion: 'bob@gmail.com' }) }));
  assert.deepEqual(found, {
    outcome: 'warn',
    code: 'possible_typo',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    evidence: { address: 'bob@example.com', suggestion: 'bob@gmail.com' },
  });
  assert.deepEqual(more, []);
  assert.deepEqual(unknownEvidence('possible_typo', found.evidence), []);
  assert.equal(told(found), 'bob@example.com may be a typing error for bob@gmail.com.');
  assert.deepEqual(findings(possibleTypo, factsOf({ contact: contactFacts({}) })), []);
  assert.deepEqual(findings(possibleTypo, factsOf()), []);
});
