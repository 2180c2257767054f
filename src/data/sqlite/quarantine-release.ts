/**
 * What becomes of held mail when a quarantine ends: sent, decided again in full, or dropped. A slice at a time.
 *
 * A recipient that is let go takes its places anew; where a limit is full it takes the earliest free one. One that has been tried
 * before counted then. An expiry that nobody set moves along with the time it was held.
 */
import { type RecipientState, stateNumber } from '../../core/states.ts';
import { decide } from '../../policy/decide.ts';
import { type Counted, countDeparture } from '../../policy/ledger.ts';
import { look } from '../../policy/look.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { sendAtDeparture } from './departure.ts';
import { DEFAULT_EXPIRY_MS } from './expiry.ts';
import { HELD } from './holding.ts';
import { allCounted, applyAll, hasLeft, moveAlone, returnPlaces } from './places.ts';
import { holdForQuarantine, SLICE, setWork, WORK } from './quarantine-holds.ts';
import type { QuarantineRow } from './quarantine-standing.ts';
import { moveTo, queuedMessage, queueRow, queueStatements } from './queue-rows.ts';
import type { Space } from './spaces.ts';
import { factsOf, type MessageRow, type RecipientRow, recipientRows, sendOfRow, sendRecipientOf } from './stored.ts';
import { withLater } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

/** Sends or drops a slice of what an ended quarantine holds; answers with how many. */
export function finishHeld(state: WriterState, space: Space, quarantine: QuarantineRow): number {
  const now = space.now(state.realNow);
  const held = prepared(
    state.db,
    'SELECT recipient FROM quarantine_hold WHERE quarantine = ? ORDER BY recipient LIMIT ?',
  ).all(quarantine.no, SLICE) as { recipient: number }[];
  for (const { recipient } of held) {
    prepared(state.db, 'DELETE FROM quarantine_hold WHERE recipient = ?').run(recipient);
    const row = queueRow(state.db, recipient);
    if (row === null || row.state !== HELD) continue;
    const message = queuedMessage(state.db, row.message);
    if (quarantine.held === 'drop') drop(state, space, row, message, quarantine, now);
    else letGo(state, space, row, message, now);
  }
  setWork(state, quarantine.no, held.length === SLICE ? WORK.finish : WORK.none);
  return held.length;
}

function drop(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  quarantine: QuarantineRow,
  now: number,
): void {
  returnPlaces(state, space, row, message);
  closeWith(state, space, row, 'cancelled', now, { by: 'operator', quarantine_id: quarantine.id });
}

function letGo(state: WriterState, space: Space, row: RecipientRow, message: MessageRow, now: number): void {
  const rows = recipientRows(state.db, message.id);
  if (!extend(state, message, rows, now)) {
    returnPlaces(state, space, row, message);
    closeWith(state, space, row, 'expired', now, {});
    return;
  }
  if (hasLeft(row)) {
    queue(state, space, row, { verdict: 'accept', departAt: row.depart_at, reasons: [], warnings: [] }, now);
    return;
  }
  decideAgain(state, space, row, message, rows, now);
}

/** False where the message has expired: an expiry that the caller set stands, the default one moves along. */
function extend(state: WriterState, message: MessageRow, rows: readonly RecipientRow[], now: number): boolean {
  const asked = Math.max(message.created_at, message.send_at ?? 0, ...rows.map((row) => row.depart_at));
  if (message.expires_at !== asked + DEFAULT_EXPIRY_MS) return message.expires_at > now;
  const later = Math.max(asked, now) + DEFAULT_EXPIRY_MS;
  prepared(state.db, 'UPDATE message SET expires_at = ? WHERE id = ?').run(later, message.id);
  return true;
}

function decideAgain(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  rows: readonly RecipientRow[],
  now: number,
): void {
  sendAtDeparture(state, space, message);
  const stored = sendOfRow(state.db, message);
  const send = { ...stored, onLimit: 'defer' as const, contentSize: 0 };
  const recipient = sendRecipientOf(row, factsOf(row));
  const counted: Counted = moveAlone(rows, [row]) ? new Map() : allCounted(space, send, row);
  const seen = look({ view: space, policy: space.policy, send, recipient, now, counted, duplicate: null });
  // Its credit and its storage were taken at acceptance.
  const facts = { ...seen, account: { ...seen.account, credits: null, storageLimit: null } };
  const verdict = decide(send, recipient, facts, space.policy);
  if (verdict.verdict === 'block') {
    refuse(state, space, row, message, verdict, now);
    return;
  }
  const policy = adapted(space.policy, adaptingIn(facts));
  applyAll(state, space, countDeparture(space, policy, send, recipient, verdict.departAt, now, counted));
  queue(state, space, row, verdict, now);
}

function refuse(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  verdict: Verdict,
  now: number,
): void {
  // Another quarantine has begun meanwhile: it waits for that one.
  if (verdict.reasons.every(({ code }) => code === 'account_quarantined')) {
    prepared(state.db, 'UPDATE recipient SET state = ? WHERE id = ?').run(stateNumber('accepted'), row.id);
    holdForQuarantine(state, space, queueRow(state.db, row.id)!, message, now);
    return;
  }
  setVerdict(state, space, row, verdict, now);
  returnPlaces(state, space, row, message);
  const reasons = verdict.reasons.map((reason) => reason.code);
  state.tally(space, reasons[0] ?? 'blocked', now, 1);
  closeWith(state, space, row, 'blocked', now, { at: 'release', reasons });
}

function setVerdict(state: WriterState, space: Space, row: RecipientRow, verdict: Verdict, now: number): void {
  const later = withLater(row, { ...verdict, at: now, cause: 'release', policyVersion: space.policy.version });
  row.verdict = later;
  queueStatements(state.db).verdict.run(later, row.id);
}

/** Due again: at once, or in the place that it got. */
function queue(state: WriterState, space: Space, row: RecipientRow, verdict: Verdict, now: number): void {
  setVerdict(state, space, row, verdict, now);
  const to: RecipientState = verdict.verdict === 'schedule' ? 'scheduled' : 'accepted';
  const due = Math.max(now, verdict.departAt);
  prepared(state.db, 'UPDATE recipient SET state = ?, due = ?, depart_at = ? WHERE id = ?').run(
    moveTo(row, to),
    due,
    verdict.departAt,
    row.id,
  );
  state.emit(space, `message.${to}`, now, row.id, { released: true });
  space.nextDue = Math.min(space.nextDue, due);
}
