/** Mail that stays here instead of leaving: the newest thousand of a space, and 64 MB of it at most. */
import { newId } from '../../base/ids.ts';
import type { DeliveryWrites } from '../port/delivery.ts';
import { prepared } from './database.ts';
import { queueRow, SENDING } from './queue-rows.ts';
import type { Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const MOST_CAPTURES = 1000;
const MOST_CAPTURED_BYTES = 64 * 1024 * 1024;

type Held = { count: number; bytes: number };

/** What a space holds; it lives as long as what else is known of the space, so that it is read anew after a failed commit. */
const held = new WeakMap<Space, Held>();

type Input = Parameters<DeliveryWrites['capture']>[0];

export function capture(state: WriterState, { recipient, token, from, to, raw }: Input): boolean {
  const row = queueRow(state.db, recipient);
  if (row === null || row.claim !== token || row.state !== SENDING || row.dot !== 1) return false;
  const space = state.spaces.get(row.space);
  keepCapture(state, space, { recipient: row.id, from, to, key: row.key ?? row.email, raw });
  return true;
}

type Kept = { recipient: number; from: string; to: string; key: string; raw: Uint8Array };

/** Keeps mail in a space's sink, which loses its oldest where it is full. */
export function keepCapture(state: WriterState, space: Space, { recipient, from, to, key, raw }: Kept): void {
  const holding = heldBy(state, space);
  state.db
    .prepare(
      `INSERT INTO capture (id, space, recipient, mail_from, rcpt_to, rcpt_key, received_at, raw)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(newId('cap'), space.no, recipient, from, to, key, space.now(state.realNow), raw);
  holding.count += 1;
  holding.bytes += raw.length;
  while (holding.count > MOST_CAPTURES || (holding.bytes > MOST_CAPTURED_BYTES && holding.count > 1)) {
    dropOldest(state, space, holding);
  }
}

function heldBy(state: WriterState, space: Space): Held {
  let known = held.get(space);
  if (known === undefined) {
    known = state.db
      .prepare('SELECT count(*) AS count, coalesce(sum(length(raw)), 0) AS bytes FROM capture WHERE space = ?')
      .get(space.no) as Held;
    known = { count: known.count, bytes: known.bytes };
    held.set(space, known);
  }
  return known;
}

function dropOldest(state: WriterState, space: Space, holding: Held): void {
  const oldest = state.db
    .prepare('SELECT no, length(raw) AS bytes FROM capture WHERE space = ? ORDER BY no LIMIT 1')
    .get(space.no) as { no: number; bytes: number };
  state.db.prepare('DELETE FROM capture WHERE no = ?').run(oldest.no);
  holding.count -= 1;
  holding.bytes -= oldest.bytes;
}

/** Removes captures whatever their number. */
export function dropCaptures(state: WriterState, gone: readonly { no: number; space: number }[]): void {
  const statement = prepared(state.db, 'DELETE FROM capture WHERE no = ?');
  for (const { no, space } of gone) {
    statement.run(no);
    held.delete(state.spaces.get(space));
  }
}
