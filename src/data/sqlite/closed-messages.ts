/** Messages of which nothing further is expected. */
import type { DatabaseSync } from 'node:sqlite';
import { stateNumber } from '../../core/states.ts';
import { prepared } from './database.ts';

/** Nothing further is expected of these: `sent` has been quiet for as long as the others. */
export const SETTLED: ReadonlySet<number> = new Set(
  (['sent', 'delivered', 'bounced', 'failed', 'cancelled', 'expired', 'blocked'] as const).map(stateNumber),
);

/** How many recipients a message has, if all of them have ended; 0 where one has not, or there is no such message. */
export function endedRecipients(db: DatabaseSync, message: number): number {
  const rows = prepared(db, 'SELECT state FROM recipient WHERE id >= ?1 AND id < ?1 + 128 AND message = ?1').all(
    message,
  );
  return rows.every((row) => SETTLED.has(Number(row['state']))) ? rows.length : 0;
}
