import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlainLedger } from '../../../bench/rig/plain-ledger.ts';
import { cooldown } from '../../../src/policy/rules/cooldown.ts';
import {
  factsOf,
  findings,
  HOUR,
  NOW,
  policyOf,
  recipientOf,
  sendOf,
  sendOn,
  told,
  unknownEvidence,
} from '../deciding.ts';

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

test('per person and template, only messages of one template wait for each other, and those of none are of one kind', () => {
  const each = policyOf([], { cooldown: { per: 'recipient_and_template', seconds: 3600 } });
  const ledger = new PlainLedger();
  const verdictOn = (template: string | null, at: number, key = 'bob@example.com') =>
    sendOn(ledger, each, sendOf({ template }), recipientOf(key), at).verdict.verdict;
  assert.equal(verdictOn('quote', NOW), 'accept');
  assert.equal(verdictOn('quote', NOW + 1000), 'block');
  assert.equal(verdictOn('invoice', NOW + 1000), 'accept');
  assert.equal(verdictOn(null, NOW + 1000), 'accept');
  assert.equal(verdictOn(null, NOW + 2000), 'block');
  assert.equal(verdictOn('quote', NOW + 1000, 'eve@example.com'), 'accept');
  assert.equal(verdictOn('quote', NOW + HOUR), 'accept');
  ledger.contact('bob@example.com').lastReplyAt = NOW + HOUR + 1000;
  assert.equal(verdictOn('quote', NOW + HOUR + 2000), 'accept', 'a reply ends it');
});
