import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consentMissing } from '../../../src/policy/rules/consent-missing.ts';
import { contactFacts, DAY, factsOf, findings, NOW, policyOf, sendOf, told, unknownEvidence } from '../deciding.ts';

const marketing = sendOf({ kind: 'marketing' });
const policy = (consent: 'off' | 'recorded' | 'required') => policyOf([], { consent: { marketing: consent } });
const refused = factsOf({ contact: contactFacts({ consent: 'refused', consentSince: NOW - DAY }) });

test('a recorded refusal blocks marketing, and what follows from nothing being known is the policy to say', () => {
  const [found, ...more] = findings(consentMissing, refused, policy('recorded'), marketing);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'consent_missing',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: null,
    evidence: { consent: 'refused', required: 'recorded', since: NOW - DAY },
  });
  assert.deepEqual(more, []);
  assert.deepEqual(unknownEvidence('consent_missing', found.evidence), []);
  assert.equal(
    told(found),
    'This person refused marketing (since 2026-04-26T08:12:00.000Z); the policy asks for no recorded refusal.',
  );
  assert.deepEqual(findings(consentMissing, factsOf(), policy('recorded'), marketing), []);
  const [missing] = findings(consentMissing, factsOf(), policy('required'), marketing);
  assert.deepEqual(missing?.evidence, { consent: 'none', required: 'required', since: null });
});

test('an opt-in satisfies every policy, and an unsubscribe none but off', () => {
  const optedIn = factsOf({ contact: contactFacts({ consent: 'opted_in', consentSince: NOW }) });
  assert.deepEqual(findings(consentMissing, optedIn, policy('required'), marketing), []);
  const left = factsOf({ contact: contactFacts({ consent: 'unsubscribed', consentSince: NOW }) });
  assert.equal(findings(consentMissing, left, policy('recorded'), marketing).length, 1);
  assert.equal(findings(consentMissing, left, policy('required'), marketing).length, 1);
  assert.deepEqual(findings(consentMissing, left, policy('off'), marketing), []);
});

test('transactional mail needs no consent to marketing', () => {
  assert.deepEqual(findings(consentMissing, refused, policy('required')), []);
});
