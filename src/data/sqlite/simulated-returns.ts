/** What simulator addresses send back once their mail has arrived: a complaint or a reply, in test mode alone. */
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { DeliveryWrites } from '../port/delivery.ts';
import { queuedMessage, queueRow } from './queue-rows.ts';
import { learnRisk } from './returns.ts';
import { publicId } from './row-id.ts';
import { modeOf } from './spaces.ts';
import { addSuppression } from './suppressions.ts';
import type { WriterState } from './writer-state.ts';

type Input = Parameters<DeliveryWrites['simulateReturn']>[0];

export function simulateReturn(state: WriterState, { recipient, kind }: Input): boolean {
  const row = queueRow(state.db, recipient);
  if (row === null || modeOf(row.space) !== 'test' || RECIPIENT_STATES[row.state] !== 'delivered') return false;
  const space = state.spaces.get(row.space);
  const now = space.now(state.realNow);
  const key = row.key ?? row.email;
  state.emit(space, kind === 'complained' ? 'message.complained' : 'message.replied', now, row.id, { simulated: true });
  state.tally(space, kind, now, 1);
  const thing = { kind: kind === 'complained' ? 'complaint' : 'reply', class: 'unknown', at: now } as const;
  learnRisk(state, space, key, { ...thing, reported: false });
  if (kind === 'complained') {
    const message = queuedMessage(state.db, row.message);
    addSuppression(state, space, {
      kind: 'address',
      key,
      reason: 'complaint',
      expiresAt: null,
      note: null,
      source: 'simulator',
      message: publicId('msg', message.id, message.nonce),
    });
    return true;
  }
  const contact = state.ledger.entry(space.no, key);
  contact.lastReplyAt = now;
  state.ledger.contactChanged(contact);
  return true;
}
