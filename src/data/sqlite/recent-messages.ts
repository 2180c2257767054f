/** The newest messages of a space that something happened to, found by its log of events. */

import { prepared } from './database.ts';
import { eventsBefore } from './event-log.ts';
import type { Space } from './spaces.ts';
import { type MessageRow, messageRow } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/**
 * Messages with an event of one of these types, newest event first and no older than `since`; a message comes once an event.
 * `most`: events looked at.
 */
export function* recentMessages(
  state: WriterState,
  space: Space,
  { types, since, most }: { types: readonly number[]; since: number; most: number },
): Generator<MessageRow, undefined> {
  const messageOf = prepared(state.db, 'SELECT message FROM recipient WHERE id = ?');
  for (const { seq, type, at, recipient } of eventsBefore(state.db, space.no, space.seq + 1)) {
    if (seq <= space.seq - most || at < since) return;
    if (recipient === null || !types.includes(type)) continue;
    const row = messageOf.get(recipient) as { message: number } | undefined;
    const message = row === undefined ? null : messageRow(state.db, row.message);
    if (message !== null) yield message;
  }
}
