/** Another agent holds the contact, or the send comes under a lease that is not the current one. */
import { PASS, type Rule } from './rule.ts';

export const leaseConflict: Rule = (send, recipient, facts, policy) => {
  const { lease } = facts;
  if (lease === null || lease.problem === null || policy.document.leases.enforce === false) return PASS;
  // The right token is the caller's to give; only another's lease ends by itself.
  const isStale = lease.problem === 'stale_token';
  return [
    {
      outcome: 'block',
      code: 'lease_conflict',
      scope: { kind: 'recipient', id: recipient.key },
      clearsAt: lease.expiresAt,
      clearsBy: isStale ? (lease.expiresAt === null ? ['caller'] : ['time', 'caller']) : undefined,
      evidence: {
        lease_id: lease.id,
        problem: lease.problem,
        held_by: lease.heldBy,
        agent: send.scopes.agent,
        expires_at: lease.expiresAt,
      },
    },
  ];
};
