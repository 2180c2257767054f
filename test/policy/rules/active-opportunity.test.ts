import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activeOpportunity } from '../../../src/policy/rules/active-opportunity.ts';
import { contactFacts, factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const facts = factsOf({ contact: contactFacts({ opportunity: { since: NOW, note: 'Renewal 2027' } }) });

test('an open opportunity blocks until somebody takes the mark off', () => {
  const [found] = findings(activeOpportunity, facts);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'active_opportunity',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: null,
    evidence: { opportunity: 'Renewal 2027', since: NOW },
  });
  assert.deepEqual(unknownEvidence('active_opportunity', found.evidence), []);
  assert.equal(told(found), 'An opportunity with this contact is open since 2026-04-27T08:12:00.000Z (Renewal 2027).');
});

test('other contacts, and policies that let opportunities be, pass', () => {
  assert.deepEqual(findings(activeOpportunity, factsOf()), []);
  assert.deepEqual(findings(activeOpportunity, factsOf({ contact: contactFacts({}) })), []);
  assert.deepEqual(findings(activeOpportunity, facts, policyOf([], { opportunity: { block: false } })), []);
});
