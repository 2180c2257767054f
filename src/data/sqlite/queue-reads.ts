/** How much is on its way. */
import type { DatabaseSync } from 'node:sqlite';
import { stateNumber } from '../../core/states.ts';
import type { QueueFigures } from '../port/queue.ts';
import { prepared } from './database.ts';
import { CLAIM_MS } from './dispatch.ts';

const SENDING = stateNumber('sending');

function queueFigures(db: DatabaseSync): QueueFigures {
  const now = Date.now();
  // The first two counts read the index alone, however much is scheduled; a claim ends within a minute.
  const all = prepared(db, 'SELECT count(*) AS n FROM recipient INDEXED BY recipient_due WHERE due IS NOT NULL');
  const passed = prepared(
    db,
    'SELECT count(*) AS n FROM recipient INDEXED BY recipient_due WHERE due IS NOT NULL AND due <= ?',
  );
  const held = prepared(
    db,
    `SELECT count(*) AS n FROM recipient INDEXED BY recipient_due
     WHERE due IS NOT NULL AND due > ? AND due <= ? AND state = ?`,
  );
  const count = (row: unknown): number => (row as { n: number }).n;
  const due = count(passed.get(now));
  const claimed = count(held.get(now, now + CLAIM_MS, SENDING));
  return { due, claimed, waiting: count(all.get()) - due - claimed };
}

export const QUEUE_READS = { queueFigures };
