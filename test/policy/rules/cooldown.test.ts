import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cooldown } from '../../../src/policy/rules/cooldown.ts';
import { factsOf, findings, HOUR, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([], { cooldown: { per: 'recipient', seconds: 3600 } });

test('a second message within the cooldown waits for its end', () => {
  const [found] = findings(cooldown, factsOf({ lastSentAt: NOW - 1000 }), policy);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'cooldown',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: NOW - 1000 + HOUR,
    evidence: { last_sent_at: NOW - 1000, seconds: 3600, per: 'recipient' },
  });
  assert.deepEqual(unknownEvidence('cooldown', found.evidence), []);
  assert.equal(
    told(found),
    'The last message to this recipient left at 2026-04-27T08:11:59.000Z; the policy asks for 1 hour between two messages to one recipient.',
  );
});

test('the cooldown is over at its end to the millisecond', () => {
  assert.equal(findings(cooldown, factsOf({ lastSentAt: NOW - HOUR + 1 }), policy).length, 1);
  assert.deepEqual(findings(cooldown, factsOf({ lastSentAt: NOW - HOUR }), policy), []);
});

test('what leaves later is measured at its departure', () => {
  assert.deepEqual(findings(cooldown, factsOf({ lastSentAt: NOW, departAt: NOW + HOUR }), policy), []);
  assert.equal(findings(cooldown, factsOf({ lastSentAt: NOW, departAt: NOW + HOUR - 1 }), policy).length, 1);
});

test('a first message passes, and so does any without a cooldown', () => {
  assert.deepEqual(findings(cooldown, factsOf(), policy), []);
  assert.deepEqual(findings(cooldown, factsOf({ lastSentAt: NOW }), policyOf()), []);
});
