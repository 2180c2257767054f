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
import { withLater } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

/** Recipients held or let go at once: more would keep other submissions waiting. */
export const SLICE = 200;
/** What a sweep still has to do for a quarantine. */
export const WORK = { none: 0, hold: 1, finish: 2 } as const;

const WAITING = (['accepted', 'scheduled', 'deferred', 'uncertain'] as const).map(stateNumber);

/** What the quarantine alone stops waits for its end. */
export function isHeldBack(reasons: readonly DecidedReason[]): boolean {
  return reasons.every(({ code }) => code === 'account_quarantined');
}

/** Holds a recipient because the account is in quarantine. */
export function holdForQuarantine(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  now: number,
  quarantine: QuarantineRow = theQuarantine(state, space),
): void {
  const isClaimed = row.state === SENDING && hasLeft(row);
  const reasons = [holdReason(space, message, quarantine)];
  holdRecipient(state, space, row, message, { reasons, cause: 'departure', now });
  // The attempt that its claim has counted is not made.
  if (isClaimed) prepared(state.db, 'UPDATE recipient SET attempts = attempts - 1 WHERE id = ?').run(row.id);
  noteHold(state, row, quarantine);
  state.tally(space, 'quarantine_hold', now, 1);
}

/** A recipient that another hold lets go stays held, now for the quarantine. */
export function keepForQuarantine(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  now: number,
): void {
  const quarantine = theQuarantine(state, space);
  const reasons = [holdReason(space, message, quarantine)];
  const held = { verdict: 'hold', departAt: row.depart_at, reasons, warnings: [] } as const;
  row.verdict = withLater(row, { ...held, at: now, cause: 'release', policyVersion: space.policy.version });
  prepared(state.db, 'UPDATE recipient SET verdict = ? WHERE id = ?').run(row.verdict, row.id);
  noteHold(state, row, quarantine);
}

function theQuarantine(state: WriterState, space: Space): QuarantineRow {
  const row = openQuarantine(state.db, space.no);
  if (row === null) throw new Error(`space ${space.no} is in no quarantine`);
  return row;
}

function holdReason(space: Space, message: MessageRow, quarantine: QuarantineRow): DecidedReason {
  return {
    code: 'quarantine_hold',
    scope: { kind: 'tenant', id: space.tenant.id },
    clearsAt: quarantine.release_at,
    evidence: { quarantine_id: quarantine.id, since: quarantine.since, accepted_at: message.created_at },
  };
}

function noteHold(state: WriterState, row: RecipientRow, quarantine: QuarantineRow): void {
  const sql = 'INSERT OR REPLACE INTO quarantine_hold (recipient, quarantine) VALUES (?, ?)';
  prepared(state.db, sql).run(row.id, quarantine.no);
}

/** Holds a slice of what waits to leave; answers with how many, and notes whether a sweep must go on. */
export function holdWaiting(state: WriterState, space: Space, quarantine: QuarantineRow): number {
  const now = space.now(state.realNow);
  const rows = [...takeFresh(state, space), ...timed(state, space)];
  for (const row of rows) {
    holdForQuarantine(state, space, row, queuedMessage(state.db, row.message), now, quarantine);
  }
  setWork(state, quarantine.no, rows.length >= SLICE ? WORK.hold : WORK.none);
  return rows.length;
}

/** What was accepted for now and no worker has taken: whoever takes it off its list must give it another state. */
function takeFresh(state: WriterState, space: Space): RecipientRow[] {
  const rows: RecipientRow[] = [];
  for (let id = state.fresh.first(space.no); id !== null && rows.length < SLICE; id = state.fresh.first(space.no)) {
    state.fresh.shift(space.no);
    const row = queueRow(state.db, id);
    if (row?.due === AT_ONCE) rows.push(row);
  }
  return rows;
}

function timed(state: WriterState, space: Space): RecipientRow[] {
  return prepared(
    state.db,
    `SELECT ${RECIPIENT_COLUMNS} FROM recipient
     WHERE space = ? AND due >= 0 AND state IN (${WAITING.join(', ')}) ORDER BY due LIMIT ?`,
  ).all(space.no, SLICE) as unknown as RecipientRow[];
}

export function setWork(state: WriterState, quarantine: number, work: number): void {
  prepared(state.db, 'UPDATE quarantine SET work = ? WHERE no = ?').run(work, quarantine);
}
