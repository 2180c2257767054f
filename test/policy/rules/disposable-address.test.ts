import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disposableAddress } from '../../../src/policy/rules/disposable-address.ts';
import { contactFacts, factsOf, findings, told, unknownEvidence } from '../deciding.ts';

test('a domain of disposable addresses is warned of, and no other', () => {
  const [found, ...more] = findings(disposableAddress, factsOf({ contact: contactFacts({ isDisposable: true }) }));
  assert.deepEqual(found, {
    outcome: 'warn',
    code: 'disposable_address',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    evidence: { address: 'bob@example.com', domain: 'example.com' },
  });
  assert.deepEqual(more, []);
  assert.deepEqual(unknownEvidence('disposable_address', found.evidence), []);
  assert.equal(told(found), 'example.com gives out disposable addresses.');
  assert.deepEqual(findings(disposableAddress, factsOf({ contact: contactFacts({}) })), []);
  assert.deepEqual(findings(disposableAddress, factsOf()), []);
});
