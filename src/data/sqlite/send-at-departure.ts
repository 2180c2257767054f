/** A stored message as a decision sees it when it leaves, or is looked at once more. */
import type { Send } from '../../policy/send.ts';
import { FLAG_MARKETING } from './message-flags.ts';
import type { Space } from './spaces.ts';
import { leaseTokenOf, type MessageRow, scopesOf, senderOf, templateOf } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/** The message as the look at departure sees it; sets the space's identity to the message's. */
export function sendAtDeparture(state: WriterState, space: Space, message: MessageRow): Send {
  space.identity = null;
  if (message.identity !== null) {
    for (const identity of space.identities.values()) if (identity.no === message.identity) space.identity = identity;
  }
  const scopes = scopesOf(state.db, message);
  const kind = (message.flags & FLAG_MARKETING) === 0 ? 'transactional' : 'marketing';
  return {
    kind,
    onLimit: 'reject',
    sendAt: null,
    scopes,
    contentSize: 0,
    leaseToken: leaseTokenOf(message),
    template: templateOf(message),
    from: senderOf({ email: message.from_email, name: message.from_name }),
  };
}
