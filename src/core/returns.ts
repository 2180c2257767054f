/** What comes back from a recipient, and what follows from it. Pure. */
import { BOUNCE_CLASSES, type BounceClass } from './reasons.ts';

export const RETURN_KINDS = ['reply', 'bounce', 'complaint', 'unsubscribe', 'delivered'] as const;
export type ReturnKind = (typeof RETURN_KINDS)[number];

/** What can be proven besides: a program's answer, and that the next hop still tries. Neither says anything of the contact. */
const PROVEN_KINDS = [...RETURN_KINDS, 'auto_reply', 'delayed'] as const;
export type ProvenKind = (typeof PROVEN_KINDS)[number];

export const RETURN_EVENTS = {
  reply: 'message.replied',
  bounce: 'message.bounced',
  complaint: 'message.complained',
  unsubscribe: 'message.unsubscribed',
  delivered: 'message.delivered',
  auto_reply: 'message.auto_replied',
  delayed: 'message.deferred',
} as const satisfies Record<ProvenKind, string>;

/** Classes by which the address itself is at fault, for good. */
const SUPPRESSING: ReadonlySet<BounceClass> = new Set(['unknown_user', 'domain_not_found', 'mailbox_disabled']);

export function isBounceClass(text: string): text is BounceClass {
  return Object.hasOwn(BOUNCE_CLASSES, text);
}

/** Whether a bounce of this class says that the address takes no mail. */
export function isHardBounce(bounceClass: BounceClass): boolean {
  return SUPPRESSING.has(bounceClass);
}

/** Classes that tell of the receiver's passing trouble, or of this gateway's own. */
const PASSING: ReadonlySet<string> = new Set<BounceClass>([
  'mailbox_full',
  'rate_limited',
  'greylisted',
  'tls_failure',
  'infrastructure',
  'protocol_error',
]);

/** Whether a bounce of this class is a bad sign for the sender; one whose class nobody knows is. */
export function isBadSign(bounceClass: string | null): boolean {
  return bounceClass === null || !PASSING.has(bounceClass);
}

const DAY_MS = 86_400_000;

/** How long a bounce of this class suppresses, in milliseconds; null: for good. A mailbox that was switched off may come back. */
export function suppressedFor(bounceClass: BounceClass): number | null {
  return bounceClass === 'mailbox_disabled' ? 90 * DAY_MS : null;
}

/**
 * Whether a bounce may suppress at all: only for the recipient's own fault. A temporary code (4.x.x) never does, nor does policy
 * or security (x.7.x; RFC 3463 §3.8), whatever the class.
 */
export function maySuppress(bounceClass: BounceClass, status: string | null): boolean {
  if (status !== null && (status.startsWith('4') || /^\d\.7\./.test(status))) return false;
  return BOUNCE_CLASSES[bounceClass].fault === 'recipient';
}

/** The reason for which the address is suppressed, or null where it is not. */
export function suppressionFor(
  kind: ProvenKind,
  bounceClass: BounceClass,
): 'hard_bounce' | 'complaint' | 'unsubscribe' | null {
  if (kind === 'complaint' || kind === 'unsubscribe') return kind;
  return kind === 'bounce' && isHardBounce(bounceClass) ? 'hard_bounce' : null;
}
