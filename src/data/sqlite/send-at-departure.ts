/** A stored message as a decision sees it when it leaves, or is looked at once more. */
import type { Send } from '../../policy/send.ts';
import type { IdentityRow } from '../store.ts';
import { prepared } from './database.ts';
import { FLAG_MARKETING } from './message-flags.ts';
import { identityOf } from './rows.ts';
import type { Space } from './spaces.ts';
import { leaseTokenOf, type MessageRow, scopesOf, senderOf, templateOf } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/** The message as the look at departure sees it; sets the space's identity to the message's. */
export function sendAtDeparture(state: WriterState, space: Space, message: MessageRow): Send {
  space.identity = message.identity === null ? null : identityNumbered(state, space, message.identity);
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

/** One that was deleted meanwhile is as good as switched off: what waits for it does not leave in another's way. */
function identityNumbered(state: WriterState, space: Space, no: number): IdentityRow | null {
  for (const identity of space.identities.values()) if (identity.no === no) return identity;
  const row = prepared(state.db, 'SELECT * FROM identity WHERE no = ?').get(no);
  return row === undefined ? null : { ...identityOf(row), state: 'inactive' };
}
