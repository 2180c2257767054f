/** How much is on its way. */
import type { DatabaseSync } from 'node:sqlite';
import { stateNumber } from '../../core/states.ts';
import type { QueueFigures } from '../port/queue.ts';
import { prepared } from './database.ts';
import { CLAIM_MS } from './dispatch.ts';

const SENDING = stateNumber('sending');

function queueFigures(db: DatabaseSync): QueueFigures {
  const now = Date.now();
  // The counts but the last read an index alone, however much is scheduled; a claim ends within a minute.
  const fresh = prepared(db, 'SELECT count(*) AS n FROM recipient INDEXED BY recipient_fresh WHERE due < 0');
  const all = prepared(db, 'SELECT count(*) AS n FROM recipient INDEXED BY recipient_due WHERE due >= 0');
  const passed = prepared(
    db,
    'SELECT count(*) AS n FROM recipient INDEXED BY recipient_due WHERE due >= 0 AND due <= ?',
  );
  const held = prepared(
    db,
    `SELECT count(*) AS n FROM recipient INDEXED BY recipient_due
     WHERE due >= 0 AND due > ? AND due <= ? AND state = ?`,
  );
  const count = (row: unknown): number => (row as { n: number }).n;
  const due = count(passed.get(now));
  const claimed = count(held.get(now, now + CLAIM_MS, SENDING));
  return { due: due + count(fresh.get()), claimed, waiting: count(all.get()) - due - claimed };
}

export const QUEUE_READS = { queueFigures };
