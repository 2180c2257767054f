import assert from 'node:assert/strict';
import { test } from 'node:test';
import { templateNotFound } from '../../../src/policy/rules/template-not-found.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';
import { templateFactsOf } from '../template-facts.ts';

test('a template that does not exist is refused with what was asked for', () => {
  const template = templateFactsOf({ asked: 'quote-ready', askedVersion: 7, found: null });
  const [found] = findings(templateNotFound, factsOf({ template }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'template_not_found',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    evidence: { template: 'quote-ready', version: 7 },
  });
  assert.deepEqual(unknownEvidence('template_not_found', found.evidence), []);
  assert.equal(told(found), 'There is no template "quote-ready" in version 7 in this tenant and mode.');
});

test('a template that exists passes, and so does a message without one', () => {
  assert.deepEqual(findings(templateNotFound, factsOf({ template: templateFactsOf() })), []);
  assert.deepEqual(findings(templateNotFound, factsOf()), []);
});
