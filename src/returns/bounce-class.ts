/** From what a reply means to the word that is stored: only a class that surely is the recipient's own fault may suppress. Pure. */
import type { Bounce } from '../core/bounce.ts';
import type { BounceClass } from '../core/reasons.ts';
import { isBounceClass, isHardBounce } from '../core/returns.ts';

const STORED: Readonly<Partial<Record<Bounce['class'], BounceClass>>> = {
  mailbox_inactive: 'mailbox_disabled',
  greylisted: 'rate_limited',
  tls_failure: 'infrastructure',
  protocol_error: 'infrastructure',
};

export function storedClass(bounce: Pick<Bounce, 'class' | 'suppress'>): BounceClass {
  const known = STORED[bounce.class] ?? (isBounceClass(bounce.class) ? bounce.class : 'unknown');
  return isHardBounce(known) && !bounce.suppress ? 'unknown' : known;
}
