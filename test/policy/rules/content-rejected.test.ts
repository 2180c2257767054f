import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentFacts } from '../../../src/policy/facts-content.ts';
import { contentRejected } from '../../../src/policy/rules/content-rejected.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';

const bad: ContentFacts = {
  score: 13,
  findings: [
    { name: 'brand_link_mismatch', where: 'html', weight: 10 },
    { name: 'link_shortener', where: 'text', weight: 3 },
  ],
  canary: null,
};

test('content that weighs too much is refused, and each finding is named with its place', () => {
  const [found] = findings(contentRejected, factsOf({ content: bad }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'content_rejected',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    evidence: { found: bad.findings, score: 13, threshold: 10 },
  });
  assert.deepEqual(unknownEvidence('content_rejected', found.evidence), []);
  assert.equal(
    told(found),
    'The content looks like spam or is unsafe: brand_link_mismatch, link_shortener (score 13, threshold 10).',
  );
});

test('content of just that weight is refused', () => {
  assert.equal(findings(contentRejected, factsOf({ content: { ...bad, score: 10 } })).length, 1);
});

test('content that weighs less, and content in which nothing is found, passes', () => {
  assert.deepEqual(findings(contentRejected, factsOf({ content: { ...bad, score: 9 } })), []);
  assert.deepEqual(findings(contentRejected, factsOf()), []);
});
