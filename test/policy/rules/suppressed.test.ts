import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suppressed } from '../../../src/policy/rules/suppressed.ts';
import { SUPPRESSION_REASONS, type SuppressionFact } from '../../../src/policy/suppression.ts';
import {
  contactFacts,
  DAY,
  factsOf,
  findings,
  HOUR,
  NOW,
  policyOf,
  sendOf,
  told,
  unknownEvidence,
} from '../deciding.ts';

const row = (changes: Partial<SuppressionFact>): SuppressionFact => ({
  id: 'sup_1',
  reason: 'hard_bounce',
  domain: false,
  since: NOW - DAY,
  expiresAt: null,
  ...changes,
});

test('a suppressed address is refused, and the evidence names the suppression', () => {
  const [found] = findings(suppressed, factsOf({ suppressions: [row({})] }));
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'suppressed',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: null,
    clearsBy: ['tenant'],
    evidence: {
      suppression_id: 'sup_1',
      suppression_reason: 'hard_bounce',
      matched: 'address',
      since: NOW - DAY,
      expires_at: null,
    },
  });
  assert.deepEqual(unknownEvidence('suppressed', found.evidence), []);
  assert.equal(told(found), 'The address is suppressed: hard bounce on 2026-04-26T08:12:00.000Z.');
});

test('who can lift a suppression follows from its reason, and time can where it expires', () => {
  const clearers = (expiresAt: number | null) =>
    SUPPRESSION_REASONS.map((reason) => {
      const [found] = findings(suppressed, factsOf({ suppressions: [row({ reason, expiresAt })] }));
      assert.ok(found?.outcome === 'block');
      assert.equal(found.clearsAt, expiresAt);
      return [reason, found.clearsBy?.join(' ')];
    });
  assert.deepEqual(clearers(null), [
    ['complaint', 'never'],
    ['hard_bounce', 'tenant'],
    ['manual_dnc', 'tenant'],
    ['legal_request', 'never'],
    ['role_account', 'tenant'],
    ['unsubscribe', 'recipient'],
  ]);
  assert.deepEqual(clearers(NOW + HOUR), [
    ['complaint', 'time never'],
    ['hard_bounce', 'time tenant'],
    ['manual_dnc', 'time tenant'],
    ['legal_request', 'time never'],
    ['role_account', 'time tenant'],
    ['unsubscribe', 'time recipient'],
  ]);
});

test('each suppression of the address and of its domain is a reason of its own', () => {
  const suppressions = [row({ id: 'sup_1' }), row({ id: 'sup_2', domain: true, expiresAt: NOW + HOUR })];
  const found = findings(suppressed, factsOf({ suppressions }));
  assert.deepEqual(
    found.map((one) => [one.evidence['suppression_id'], one.scope]),
    [
      ['sup_1', { kind: 'recipient', id: 'bob@example.com' }],
      ['sup_2', { kind: 'recipient_domain', id: 'example.com' }],
    ],
  );
  assert.equal(
    told(found[1]!),
    'The whole domain of the recipient is suppressed: hard bounce on 2026-04-26T08:12:00.000Z; the suppression ends at 2026-04-27T09:12:00.000Z.',
  );
  assert.deepEqual(findings(suppressed, factsOf()), []);
});

test('an address of a role is kept out as the policy says: of marketing, or of everything', () => {
  const facts = factsOf({ contact: contactFacts({ role: 'sales' }) });
  const marketing = sendOf({ kind: 'marketing' });
  assert.deepEqual(findings(suppressed, facts, policyOf(), marketing), []);
  assert.deepEqual(findings(suppressed, facts, policyOf([], { role_accounts: 'marketing' })), []);
  for (const [roles, send] of [
    ['marketing', marketing],
    ['block', sendOf()],
  ] as const) {
    const [found, ...more] = findings(suppressed, facts, policyOf([], { role_accounts: roles }), send);
    assert.deepEqual(more, []);
    assert.equal(found?.evidence['suppression_reason'], 'role_account');
    assert.deepEqual(unknownEvidence('suppressed', found.evidence), []);
    assert.equal(told(found), 'The address is suppressed: role account.');
  }
});
