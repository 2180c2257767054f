import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disengaged } from '../../../src/policy/rules/disengaged.ts';
import { contactFacts, DAY, factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([], { disengaged: { after_sends: 3, days: 10 } });
const silent = (unanswered: number, lastEngagedAt: number | null) =>
  factsOf({ contact: contactFacts({ unanswered, lastEngagedAt }) });

test('so many sends to a person who never showed a sign of life are the last', () => {
  assert.deepEqual(findings(disengaged, silent(2, null), policy), []);
  const [found] = findings(disengaged, silent(3, null), policy);
  assert.equal(found?.code, 'disengaged');
  assert.deepEqual(found.evidence, { sends: 3, after_sends: 3, days: 10, last_engaged_at: null });
  assert.deepEqual(unknownEvidence('disengaged', found.evidence), []);
  assert.equal(
    told(found),
    '3 messages without a sign of life; the policy stops after 3, and a sign of life counts for 10 days.',
  );
});

test('a sign of life counts for its days and not a moment longer', () => {
  assert.deepEqual(findings(disengaged, silent(9, NOW - 10 * DAY + 1), policy), []);
  assert.equal(findings(disengaged, silent(9, NOW - 10 * DAY), policy).length, 1);
  assert.deepEqual(findings(disengaged, silent(2, NOW - 100 * DAY), policy), []);
});

test('without a number in the policy nobody is disengaged', () => {
  assert.deepEqual(findings(disengaged, silent(1000, null)), []);
});
