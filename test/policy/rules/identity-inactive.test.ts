import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityInactive } from '../../../src/policy/rules/identity-inactive.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';
import { poolFacts } from '../pools.ts';

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

test('where it is known when the setting up ends, that is when it clears; one that is switched off waits for nobody’s clock', () => {
  const pool = { ...poolFacts(null), readyAt: NOW + DAY };
  const [waits] = findings(identityInactive, factsOf({ identityState: 'provisioning', pool }));
  assert.ok(waits?.outcome === 'block');
  assert.deepEqual([waits.clearsAt, waits.evidence['ready_at']], [NOW + DAY, NOW + DAY]);
  assert.deepEqual(unknownEvidence('identity_inactive', waits.evidence), []);
  const [off] = findings(identityInactive, factsOf({ identityState: 'inactive', pool }));
  assert.ok(off?.outcome === 'block');
  assert.deepEqual([off.clearsAt, 'ready_at' in off.evidence], [null, false]);
});

test('an active identity passes, and so does a message without one', () => {
  for (const identityState of ['active', 'suspended', null] as const) {
    assert.deepEqual(findings(identityInactive, factsOf({ identityState })), []);
  }
});
