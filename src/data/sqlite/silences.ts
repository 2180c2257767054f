/**
 * Conversations whose last message waits for an answer. When its time is over and nobody has answered, that is told as an event, once a
 * message. What was never sent is met with no silence: it waits anew while it may still leave.
 */
import type { RecipientState } from '../../core/states.ts';
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { ThreadsWrites } from '../port/threads.ts';
import { prepared } from './database.ts';
import { lettersOf } from './inbound-reads.ts';
import { parsePublicId } from './row-id.ts';
import { type Space, spaceOf } from './spaces.ts';
import { messageRow, recipientRows } from './stored.ts';
import { rootOf } from './thread-rows.ts';
import type { WriterState } from './writer-state.ts';

type Input = Parameters<ThreadsWrites['awaitReply']>[0];
type Row = { root: number; id: string; message: number; wait_ms: number; due_at: number };

const MOST_LETTERS = 500;
const LEFT: ReadonlySet<RecipientState> = new Set(['sent', 'delivered']);
const OVER: ReadonlySet<RecipientState> = new Set(['blocked', 'bounced', 'failed', 'cancelled', 'expired']);

export function awaitReply(state: WriterState, { tenantNo, mode, id, messageId, dueAt, waitMs }: Input): null {
  const root = rootOf(id)!.row;
  const message = parsePublicId('msg', messageId)!.row;
  prepared(
    state.db,
    `INSERT INTO silence (root, id, space, message, wait_ms, due_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (root) DO UPDATE SET message = excluded.message, wait_ms = excluded.wait_ms, due_at = excluded.due_at
     WHERE excluded.message > silence.message`,
  ).run(root, id, spaceOf(tenantNo, mode), message, waitMs, dueAt);
  return null;
}

/** Of all spaces, each on its own clock; answers how many were looked at. */
export function tellAllSilences(state: WriterState, most: number): number {
  const spaces = prepared(state.db, 'SELECT DISTINCT space FROM silence WHERE due_at IS NOT NULL').all();
  let left = most;
  for (const row of spaces) {
    if (left > 0) left -= tellSilences(state, state.spaces.get(Number(row['space'])), left);
  }
  return most - left;
}

export function tellSilences(state: WriterState, space: Space, most: number): number {
  const now = space.now(state.realNow);
  const due = prepared(
    state.db,
    `SELECT root, id, message, wait_ms, due_at FROM silence
     WHERE space = ? AND due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?`,
  ).all(space.no, now, most) as unknown as Row[];
  if (due.length > 0) state.flushRows();
  for (const row of due) tell(state, space, row, now);
  return due.length;
}

function tell(state: WriterState, space: Space, row: Row, now: number): void {
  const message = messageRow(state.db, row.message);
  const recipients = message === null ? [] : recipientRows(state.db, row.message);
  const states = recipients.map((one) => RECIPIENT_STATES[one.state]!);
  const isOpen = states.some((one) => !LEFT.has(one) && !OVER.has(one)) && !states.some((one) => LEFT.has(one));
  const set = prepared(state.db, 'UPDATE silence SET due_at = ? WHERE root = ?');
  set.run(isOpen ? now + row.wait_ms : null, row.root);
  if (message === null || !states.some((one) => LEFT.has(one)) || isBroken(state, row)) return;
  const first = recipients.find((one) => LEFT.has(RECIPIENT_STATES[one.state]!))!;
  state.emit(space, 'message.no_reply', now, first.id, { waited_ms: row.wait_ms });
}

/** Somebody has answered since, or a later message has begun another wait. */
function isBroken(state: WriterState, { root, message, wait_ms: waitMs, due_at: dueAt }: Row): boolean {
  const later = prepared(state.db, 'SELECT 1 FROM thread_message WHERE root = ? AND message > ? LIMIT 1');
  if (later.get(root, message) !== undefined) return true;
  return lettersOf(state.db, root, MOST_LETTERS).some(({ kind, at }) => kind !== 'auto_reply' && at >= dueAt - waitMs);
}
