/** What becomes of held mail when a quarantine ends: sent, decided again in full, or dropped. A slice at a time. */
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { HELD } from './holding.ts';
import { release } from './holds.ts';
import { returnPlaces } from './places.ts';
import { SLICE, setWork, WORK } from './quarantine-holds.ts';
import { isQuarantinedState, openQuarantine, type QuarantineRow } from './quarantine-standing.ts';
import { type QueueRow, queuedMessage, queueRow } from './queue-rows.ts';
import type { Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** Sends or drops a slice of what an ended quarantine holds; answers with how many. */
export function finishHeld(state: WriterState, space: Space, ended: QuarantineRow): number {
  const open = openQuarantine(state.db, space.no);
  if (open !== null && isQuarantinedState(open.state)) {
    // Another one has begun meanwhile: what is left waits for that.
    prepared(state.db, 'UPDATE quarantine_hold SET quarantine = ? WHERE quarantine = ?').run(open.no, ended.no);
    setWork(state, ended.no, WORK.none);
    return 0;
  }
  const held = prepared(
    state.db,
    'SELECT recipient FROM quarantine_hold WHERE quarantine = ? ORDER BY recipient LIMIT ?',
  ).all(ended.no, SLICE) as { recipient: number }[];
  const messages = new Set<number>();
  for (const { recipient } of held) {
    prepared(state.db, 'DELETE FROM quarantine_hold WHERE recipient = ?').run(recipient);
    const row = queueRow(state.db, recipient);
    if (row === null || row.state !== HELD) continue;
    if (ended.held === 'drop') drop(state, space, row, ended);
    else messages.add(row.message);
  }
  for (const message of messages) release(state, space, queuedMessage(state.db, message), 'quarantine');
  setWork(state, ended.no, held.length === SLICE ? WORK.finish : WORK.none);
  return held.length;
}

function drop(state: WriterState, space: Space, row: QueueRow, ended: QuarantineRow): void {
  returnPlaces(state, space, row, queuedMessage(state.db, row.message));
  const now = space.now(state.realNow);
  closeWith(state, space, row, 'cancelled', now, { by: 'operator', quarantine_id: ended.id });
}
