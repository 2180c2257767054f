import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaseConflict } from '../../../src/policy/rules/lease-conflict.ts';
import { factsOf, findings, NOW, policyOf, sendOf, told, unknownEvidence } from '../deciding.ts';

const END = NOW + 600_000;
const held = { id: 'lse_1', heldBy: 'support-2', expiresAt: END } as const;
const outreach = sendOf({ scopes: { agent: 'outreach-1' } });

test('a contact that another agent holds waits for the end of the lease', () => {
  const [found] = findings(
    leaseConflict,
    factsOf({ lease: { ...held, problem: 'held_by_other' } }),
    policyOf(),
    outreach,
  );
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'lease_conflict',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: END,
    clearsBy: undefined,
    evidence: {
      lease_id: 'lse_1',
      problem: 'held_by_other',
      held_by: 'support-2',
      agent: 'outreach-1',
      expires_at: END,
    },
  });
  assert.deepEqual(unknownEvidence('lease_conflict', found.evidence), []);
  assert.equal(
    told(found),
    'Another agent holds the lease on this contact (held by support-2); it ends at 2026-04-27T08:22:00.000Z.',
  );
});

test('a send that names no agent, or an old token, does not pass either, and a wrong token is the caller to mend', () => {
  const [nobody] = findings(leaseConflict, factsOf({ lease: { ...held, problem: 'no_agent' } }));
  assert.equal(nobody?.evidence['problem'], 'no_agent');
  const stale = factsOf({ lease: { id: null, heldBy: null, expiresAt: null, problem: 'stale_token' } });
  const [found] = findings(leaseConflict, stale, policyOf(), outreach);
  assert.ok(found?.outcome === 'block');
  assert.equal(found.clearsAt, null);
  assert.deepEqual(found.clearsBy, ['caller']);
});

test('the holder passes, and so does everybody where leases are not enforced', () => {
  assert.deepEqual(findings(leaseConflict, factsOf({ lease: { ...held, problem: null } })), []);
  assert.deepEqual(findings(leaseConflict, factsOf()), []);
  const facts = factsOf({ lease: { ...held, problem: 'held_by_other' } });
  assert.deepEqual(findings(leaseConflict, facts, policyOf([], { leases: { enforce: false } })), []);
});
