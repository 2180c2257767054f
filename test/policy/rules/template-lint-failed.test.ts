import assert from 'node:assert/strict';
import { test } from 'node:test';
import { templateLintFailed } from '../../../src/policy/rules/template-lint-failed.ts';
import { factsOf, findings, policyOf, told, unknownEvidence } from '../deciding.ts';
import { templateFactsOf } from '../template-facts.ts';

const policy = (lint: Record<string, 'off' | 'warn' | 'error'>) =>
  policyOf([], { templates: { require_approval: false, lint } });

test('findings that the policy treats as errors are refused together', () => {
  const template = templateFactsOf({ lints: ['insecure_url', 'spam_phrase', 'missing_alt'] });
  const [found] = findings(templateLintFailed, factsOf({ template }), policy({ spam_phrase: 'error' }));
  assert.deepEqual(found?.evidence, {
    template: 'quote-ready',
    version: 3,
    findings: ['insecure_url', 'spam_phrase'],
  });
  assert.deepEqual(unknownEvidence('template_lint_failed', found?.evidence ?? {}), []);
  assert.equal(told(found!), 'The template "quote-ready" in version 3 fails its check: insecure_url, spam_phrase.');
});

test('a lint that the policy does not name keeps its own level', () => {
  const template = templateFactsOf({ lints: ['undeclared_variable'] });
  assert.equal(findings(templateLintFailed, factsOf({ template }), policy({})).length, 1);
  assert.deepEqual(findings(templateLintFailed, factsOf({ template }), policy({ undeclared_variable: 'off' })), []);
  assert.deepEqual(findings(templateLintFailed, factsOf({ template }), policy({ undeclared_variable: 'warn' })), []);
});

test('warnings alone, and no finding at all, pass', () => {
  const warned = templateFactsOf({ lints: ['spam_phrase', 'missing_text'] });
  assert.deepEqual(findings(templateLintFailed, factsOf({ template: warned })), []);
  assert.deepEqual(findings(templateLintFailed, factsOf({ template: templateFactsOf() })), []);
});

test('a door may take phrases of spam for errors, whatever the policy says', () => {
  const template = templateFactsOf({ lints: ['spam_phrase', 'missing_text'], refusesSpamPhrases: true });
  const [found] = findings(templateLintFailed, factsOf({ template }), policy({ spam_phrase: 'warn' }));
  assert.deepEqual(found?.evidence['findings'], ['spam_phrase']);
});
