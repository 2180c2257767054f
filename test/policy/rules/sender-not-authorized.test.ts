import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RefusedSender, SENDER_CAUSES } from '../../../src/policy/facts-sender.ts';
import { senderNotAuthorized } from '../../../src/policy/rules/sender-not-authorized.ts';
import { factsOf, findings, sendOf, told, unknownEvidence } from '../deciding.ts';

const refused = (changes: Partial<RefusedSender>): RefusedSender => ({
  cause: 'identity_address',
  address: 'sales@acme.example',
  allowed: [],
  ...changes,
});
const found = (changes: Partial<RefusedSender>) =>
  findings(senderNotAuthorized, factsOf({ sender: { refused: refused(changes), domain: null } }))[0]!;

test('a sender that the identity may not use is refused, with what it may use', () => {
  const finding = found({ allowed: ['alice@acme.example'] });
  assert.deepEqual(finding.scope, { kind: 'identity', id: 'idn_1' });
  assert.deepEqual(unknownEvidence('sender_not_authorized', finding.evidence), []);
  assert.equal(
    told(finding),
    'The address sales@acme.example may not be used by the identity alice: it is not an address of that identity; allowed: alice@acme.example.',
  );
});

test('each cause has words of its own, and nothing is said of what is not known', () => {
  const sentences = SENDER_CAUSES.map((cause) => told(found({ cause })));
  assert.equal(new Set(sentences).size, SENDER_CAUSES.length);
  for (const sentence of sentences) assert.doesNotMatch(sentence, /allowed|_|\{/);
});

test('without an identity it applies to the tenant', () => {
  const facts = factsOf({
    sender: { refused: refused({ cause: 'another_account' }), domain: null },
    identityHandle: null,
  });
  const [finding] = findings(senderNotAuthorized, facts, undefined, sendOf({ scopes: { identity: null } }));
  assert.deepEqual(finding?.scope, { kind: 'tenant', id: 'ten_1' });
});

test('a sender with nothing amiss passes', () => {
  assert.deepEqual(findings(senderNotAuthorized, factsOf()), []);
  const domain = { id: '', name: 'acme.example', state: 'absent', missing: [] } as const;
  assert.deepEqual(findings(senderNotAuthorized, factsOf({ sender: { refused: null, domain } })), []);
});
