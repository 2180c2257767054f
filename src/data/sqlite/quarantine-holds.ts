/** Mail that was accepted before the quarantine came and has not left: it is held, a slice at the entry and the rest as it falls due. */
import { stateNumber } from '../../core/states.ts';
import type { DecidedReason } from '../../policy/verdict.ts';
import { prepared } from './database.ts';
import { AT_ONCE } from './fresh-rows.ts';
import { holdRecipient } from './holding.ts';
import { hasLeft } from './places.ts';
import { openQuarantine, type QuarantineRow } from './quarantine-standing.ts';
import { queuedMessage, queueRow, SENDING } from './queue-rows.ts';
import type { Space } from './spaces.ts';
import { type MessageRow, RECIPIENT_COLUMNS, type RecipientRow } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/** Recipients held or let go at once: more would keep other submissions waiting. */
export const SLICE = 200;
/** What a sweep still has to do for a quarantine. */
export const WORK = { none: 0, hold: 1, finish: 2 } as const;

const WAITING = (['accepted', 'scheduled', 'deferred', 'uncertain'] as const).map(stateNumber).join(', ');

/** Holds a recipient because the account is in quarantine. */
export function holdForQuarantine(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  now: number,
  quarantine: QuarantineRow | null = openQuarantine(state.db, space.no),
): void {
  if (quarantine === null) throw new Error(`space ${space.no} is in no quarantine`);
  const reason: DecidedReason = {
    code: 'quarantine_hold',
    scope: { kind: 'tenant', id: space.tenant.id },
    clearsAt: quarantine.release_at,
    evidence: { quarantine_id: quarantine.id, since: quarantine.since, accepted_at: message.created_at },
  };
  const isClaimed = row.state === SENDING && hasLeft(row);
  holdRecipient(state, space, row, message, { reasons: [reason], cause: 'departure', now });
  // The attempt that its claim has counted is not made.
  if (isClaimed) prepared(state.db, 'UPDATE recipient SET attempts = attempts - 1 WHERE id = ?').run(row.id);
  prepared(state.db, 'INSERT OR REPLACE INTO quarantine_hold (recipient, quarantine) VALUES (?, ?)').run(
    row.id,
    quarantine.no,
  );
  state.tally(space, 'quarantine_hold', now, 1);
}

/** Holds a slice of what waits to leave; answers with how many, and notes whether a sweep must go on. */
export function holdWaiting(state: WriterState, space: Space, quarantine: QuarantineRow): number {
  const now = space.now(state.realNow);
  const rows = waitingRows(state, space);
  for (const row of rows) {
    holdForQuarantine(state, space, row, queuedMessage(state.db, row.message), now, quarantine);
  }
  setWork(state, quarantine.no, rows.length === SLICE ? WORK.hold : WORK.none);
  return rows.length;
}

/** A slice of what waits to leave: first what leaves at once, then what has a time. */
function waitingRows(state: WriterState, space: Space): RecipientRow[] {
  state.flushRows();
  const rows: RecipientRow[] = [];
  for (let no = state.fresh.first(space.no); no !== null && rows.length < SLICE; no = state.fresh.first(space.no)) {
    state.fresh.shift(space.no);
    const row = queueRow(state.db, no);
    if (row?.due === AT_ONCE) rows.push(row);
  }
  const timed = prepared(
    state.db,
    `SELECT ${RECIPIENT_COLUMNS} FROM recipient
     WHERE space = ? AND due >= 0 AND state IN (${WAITING}) ORDER BY due LIMIT ?`,
  ).all(space.no, SLICE - rows.length) as unknown as RecipientRow[];
  return [...rows, ...timed];
}

export function setWork(state: WriterState, quarantine: number, work: number): void {
  prepared(state.db, 'UPDATE quarantine SET work = ? WHERE no = ?').run(work, quarantine);
}
