/** Ends of recipients: the row, its event and tally, and the places in limits that one which never left gives back. */
import type { EventType } from '../../core/events.ts';
import { RECIPIENT_STATES, type RecipientState } from '../../core/states.ts';
import { withIdentityCap } from '../../policy/document.ts';
import { giveBack } from '../../policy/ledger.ts';
import { moveTo, queueStatements } from './queue-rows.ts';
import type { Space } from './spaces.ts';
import { factsOf, type MessageRow, type RecipientRow, sendOfRow, sendRecipientOf } from './stored.ts';
import type { WriterState } from './writer-state.ts';

export type ClosingState = RecipientState & ('blocked' | 'cancelled' | 'expired' | 'failed' | 'bounced' | 'delivered');

/** Ends a recipient: its row, its event, its tally. */
export function closeWith(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  to: ClosingState,
  now: number,
  data: Record<string, unknown>,
): void {
  queueStatements(state.db).close.run(moveTo(row, to), null, now, row.id);
  state.emit(space, `message.${to}` as EventType, now, row.id, Object.keys(data).length === 0 ? null : data);
  if (to !== 'blocked') state.tally(space, to, now, 1);
}

/** Gives back the places of a recipient that will not depart. `whole`: no other recipient of its message departs. */
export function returnPlaces(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  whole: boolean,
): void {
  const send = sendOfRow(state.db, message);
  const facts = factsOf(row);
  const policy = withIdentityCap(space.policy, facts?.identityCap ?? null);
  const recipient = sendRecipientOf(row, facts);
  for (const change of giveBack(space, policy, send, recipient, row.depart_at, whole)) {
    state.ledger.apply(change, Math.floor(space.lastNow / 1000));
  }
}

/** Whether no other recipient of the message has left or still will. */
export function isLastToLeave(state: WriterState, row: RecipientRow): boolean {
  const others = queueStatements(state.db).others.all(row.message, row.message + 128, row.message, row.id);
  return (others as { state: number; attempts: number }[]).every((other) => {
    const name = RECIPIENT_STATES[other.state]!;
    return name === 'blocked' || name === 'cancelled' || (name === 'expired' && other.attempts === 0);
  });
}
