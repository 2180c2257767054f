import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityCapExceeded } from '../../../src/policy/rules/identity-cap-exceeded.ts';
import { factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([{ name: 'theirs', scope: 'identity', window: 'calendar_day', max: 5 }]);
const FREES = NOW / 1000 + 600;
const full = { used: 5, resetsAt: FREES, freeAt: FREES, units: 1 };

test('a full limit (identity cap exceeded) says what is used, of what, and when there is room', () => {
  const [found, ...more] = findings(identityCapExceeded, factsOf({ limits: [full] }), policy);
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'identity_cap_exceeded',
    scope: { kind: 'identity', id: 'idn_1' },
    clearsAt: FREES * 1000,
    clearsBy: undefined,
    evidence: {
      limit_name: 'theirs',
      unit: 'recipient',
      window: 'calendar_day',
      limit: 5,
      used: 5,
      requested: 1,
      frees_at: FREES * 1000,
      identity: 'alice',
    },
  });
  assert.deepEqual(unknownEvidence('identity_cap_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    'Identity alice: 5 of 5 recipients used in the current UTC day; there is room for 1 more at 2026-04-27T08:22:00.000Z.',
  );
});

test('a limit with room passes (identity cap exceeded), and so does a full one of another kind', () => {
  assert.deepEqual(findings(identityCapExceeded, factsOf({ limits: [{ ...full, used: 4, freeAt: 0 }] }), policy), []);
  const other = policyOf([{ name: 'other', scope: 'tenant', window: 'calendar_day', max: 5 }]);
  assert.deepEqual(findings(identityCapExceeded, factsOf({ limits: [full] }), other), []);
});

test('a rate of an identity reads against its burst', () => {
  const rate = policyOf([{ name: 'slow', scope: 'identity', window: 'rate', per: 'minute', max: 2, burst: 3 }]);
  const freeAt = NOW + 30_000;
  const [found] = findings(
    identityCapExceeded,
    factsOf({ limits: [{ used: 3, resetsAt: freeAt, freeAt, units: 1 }] }),
    rate,
  );
  assert.deepEqual(unknownEvidence('identity_cap_exceeded', found!.evidence), []);
  assert.equal(
    told(found!),
    'Identity alice: 3 of 3 recipients used; there is room for 1 more at 2026-04-27T08:12:30.000Z.',
  );
});
