/** Settling: what became of an attempt, recorded with its event before anything else is done about it. */
import { isBadSign } from '../../core/returns.ts';
import { type RecipientState, stateNumber } from '../../core/states.ts';
import { observeReturn } from '../../policy/risk/observe.ts';
import type { Waits } from '../port/waits.ts';
import type { Settlement } from '../store.ts';
import { closedBehind, otherWayAt } from './claim-route.ts';
import { closeWith } from './closing.ts';
import { noteOutcome, noteWayFault } from './mailbox-health.ts';
import { moveTo, type QueueRow, queuedMessage, queueRow, queueStatements, SENDING } from './queue-rows.ts';
import { noteRamp, type RampOutcome } from './ramp-notes.ts';
import { publicId } from './row-id.ts';
import { noteSignal } from './signals.ts';
import type { Space } from './spaces.ts';
import type { MessageRow } from './stored.ts';
import { addSuppression } from './suppressions.ts';
import type { WriterState } from './writer-state.ts';

const UNCERTAIN = stateNumber('uncertain');
/** A recipient over which the worker ended so often in a row is set aside. */
export const MOST_DEATHS = 3;

/** What a warm-up learns from an attempt; what says nothing of the receiver is left out. */
const RAMP_OUTCOMES: Partial<Record<Settlement['outcome'], RampOutcome>> = {
  sent: 'taken',
  delivered: 'taken',
  bounced: 'taken',
  deferred: 'deferred',
};

/** Records what became of an attempt. False: the claim was lost, or the recipient was closed meanwhile. */
export function settle(state: WriterState, settlement: Settlement): boolean {
  const row = queueRow(state.db, settlement.recipient);
  if (row === null || row.claim !== settlement.token || !maySettle(row, settlement)) return false;
  const message = queuedMessage(state.db, row.message);
  const space = state.spaces.get(row.space);
  const now = space.now(state.realNow);
  apply(state, space, row, message, settlement, now);
  if (settlement.outcome !== 'elsewhere') state.routing.forgetAvoided(row.id);
  const learnt = RAMP_OUTCOMES[settlement.outcome];
  if (learnt !== undefined) noteRamp(state, space, row, learnt, now);
  if (state.suspect === row.id) clearSuspect(state);
  return true;
}

/** An answer that comes after its claim ended is better than none, as long as nobody has tried again. */
function maySettle(row: QueueRow, { outcome }: Settlement): boolean {
  if (row.state === SENDING) return true;
  return row.state === UNCERTAIN && (outcome === 'delivered' || outcome === 'bounced' || outcome === 'failed');
}

function apply(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  settlement: Settlement,
  now: number,
): void {
  const attempt = attemptData(row, settlement);
  switch (settlement.outcome) {
    case 'released':
      release(state, space, row, message, settlement.at, settlement.waits ?? null);
      return;
    case 'sent':
      noteOutcome(state, space, row.mailbox, 'delivered', null, now);
      queueStatements(state.db).close.run(moveTo(row, 'sent'), null, null, row.id);
      state.emit(space, 'message.sent', now, row.id, attempt);
      return;
    case 'delivered':
      noteOutcome(state, space, row.mailbox, 'delivered', null, now);
      state.emit(space, 'message.sent', now, row.id, attempt);
      closeWith(state, space, row, 'delivered', now, attempt);
      return;
    case 'elsewhere':
      noteWayFault(state, space, row.mailbox, settlement.attempt?.class ?? null, now);
      tryElsewhere(state, space, row, message, settlement, now);
      return;
    case 'deferred':
      noteOutcome(state, space, row.mailbox, 'deferred', settlement.attempt?.class ?? null, now);
      deferTo(state, space, row, message, settlement.nextAttemptAt, attempt, now);
      return;
    case 'bounced':
      noteOutcome(state, space, row.mailbox, 'bounced', settlement.attempt?.class ?? null, now);
      closeWith(state, space, row, 'bounced', now, { ...attempt, kind: settlement.hard ? 'hard' : 'soft' });
      if (isBadSign(settlement.attempt?.class ?? null)) noteSignal(state, space, 'bounce', now);
      learnBounce(state, space, row, settlement.attempt?.class ?? null, now);
      if (settlement.suppress) suppressBounced(state, space, row, message);
      return;
    case 'failed':
      closeWith(state, space, row, 'failed', now, attempt);
      return;
    case 'uncertain':
      settleUncertain(state, space, row, message, now, { nextAttemptAt: settlement.nextAttemptAt, report: attempt });
      return;
    case 'crashed': {
      const { nextAttemptAt } = settlement;
      if (row.dot === 1) settleUncertain(state, space, row, message, now, { nextAttemptAt, report: attempt });
      else crash(state, space, row, message, nextAttemptAt, attempt, now);
      return;
    }
  }
}

/** As its event tells of it. */
function attemptData(row: QueueRow, { attempt }: Settlement): Record<string, unknown> {
  return attempt === null ? {} : { ...attempt, attempt: row.attempts };
}

/** Due again at `at`, and never later than when the message expires, so that it ends neither sooner nor a step later. */
function dueAgain(space: Space, message: MessageRow, at: number): number {
  const due = Math.min(at, message.expires_at);
  if (due < space.nextDue) space.nextDue = due;
  return due;
}

function release(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  at: number,
  waits: Waits | null,
): void {
  const due = dueAgain(space, message, at);
  queueStatements(state.db).release.run(moveTo(row, stateBefore(row, message)), due, waitsText(waits, due), row.id);
}

function waitsText(waits: Waits | null, due: number): string | null {
  return waits === null ? null : JSON.stringify({ ...waits, until: due });
}

/** What a claimed recipient was before. */
function stateBefore(row: QueueRow, message: MessageRow): RecipientState {
  if (row.attempts > 1) return row.possible_duplicate === 1 ? 'uncertain' : 'deferred';
  return row.depart_at > message.created_at ? 'scheduled' : 'accepted';
}

function deferTo(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  at: number,
  attempt: Record<string, unknown>,
  now: number,
  waits: Waits | null = null,
): void {
  const due = dueAgain(space, message, at);
  queueStatements(state.db).defer.run(moveTo(row, 'deferred'), due, waitsText(waits, due), row.id);
  state.emit(space, 'message.deferred', now, row.id, { ...attempt, next_attempt_at: due });
  state.tally(space, 'deferred', now, 1);
}

/**
 * Surely not taken, for the way's own fault: another one is tried at once. Where there is none it waits for this one, which is tried
 * again by its breaker's time where it is closed, and as soon as it is mended; or for another one, if that is sooner.
 */
function tryElsewhere(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  settlement: Settlement & { outcome: 'elsewhere' },
  now: number,
): void {
  const attempt = attemptData(row, settlement);
  const other = otherWayAt(state, space, row, message, now);
  if (other === 'now') {
    deferTo(state, space, row, message, now, { ...attempt, elsewhere: true }, now);
    return;
  }
  state.routing.forgetAvoided(row.id);
  if (settlement.otherwise !== 'deferred') {
    const kind = settlement.otherwise === 'bounced' ? { kind: 'soft' } : {};
    closeWith(state, space, row, settlement.otherwise, now, { ...attempt, ...kind });
    return;
  }
  const closed = closedBehind(state, space, row, now);
  const at = Math.min(closed?.until ?? settlement.nextAttemptAt, other ?? Number.POSITIVE_INFINITY);
  const note = closed?.cause ?? settlement.attempt?.reply ?? '';
  deferTo(state, space, row, message, at, attempt, now, { for: closed === null ? 'repair' : 'route', until: at, note });
}

function crash(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  at: number,
  attempt: Record<string, unknown>,
  now: number,
): void {
  if (row.deaths + 1 >= MOST_DEATHS) {
    setAside(state, space, row, message, now, attempt);
    return;
  }
  const due = dueAgain(space, message, at);
  queueStatements(state.db).crash.run(moveTo(row, 'deferred'), due, row.id);
  state.emit(space, 'message.deferred', now, row.id, { ...attempt, next_attempt_at: due });
}

/** A message that ends its worker each time is no longer tried, so that the others go on. */
export function setAside(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  now: number,
  attempt: Record<string, unknown>,
): void {
  const told = `${MOST_DEATHS} attempts in a row ended with their worker: the message is set aside`;
  closeWith(state, space, row, 'failed', now, { reply: told, class: null, ...attempt, set_aside: true });
  const message_id = publicId('msg', message.id, message.nonce);
  process.stderr.write(`${JSON.stringify({ level: 50, time: state.realNow, message_id, msg: told })}\n`);
}

/** The dot was sent and nobody knows the answer: sent again, marked, or held for a person, as the policy says. */
export function settleUncertain(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  now: number,
  known: { nextAttemptAt: number; report: Record<string, unknown> } | null,
): void {
  const kind = (message.flags & 1) === 1 ? 'marketing' : 'transactional';
  const resend = space.policy.document.uncertain[kind] === 'resend';
  const due = resend ? dueAgain(space, message, known?.nextAttemptAt ?? now) : null;
  queueStatements(state.db).uncertain.run(moveTo(row, 'uncertain'), due, row.id);
  state.emit(space, 'message.uncertain', now, row.id, {
    ...(known?.report ?? { reply: 'the process ended between the final dot and its answer', class: null }),
    policy: resend ? 'resend' : 'hold',
    next_attempt_at: due,
  });
  state.tally(space, 'uncertain', now, 1);
}

function learnBounce(state: WriterState, space: Space, row: QueueRow, bounceClass: string | null, now: number): void {
  const about = { kind: 'bounce', class: bounceClass, key: row.key ?? row.email, isReported: false } as const;
  observeReturn(space.risk, about, now);
  state.risks.changed(space.no);
}

function suppressBounced(state: WriterState, space: Space, row: QueueRow, message: MessageRow): void {
  addSuppression(state, space, {
    kind: 'address',
    key: row.key ?? row.email,
    reason: 'hard_bounce',
    expiresAt: null,
    note: null,
    source: 'delivery',
    message: publicId('msg', message.id, message.nonce),
  });
}

/** The one that was tried alone is done: the next one may be. */
export function clearSuspect(state: WriterState): void {
  state.suspect = null;
  for (const space of state.spaces.all()) space.nextDue = 0;
}
