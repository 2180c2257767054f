/** When enough of what an account stores will have been freed by itself. */
import type { DatabaseSync } from 'node:sqlite';
import { eventNumber } from '../../core/events.ts';
import { BODY_NONE } from './bodies.ts';
import { endedRecipients } from './closed-messages.ts';
import { prepared } from './database.ts';
import { eventsFrom, firstLate } from './event-log.ts';
import { rowTime } from './row-id.ts';

const DAY_MS = 86_400_000;
/** Content goes so long after a message has closed. */
export const CONTENT_KEPT_MS = 7 * DAY_MS;
/** Events looked at: an account with more on its way to be freed is told no time. */
const MOST_LOOKED_AT = 2000;
const FIRST_ENDING = eventNumber('message.blocked');

/** What goes off the storage of a space, and when, in milliseconds, in order. */
export type Freeing = readonly { at: number; size: number }[];

/** Content goes a week after its message closed, or when the plan's retention is over, whichever comes first. */
export function freeing(db: DatabaseSync, space: number, retentionMs: number | null): Freeing {
  const ends = new Map<number, number>();
  for (const { recipient, at } of endings(db, space)) {
    const row = prepared(db, 'SELECT message FROM recipient WHERE id = ?').get(recipient);
    // Times of test mode are the tenant's own, and content goes by real time.
    if (row !== undefined) ends.set(Number(row['message']), space % 2 === 0 ? at : rowTime(recipient));
  }
  const freed: { at: number; size: number }[] = [];
  for (const [id, endedAt] of ends) {
    const message = prepared(db, 'SELECT size, body_form FROM message WHERE id = ?').get(id);
    if (message === undefined || message['body_form'] === BODY_NONE || endedRecipients(db, id) === 0) continue;
    const byRetention = retentionMs === null ? Number.POSITIVE_INFINITY : rowTime(id) + retentionMs;
    freed.push({ at: Math.min(endedAt + CONTENT_KEPT_MS, byRetention), size: Number(message['size']) });
  }
  return freed.sort((a, b) => a.at - b.at);
}

/** When `bytes` will have gone; null where what has closed does not hold as much. */
export function freedAt(freed: Freeing, bytes: number): number | null {
  let left = bytes;
  for (const { at, size } of freed) {
    left -= size;
    if (left <= 0) return at;
  }
  return null;
}

/** Events that ended something and that the archive has not walked past, in order. */
function endings(db: DatabaseSync, space: number): { recipient: number; at: number }[] {
  const walked = Number(prepared(db, "SELECT value FROM setting WHERE name = 'swept:archive'").get()?.['value'] ?? 0);
  const first = firstLate(db, space, ({ id }) => id > walked);
  const looked = eventsFrom(db, space, { first, last: first + MOST_LOOKED_AT - 1 });
  return looked.flatMap(({ type, recipient, at }) =>
    type < FIRST_ENDING || recipient === null ? [] : { recipient, at },
  );
}
