import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unreachableReplies } from '../../../src/policy/rules/unreachable-replies.ts';
import { contactFacts, factsOf, findings, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([], { disengaged: { after_sends: 10, days: 10 } });
const unseen = (unanswered: number) => factsOf({ contact: contactFacts({ unanswered, areRepliesVisible: false }) });

test('where silence counts and no reply could be seen, a message into the silence says so', () => {
  const [found] = findings(unreachableReplies, unseen(2), policy);
  assert.deepEqual(found, {
    outcome: 'warn',
    code: 'unreachable_replies',
    scope: { kind: 'tenant', id: 'ten_1' },
    evidence: { unanswered: 2 },
  });
  assert.deepEqual(unknownEvidence('unreachable_replies', found.evidence), []);
  assert.equal(
    told(found),
    'There is no way by which Postern could see a reply to this message: 2 messages to this person in a row without one.',
  );
});

test('it is not said to a first message, where replies can be seen, or where nothing counts them', () => {
  assert.deepEqual(findings(unreachableReplies, unseen(0), policy), []);
  const seen = factsOf({ contact: contactFacts({ unanswered: 2, areRepliesVisible: true }) });
  assert.deepEqual(findings(unreachableReplies, seen, policy), []);
  assert.deepEqual(findings(unreachableReplies, unseen(2)), []);
});

test('a limit that a reply resets counts silence too', () => {
  const limits = [{ name: 'p', scope: 'recipient', window: 'rolling_1d', max: 9, reset_on_reply: true } as const];
  assert.equal(findings(unreachableReplies, unseen(2), policyOf(limits)).length, 1);
});

test('a risk that silence raises says so where the silence may only seem to be one', () => {
  const signal = {
    name: 'recipient_repeats',
    value: 9000,
    weight: 8,
    threshold: 5,
    window: 'PT24H',
    trend: 'rising',
  } as const;
  const risk = (repliesVisible: boolean, contribution: number) =>
    factsOf({
      risk: {
        score: 72_000,
        level: 'elevated',
        warnAt: 60_000,
        threshold: 100_000,
        repliesVisible,
        signals: [{ ...signal, contribution }],
      },
    });
  assert.deepEqual(findings(unreachableReplies, risk(false, 40_000))[0]?.evidence, { unanswered: null });
  assert.deepEqual(findings(unreachableReplies, risk(true, 40_000)), []);
  assert.deepEqual(findings(unreachableReplies, risk(false, 0)), []);
});
