import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doNotContact } from '../../../src/policy/rules/do-not-contact.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('a contact marked do-not-contact is never written to', () => {
  const [found] = findings(doNotContact, factsOf({ doNotContactSince: NOW - DAY }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'do_not_contact',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: null,
    evidence: { since: NOW - DAY },
  });
  assert.deepEqual(unknownEvidence('do_not_contact', found.evidence), []);
  assert.equal(told(found), 'This contact is marked do-not-contact since 2026-04-26T08:12:00.000Z.');
});

test('a contact without the mark passes', () => {
  assert.deepEqual(findings(doNotContact, factsOf()), []);
});
