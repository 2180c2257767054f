import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentFacts } from '../../../src/policy/facts-content.ts';
import { contentReviewRequired } from '../../../src/policy/rules/content-review-required.ts';
import { DAY, factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const approval = {
  mode: 'none',
  by: 'policy',
  id: 'apr_1',
  deadline: NOW + DAY,
  isGranted: false,
  isFirstContact: false,
} as const;
const review = (when: 'never' | 'suspicious' | 'always') => policyOf([], { content: { canaries: [], review: when } });
const suspicious: ContentFacts = {
  score: 4,
  findings: [{ name: 'link_shortener', where: 'html', weight: 4 }],
  canary: null,
};

test('suspicious content is held for a review, and what was found is named', () => {
  const facts = factsOf({ approval, content: suspicious });
  const [found] = findings(contentReviewRequired, facts, review('suspicious'));
  assert.deepEqual(found, {
    outcome: 'hold',
    code: 'content_review_required',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: NOW + DAY,
    evidence: { approval_id: 'apr_1', found: suspicious.findings, requested_at: NOW, expires_at: NOW + DAY },
  });
  assert.deepEqual(unknownEvidence('content_review_required', found.evidence), []);
  assert.equal(
    told(found),
    'A person must review the content because of link_shortener (apr_1); without a decision it is rejected at 2026-04-28T08:12:00.000Z.',
  );
});

test('content in which nothing weighs enough passes', () => {
  const faint = { ...suspicious, score: 2 };
  assert.deepEqual(findings(contentReviewRequired, factsOf({ approval, content: faint }), review('suspicious')), []);
  assert.deepEqual(findings(contentReviewRequired, factsOf({ approval }), review('suspicious')), []);
});

test('every content is held where the policy wants all of it looked at', () => {
  const [found] = findings(contentReviewRequired, factsOf({ approval }), review('always'));
  assert.equal(found?.outcome, 'hold');
});

test('a granted approval and a policy without review let it pass', () => {
  const granted = factsOf({ approval: { ...approval, isGranted: true }, content: suspicious });
  assert.deepEqual(findings(contentReviewRequired, granted, review('always')), []);
  assert.deepEqual(findings(contentReviewRequired, factsOf({ approval, content: suspicious }), review('never')), []);
});
