import assert from 'node:assert/strict';
import { test } from 'node:test';
import { templateWarning } from '../../../src/policy/rules/template-warning.ts';
import { factsOf, findings, policyOf, told, unknownEvidence } from '../deciding.ts';
import { templateFactsOf } from '../template-facts.ts';

test('findings that the policy only warns of let the message through with a warning', () => {
  const template = templateFactsOf({ lints: ['insecure_url', 'spam_phrase'] });
  const [found] = findings(templateWarning, factsOf({ template }));
  assert.deepEqual(found, {
    outcome: 'warn',
    code: 'template_warning',
    scope: { kind: 'template', id: 'tpl_1' },
    evidence: { template: 'quote-ready', version: 3, findings: ['spam_phrase'] },
  });
  assert.deepEqual(unknownEvidence('template_warning', found.evidence), []);
  assert.equal(told(found), 'The check of the template "quote-ready" in version 3 found something: spam_phrase.');
});

test('what the policy turns off is not mentioned', () => {
  const off = policyOf([], { templates: { require_approval: false, lint: { spam_phrase: 'off' } } });
  const template = templateFactsOf({ lints: ['spam_phrase'] });
  assert.deepEqual(findings(templateWarning, factsOf({ template }), off), []);
  assert.deepEqual(findings(templateWarning, factsOf()), []);
});
