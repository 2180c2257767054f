/** Finds the oldest events by walking the log in order of arrival. */
import type { DatabaseSync } from 'node:sqlite';
import { prepared } from './database.ts';
import { rowTime } from './row-id.ts';
import { modeOf } from './spaces.ts';

export type OldEvent = {
  id: number;
  space: number;
  seq: number;
  type: number;
  at: number;
  recipient: number | null;
};

/**
 * The events after `after` that happened at `cutoff` or before, up to the first that did not; `most` at most. Times of test
 * mode are the tenant's own, so there the arrival of the message counts, and what concerns no message goes with what follows it.
 */
export function oldEvents(db: DatabaseSync, after: number, cutoff: number, most: number): OldEvent[] {
  const rows = prepared(
    db,
    'SELECT id, space, seq, type, at, recipient FROM event WHERE id > ? ORDER BY id LIMIT ?',
  ).all(after, most) as unknown as OldEvent[];
  let count = 0;
  for (const [i, row] of rows.entries()) {
    const at = modeOf(row.space) === 'live' ? row.at : row.recipient === null ? null : rowTime(row.recipient);
    if (at === null) continue;
    if (at > cutoff) break;
    count = i + 1;
  }
  return rows.slice(0, count);
}
