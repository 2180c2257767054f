import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnverifiedDomain } from '../../../src/policy/facts-sender.ts';
import { domainNotVerified } from '../../../src/policy/rules/domain-not-verified.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';

const found = (domain: UnverifiedDomain) =>
  findings(domainNotVerified, factsOf({ sender: { refused: null, domain } }))[0]!;

test('a domain that is not verified is refused with the records that are missing, by their whole names', () => {
  const missing = ['_postern', 'pst1._domainkey'];
  const finding = found({ id: 'dom_1', name: 'acme.example', state: 'pending', missing });
  assert.deepEqual(finding.scope, { kind: 'domain', id: 'dom_1' });
  assert.deepEqual(finding.evidence, {
    domain: 'acme.example',
    state: 'pending',
    missing: ['_postern.acme.example TXT', 'pst1._domainkey.acme.example TXT'],
  });
  assert.deepEqual(unknownEvidence('domain_not_verified', finding.evidence), []);
  assert.equal(
    told(finding),
    'The domain acme.example of the From address is not verified here (state: not verified yet); missing or wrong: _postern.acme.example TXT, pst1._domainkey.acme.example TXT.',
  );
});

test('one that was never added applies to the tenant', () => {
  const finding = found({ id: '', name: 'acme.example', state: 'absent', missing: [] });
  assert.deepEqual(finding.scope, { kind: 'tenant', id: 'ten_1' });
  assert.equal(told(finding), 'The domain acme.example of the From address is not verified here (state: never added).');
});

test('a domain with nothing amiss passes', () => {
  assert.deepEqual(findings(domainNotVerified, factsOf()), []);
});
