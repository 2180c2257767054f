/** Ends of recipients: the row, its event and its tally. */
import type { EventType } from '../../core/events.ts';
import type { RecipientState } from '../../core/states.ts';
import { moveTo, queueStatements } from './queue-rows.ts';
import type { Space } from './spaces.ts';
import type { RecipientRow } from './stored.ts';
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
