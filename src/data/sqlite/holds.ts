/**
 * What becomes of held recipients: released, so that they are decided again in full and take their places, or rejected.
 *
 * What holds: a release never lets through what a rule blocks now, and never what another hold still stops; a full limit makes a
 * released recipient wait for its earliest free place, whatever its sender asked for. One that was tried before it was held
 * counts where it counted. Absent here: who may decide (approvals.ts, and the quarantine's own review).
 */
import { RECIPIENT_STATES, stateNumber } from '../../core/states.ts';
import { decide } from '../../policy/decide.ts';
import type { Facts } from '../../policy/facts.ts';
import type { ApprovalAsked } from '../../policy/facts-approval.ts';
import { type Counted, countDeparture } from '../../policy/ledger.ts';
import { look, lookAtDeparture } from '../../policy/look.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import type { Send } from '../../policy/send.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { approvalOf, endApproval, FLAG_APPROVAL, isBound } from './approval-rows.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { DEFAULT_EXPIRY_MS } from './expiry.ts';
import { HELD } from './holding.ts';
import { allCounted, applyAll, hasLeft, moveAlone, rememberCounted, returnPlaces } from './places.ts';
import { isHeldBack, keepForQuarantine } from './quarantine-holds.ts';
import { onItsWay, takeRoute } from './routes.ts';
import { sendAtDeparture } from './send-at-departure.ts';
import type { Space } from './spaces.ts';
import { factsOf, type MessageRow, type RecipientRow, recipientRows, sendOfRow, sendRecipientOf } from './stored.ts';
import { withLater } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

/** Who lets go; it stands in the events. */
export type Releaser = 'approval' | 'quarantine';

export type Released = { released: number; blocked: number; held: number };

/** Releases every held recipient of a message, as far as no other rule and no other hold is in the way. */
export function release(state: WriterState, space: Space, message: MessageRow, by: Releaser): Released {
  const now = space.now(state.realNow);
  const rows = recipientRows(state.db, message.id);
  const held = rows.filter((row) => row.state === HELD);
  const moved = moveAlone(rows, held);
  const isDefaultExpiry = hasDefaultExpiry(state, message, rows);
  const asked = grantOf(state, message, rows);
  const counted: Counted = new Map();
  const result: Released = { released: 0, blocked: 0, held: 0 };
  const departures: number[] = [];
  for (const row of held) {
    const already = moved ? counted : null;
    const { send, facts, verdict } = decideReleased(state, space, message, row, { now, asked, counted: already });
    if (verdict.verdict === 'block' && isHeldBack(verdict.reasons)) {
      keepForQuarantine(state, space, row, message, now);
      result.held += 1;
    } else if (verdict.verdict === 'block') {
      block(state, space, message, row, verdict, now);
      result.blocked += 1;
    } else if (verdict.verdict === 'hold') {
      storeLater(state, space, row, verdict, now);
      result.held += 1;
    } else {
      if (!hasLeft(row)) take(state, space, message, row, { send, facts, verdict, counted: already });
      letGo(state, space, row, verdict, { now, by });
      departures.push(verdict.departAt);
      result.released += 1;
    }
  }
  if (departures.length > 0 && moved) rememberCounted(state, rows, Math.min(...departures));
  if (departures.length > 0 && isDefaultExpiry) {
    const expiresAt = Math.max(...departures) + DEFAULT_EXPIRY_MS;
    prepared(state.db, 'UPDATE message SET expires_at = ? WHERE id = ?').run(expiresAt, message.id);
  }
  return result;
}

/** Whether nobody said when a message expires: it then follows its last departure, or the deadline of what it waits for. */
export function hasDefaultExpiry(state: WriterState, message: MessageRow, rows: readonly RecipientRow[]): boolean {
  const last = Math.max(message.created_at, message.send_at ?? 0, ...rows.map((row) => row.depart_at));
  if (message.expires_at === last + DEFAULT_EXPIRY_MS) return true;
  const approval = (message.flags & FLAG_APPROVAL) === 0 ? null : approvalOf(state.db, message.id);
  return approval !== null && message.expires_at === Math.max(last, approval.expires_at) + DEFAULT_EXPIRY_MS;
}

/** The approval of a message as a fact: granted where a person gave it for exactly what is stored now. */
function grantOf(state: WriterState, message: MessageRow, rows: readonly RecipientRow[]): ApprovalAsked | null {
  if ((message.flags & FLAG_APPROVAL) === 0) return null;
  const approval = approvalOf(state.db, message.id);
  if (approval === null) return null;
  const isGranted = approval.state === 'approved' && isBound(state.db, approval, message, rows);
  return { mode: 'all', by: 'policy', id: approval.id, deadline: approval.expires_at, isGranted };
}

function decideReleased(
  state: WriterState,
  space: Space,
  message: MessageRow,
  row: RecipientRow,
  at: { now: number; asked: ApprovalAsked | null; counted: Counted | null },
): { send: Send; facts: Facts; verdict: Verdict } {
  const { now, asked } = at;
  const { policy } = space;
  const before = factsOf(row);
  const recipient = sendRecipientOf(row, before);
  const leaving = sendAtDeparture(state, space, message);
  if (hasLeft(row)) {
    // It counts already: what is looked at is what a departure looks at.
    const facts = lookAtDeparture({ view: space, policy, send: leaving, recipient, now, approval: asked });
    return { send: leaving, facts, verdict: decide(leaving, recipient, facts, policy) };
  }
  const stored = sendOfRow(state.db, message);
  const send: Send = { ...stored, onLimit: 'defer', contentSize: 0, findings: before?.content ?? null };
  const counted = at.counted ?? allCounted(space, send, row);
  const seen = look({ view: space, policy, send, recipient, now, counted, duplicate: null, approval: asked });
  // Paid for and stored at acceptance.
  const facts = { ...seen, account: { ...seen.account, credits: null, storageLimit: null } };
  return { send, facts, verdict: decide(send, recipient, facts, policy) };
}

function take(
  state: WriterState,
  space: Space,
  message: MessageRow,
  row: RecipientRow,
  taken: { send: Send; facts: Facts; verdict: Verdict; counted: Counted | null },
): void {
  const { send, facts, verdict } = taken;
  const policy = adapted(space.policy, adaptingIn(facts));
  const recipient = onItsWay(sendRecipientOf(row, facts), facts);
  const counted = taken.counted ?? allCounted(space, send, row);
  const { departAt } = verdict;
  // What leaves later than it was accepted takes its place in rates when a worker claims it.
  const ratesAt = departAt > message.created_at ? departAt - 1 : facts.now;
  applyAll(state, space, countDeparture(space, policy, send, recipient, departAt, ratesAt, counted));
  takeRoute(state, space, row, facts, facts.now);
}

function storeLater(state: WriterState, space: Space, row: RecipientRow, verdict: Verdict, now: number): void {
  const later = withLater(row, { ...verdict, at: now, cause: 'release', policyVersion: space.policy.version });
  row.verdict = later;
  prepared(state.db, 'UPDATE recipient SET verdict = ? WHERE id = ?').run(later, row.id);
}

function letGo(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  verdict: Verdict,
  { now, by }: { now: number; by: Releaser },
): void {
  const to = verdict.verdict === 'schedule' ? 'scheduled' : 'accepted';
  const at = verdict.departAt;
  storeLater(state, space, row, verdict, now);
  row.depart_at = at;
  row.state = stateNumber(to);
  prepared(state.db, 'UPDATE recipient SET state = ?, due = ?, depart_at = ? WHERE id = ?').run(
    row.state,
    at,
    at,
    row.id,
  );
  state.emit(space, `message.${to}`, now, row.id, { released: true, by });
  space.nextDue = Math.min(space.nextDue, at);
}

function block(
  state: WriterState,
  space: Space,
  message: MessageRow,
  row: RecipientRow,
  verdict: Verdict,
  now: number,
): void {
  storeLater(state, space, row, verdict, now);
  returnPlaces(state, space, row, message);
  state.tally(space, verdict.reasons[0]?.code ?? 'blocked', now, 1);
  const reasons = verdict.reasons.map(({ code }) => code);
  closeWith(state, space, row, 'blocked', now, { at: 'release', reasons });
}

/** Ends held recipients of a message for good; answers how many. What they cost is given back. */
export function rejectHeld(
  state: WriterState,
  space: Space,
  message: MessageRow,
  data: Record<string, unknown>,
): number {
  const now = space.now(state.realNow);
  const held = recipientRows(state.db, message.id).filter((row) => row.state === HELD);
  for (const row of held) {
    returnPlaces(state, space, row, message);
    closeWith(state, space, row, 'cancelled', now, data);
  }
  return held.length;
}

/** After recipients ended: an approval for which none of them waits any more has nothing left to decide. */
export function closeIdleApproval(state: WriterState, space: Space, message: MessageRow, now: number): void {
  if ((message.flags & FLAG_APPROVAL) === 0) return;
  const approval = approvalOf(state.db, message.id);
  if (approval?.state !== 'pending') return;
  const waits = recipientRows(state.db, message.id).some((row) => RECIPIENT_STATES[row.state] === 'held');
  if (!waits) endApproval(state, space, approval, { to: 'cancelled', now, nonce: message.nonce });
}
