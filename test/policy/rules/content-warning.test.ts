import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentFacts } from '../../../src/policy/facts-content.ts';
import { contentWarning } from '../../../src/policy/rules/content-warning.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';

const doubtful: ContentFacts = {
  score: 3,
  findings: [{ name: 'link_shortener', where: 'text', weight: 3 }],
  canary: null,
};

test('suspicious content goes through with a warning', () => {
  const [found] = findings(contentWarning, factsOf({ content: doubtful }));
  assert.equal(found?.outcome, 'warn');
  assert.deepEqual(found.evidence, { found: doubtful.findings, score: 3, threshold: 10 });
  assert.deepEqual(unknownEvidence('content_warning', found.evidence), []);
  assert.equal(told(found), 'The content has traits that receivers dislike: link_shortener (score 3, threshold 10).');
});

test('content that is refused, or hardly weighs anything, is not warned of', () => {
  for (const score of [2, 10])
    assert.deepEqual(findings(contentWarning, factsOf({ content: { ...doubtful, score } })), []);
  assert.deepEqual(findings(contentWarning, factsOf()), []);
});
