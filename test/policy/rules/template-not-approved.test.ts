import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TEMPLATE_STATES } from '../../../src/policy/facts-template.ts';
import { templateNotApproved } from '../../../src/policy/rules/template-not-approved.ts';
import { factsOf, findings, policyOf, told, unknownEvidence } from '../deciding.ts';
import { templateFactsOf } from '../template-facts.ts';

const STRICT = policyOf([], { templates: { require_approval: true, lint: { spam_phrase: 'warn' } } });
const inState = (state: (typeof TEMPLATE_STATES)[number]) =>
  templateFactsOf({ found: { id: 'tpl_1', slug: 'quote-ready', version: 3, state } });

test('under a policy that requires approval only an approved version passes', () => {
  for (const state of TEMPLATE_STATES) {
    const found = findings(templateNotApproved, factsOf({ template: inState(state) }), STRICT);
    assert.equal(found.length, state === 'approved' ? 0 : 1, state);
  }
  const [found] = findings(templateNotApproved, factsOf({ template: inState('submitted') }), STRICT);
  assert.deepEqual(found?.scope, { kind: 'template', id: 'tpl_1' });
  assert.deepEqual(found?.evidence, { template: 'quote-ready', version: 3, state: 'submitted' });
  assert.deepEqual(unknownEvidence('template_not_approved', found?.evidence ?? {}), []);
  assert.equal(
    told(found!),
    'The template "quote-ready" in version 3 is not approved as it would be sent (state: submitted), and the policy requires it.',
  );
});

test('an approved version passes no more once the send puts a part of its own in its place, which the caller can undo', () => {
  const template = { ...inState('approved'), overrides: true };
  const [found] = findings(templateNotApproved, factsOf({ template }), STRICT);
  assert.equal(found?.evidence['state'], 'overridden');
  assert.deepEqual(found?.outcome === 'block' && found.clearsBy, ['caller']);
});

test('without such a policy every version passes', () => {
  for (const state of TEMPLATE_STATES) {
    assert.deepEqual(findings(templateNotApproved, factsOf({ template: inState(state) })), [], state);
  }
});
