import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canaryLeaked } from '../../../src/policy/rules/canary-leaked.ts';
import { factsOf, findings, sendOf, told, unknownEvidence } from '../deciding.ts';

test('a message that holds a marker is refused, and the label is named, not the marker', () => {
  const content = { score: 0, findings: [], canary: { label: 'crm-context', part: 'text' } };
  const send = sendOf({ scopes: { agent: 'outreach-1' } });
  const [found] = findings(canaryLeaked, factsOf({ content }), undefined, send);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'canary_leaked',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    evidence: { canary: 'crm-context', part: 'text', agent: 'outreach-1' },
  });
  assert.deepEqual(unknownEvidence('canary_leaked', found.evidence), []);
  assert.equal(told(found), 'The canary "crm-context" stands in the text of the message (agent outreach-1).');
});

test('a message without one passes', () => {
  assert.deepEqual(findings(canaryLeaked, factsOf()), []);
  assert.deepEqual(findings(canaryLeaked, factsOf({ content: { score: 9, findings: [], canary: null } })), []);
});
