import assert from 'node:assert/strict';
import { test } from 'node:test';
import { templateRenderFailed } from '../../../src/policy/rules/template-render-failed.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';
import { templateFactsOf } from '../template-facts.ts';

test('a template that cannot be filled in is refused with the part, the line and the column', () => {
  const failure = {
    problem: 'missing_variable',
    part: 'html',
    variable: 'customer.name',
    line: 4,
    column: 12,
    message: 'there is no customer.name in the data',
  } as const;
  const [found] = findings(templateRenderFailed, factsOf({ template: templateFactsOf({ failure }) }));
  assert.deepEqual(found?.evidence, { template: 'quote-ready', version: 3, ...failure });
  assert.deepEqual(unknownEvidence('template_render_failed', found?.evidence ?? {}), []);
  assert.equal(
    told(found!),
    'The template "quote-ready" in version 3 could not be filled in: there is no customer.name in the data, in the HTML, line 4, column 12.',
  );
});

test('a fault of the data as a whole names no place', () => {
  const failure = {
    problem: 'too_large',
    part: null,
    variable: null,
    line: null,
    column: null,
    message: 'the data have too many characters',
  } as const;
  const [found] = findings(templateRenderFailed, factsOf({ template: templateFactsOf({ failure }) }));
  assert.equal(
    told(found!),
    'The template "quote-ready" in version 3 could not be filled in: the data have too many characters.',
  );
});

test('a template that was filled in passes', () => {
  assert.deepEqual(findings(templateRenderFailed, factsOf({ template: templateFactsOf() })), []);
});
