/** A lease on the contact, as a section of the facts; null where nobody holds one and the send names none. */
import type { PackReader, PackWriter } from '../core/pack.ts';
import type { LeaseState } from './ledger.ts';
import type { LedgerView } from './ledger-view.ts';
import type { Send, SendRecipient } from './send.ts';

export const LEASE_PROBLEMS = ['held_by_other', 'no_agent', 'stale_token'] as const;
export type LeaseProblem = (typeof LEASE_PROBLEMS)[number];

export type LeaseFacts = {
  /** The lease in force, or null: then a token was given that belongs to none. */
  id: string | null;
  heldBy: string | null;
  expiresAt: number | null;
  /** Why the send may not pass it, or null. */
  problem: LeaseProblem | null;
};

/**
 * Who holds the contact is asked for the time of departure, since a lease may have ended by then. A token must be the current
 * one now: it fences off a holder who has lost the lease without noticing.
 */
export function lookLease(
  view: LedgerView,
  send: Send,
  recipient: SendRecipient,
  now: number,
  departAt: number,
): LeaseFacts | null {
  const lease = leaseAt(view, recipient.key, now);
  const token = send.leaseToken ?? null;
  if (lease === null) {
    return token === null ? null : { id: null, heldBy: null, expiresAt: null, problem: 'stale_token' };
  }
  const held = { id: lease.id, heldBy: lease.agent, expiresAt: lease.expiresAt };
  if (token !== null && token !== lease.token) return { ...held, problem: 'stale_token' };
  if (lease.expiresAt <= departAt) return null;
  const { agent } = send.scopes;
  if (agent === lease.agent) return { ...held, problem: null };
  return { ...held, problem: agent === null ? 'no_agent' : 'held_by_other' };
}

/** At departure a lease that has ended meanwhile stands in nobody's way: what was sent under it was accepted. */
export function lookLeaseAtDeparture(
  view: LedgerView,
  send: Send,
  recipient: SendRecipient,
  now: number,
): LeaseFacts | null {
  return leaseAt(view, recipient.key, now) === null ? null : lookLease(view, send, recipient, now, now);
}

function leaseAt(view: LedgerView, contact: string, now: number): LeaseState | null {
  const lease = view.lease(contact);
  return lease === null || lease.expiresAt <= now ? null : lease;
}

export function packLease(w: PackWriter, facts: LeaseFacts | null): void {
  if (facts === null) {
    w.byte(0);
    return;
  }
  w.byte(facts.problem === null ? 1 : 2 + LEASE_PROBLEMS.indexOf(facts.problem));
  w.text(facts.id ?? '');
  w.text(facts.heldBy ?? '');
  w.optional(facts.expiresAt);
}

export function unpackLease(r: PackReader): LeaseFacts | null {
  const kind = r.byte();
  if (kind === 0) return null;
  return {
    problem: kind === 1 ? null : LEASE_PROBLEMS[kind - 2]!,
    id: r.text() || null,
    heldBy: r.text() || null,
    expiresAt: r.optional(),
  };
}
