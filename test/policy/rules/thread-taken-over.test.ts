import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadTakenOver } from '../../../src/policy/rules/thread-taken-over.ts';
import { contactFacts, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('a conversation that a person has taken over is closed to every other sender', () => {
  const facts = factsOf({ contact: contactFacts({ takenOver: { since: NOW, note: 'Dana' } }) });
  const [found] = findings(threadTakenOver, facts);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'thread_taken_over',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: null,
    evidence: { since: NOW, taken_by: 'Dana' },
  });
  assert.deepEqual(unknownEvidence('thread_taken_over', found.evidence), []);
  assert.equal(told(found), 'A person took this conversation over at 2026-04-27T08:12:00.000Z (Dana).');
});

test('any other contact passes it', () => {
  assert.deepEqual(findings(threadTakenOver, factsOf()), []);
  assert.deepEqual(findings(threadTakenOver, factsOf({ contact: contactFacts({}) })), []);
});
