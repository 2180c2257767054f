/** What comes back from a recipient, and what follows from it. Pure. */
import { BOUNCE_CLASSES, type BounceClass } from './reasons.ts';

export const RETURN_KINDS = ['reply', 'bounce', 'complaint', 'unsubscribe', 'delivered'] as const;
export type ReturnKind = (typeof RETURN_KINDS)[number];

export const RETURN_EVENTS = {
  reply: 'message.replied',
  bounce: 'message.bounced',
  complaint: 'message.complained',
  unsubscribe: 'message.unsubscribed',
  delivered: 'message.delivered',
} as const;

/** Classes by which the address itself is at fault, for good. */
const SUPPRESSING: ReadonlySet<BounceClass> = new Set(['unknown_user', 'domain_not_found', 'mailbox_disabled']);

export function isBounceClass(text: string): text is BounceClass {
  return Object.hasOwn(BOUNCE_CLASSES, text);
}

/** Whether a bounce of this class says that the address takes no mail. */
export function isHardBounce(bounceClass: BounceClass): boolean {
  return SUPPRESSING.has(bounceClass);
}

/** Classes that tell of the receiver's passing trouble. */
const PASSING: ReadonlySet<string> = new Set<BounceClass>(['mailbox_full', 'rate_limited', 'infrastructure']);

/** Whether a bounce of this class is a bad sign for the sender; one whose class nobody knows is. */
export function isBadSign(bounceClass: string | null): boolean {
  return bounceClass === null || !PASSING.has(bounceClass);
}

/** The reason for which the address is suppressed, or null where it is not. */
export function suppressionFor(
  kind: ReturnKind,
  bounceClass: BounceClass,
): 'hard_bounce' | 'complaint' | 'unsubscribe' | null {
  if (kind === 'complaint' || kind === 'unsubscribe') return kind;
  return kind === 'bounce' && isHardBounce(bounceClass) ? 'hard_bounce' : null;
}
