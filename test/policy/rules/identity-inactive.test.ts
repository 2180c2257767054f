import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityInactive } from '../../../src/policy/rules/identity-inactive.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';

test('an identity that is switched off waits for the tenant, one being set up for time', () => {
  const found = (['inactive', 'provisioning'] as const).map(
    (identityState) => findings(identityInactive, factsOf({ identityState }))[0]!,
  );
  assert.deepEqual(found, [
    {
      outcome: 'block',
      code: 'identity_inactive',
      scope: { kind: 'identity', id: 'idn_1' },
      clearsAt: null,
      clearsBy: ['tenant'],
      evidence: { identity: 'alice', state: 'inactive' },
    },
    {
      outcome: 'block',
      code: 'identity_inactive',
      scope: { kind: 'identity', id: 'idn_1' },
      clearsAt: null,
      clearsBy: ['time'],
      evidence: { identity: 'alice', state: 'provisioning' },
    },
  ]);
  assert.deepEqual(unknownEvidence('identity_inactive', found[0]!.evidence), []);
  assert.deepEqual(found.map(told), [
    'The identity alice is switched off.',
    'The identity alice is still being set up.',
  ]);
});

test('an active identity passes, and so does a message without one', () => {
  for (const identityState of ['active', 'suspended', null] as const) {
    assert.deepEqual(findings(identityInactive, factsOf({ identityState })), []);
  }
});
