/**
 * The look at departure: before a recipient is handed to a worker, and again before its final dot. Standing, suppression,
 * do-not-contact, identity and whatever else the rules know are asked once more; what was counted at acceptance is not
 * counted again. Only `rate` limits, which are never reserved ahead, are taken here by a recipient that was scheduled.
 */
import { eventNumber } from '../../core/events.ts';
import { decide } from '../../policy/decide.ts';
import type { ApprovalAsked } from '../../policy/facts-approval.ts';
import { countRates } from '../../policy/ledger.ts';
import { lookAtDeparture } from '../../policy/look.ts';
import { ratesFreeAt } from '../../policy/place.ts';
import type { Send } from '../../policy/send.ts';
import type { DecidedReason } from '../../policy/verdict.ts';
import type { Route } from '../port/routing.ts';
import type { Waits } from '../port/waits.ts';
import { askedAtDeparture, FLAG_APPROVAL } from './approval-rows.ts';
import { wayAtClaim } from './claim-route.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { holdRecipient } from './holding.ts';
import { returnPlaces } from './places.ts';
import { holdForQuarantine, isHeldBack } from './quarantine-holds.ts';
import { type QueueRow, queueStatements, SENDING } from './queue-rows.ts';
import { sendAtDeparture } from './send-at-departure.ts';
import type { Space } from './spaces.ts';
import { type MessageRow, recipientRows, sendRecipientOf } from './stored.ts';
import { withLater } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

const DEFERRED = eventNumber('message.deferred');

/**
 * The way out of a recipient that is due, or null where it may not leave now: it was closed here, or waits for a way or for its place
 * in a `rate` limit.
 */
export function departure(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  now: number,
): Route | null {
  const send = permitted(state, space, row, message, now);
  if (send === null) return null;
  const way = wayAtClaim(state, space, row, message, send, now);
  if (way === null) return null;
  const isFirstTry = row.state !== SENDING && row.attempts === 0;
  const wasScheduled = row.depart_at > message.created_at;
  if (isFirstTry && wasScheduled && !takeRate(state, space, row, send, now)) return null;
  way.leave();
  return way.route;
}

/** False where it may not leave now, though it is on its way: it was closed here. */
export function mayLeave(state: WriterState, space: Space, row: QueueRow, message: MessageRow, now: number): boolean {
  return permitted(state, space, row, message, now) !== null;
}

/** The message as it leaves; null where its recipient was closed or held here. */
function permitted(state: WriterState, space: Space, row: QueueRow, message: MessageRow, now: number): Send | null {
  const send = sendAtDeparture(state, space, message);
  const recipient = sendRecipientOf(row, null);
  const approval = askedOf(state, space, row, message);
  const facts = lookAtDeparture({ view: space, policy: space.policy, send, recipient, now, approval });
  const verdict = decide(send, recipient, facts, space.policy);
  if (verdict.verdict === 'block' && isHeldBack(verdict.reasons)) {
    holdForQuarantine(state, space, row, message, now);
    return null;
  }
  if (verdict.verdict === 'hold') {
    holdRecipient(state, space, row, message, { reasons: verdict.reasons, cause: 'departure', now });
    return null;
  }
  if (verdict.verdict === 'block') {
    block(state, space, row, message, verdict.reasons, now);
    return null;
  }
  return send;
}

/** An approval that the message lacks, for what was changed after it had one. */
function askedOf(state: WriterState, space: Space, row: QueueRow, message: MessageRow): ApprovalAsked | null {
  if ((message.flags & FLAG_APPROVAL) === 0) return null;
  return askedAtDeparture(state, space, message, row, recipientRows(state.db, message.id));
}

/** True, and the recipient closed, where its time is over. */
export function isExpired(state: WriterState, space: Space, row: QueueRow, message: MessageRow, now: number): boolean {
  if (message.expires_at > now) return false;
  const told = { attempts: row.attempts, ...lastTold(state, row), ...waitedFor(row) };
  returnPlaces(state, space, row, message);
  closeWith(state, space, row, 'expired', now, told);
  return true;
}

/** What the last attempt came to; nothing where there was none, or where its event is gone. */
function lastTold(state: WriterState, row: QueueRow): { reply?: unknown; class?: unknown } {
  if (row.attempts === 0) return {};
  // An event of the same group is a row only then.
  state.flushRows();
  const told = prepared(
    state.db,
    `SELECT data FROM event INDEXED BY event_recipient
     WHERE recipient = ? AND recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL) AND type = ? ORDER BY rowid DESC LIMIT 1`,
  ).get(row.id, DEFERRED) as { data: string | null } | undefined;
  if (told?.data == null) return {};
  const { reply = '', class: bounceClass = null } = JSON.parse(told.data) as { reply?: string; class?: string };
  return { reply, class: bounceClass };
}

function waitedFor({ waits }: QueueRow): { waited_for?: string } {
  return waits === null ? {} : { waited_for: (JSON.parse(waits) as Waits).for };
}

/** A scheduled recipient takes its place in the `rate` limits when it leaves; a full one makes it wait. */
function takeRate(state: WriterState, space: Space, row: QueueRow, send: Send, now: number): boolean {
  const { policy } = space;
  if (policy.rates.length === 0) return true;
  const recipient = sendRecipientOf(row, null);
  const freeAt = ratesFreeAt(space, policy, send, recipient, now);
  if (freeAt > now) {
    queueStatements(state.db).wait.run(freeAt, row.id);
    return false;
  }
  for (const change of countRates(space, policy, send, recipient, now, new Map())) {
    state.ledger.apply(change, Math.floor(now / 1000));
  }
  return true;
}

function block(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  reasons: readonly DecidedReason[],
  now: number,
): void {
  const blocked = { verdict: 'block', departAt: row.depart_at, reasons, warnings: [] } as const;
  const later = withLater(row, { ...blocked, at: now, cause: 'departure', policyVersion: space.policy.version });
  queueStatements(state.db).verdict.run(later, row.id);
  returnPlaces(state, space, row, message);
  state.tally(space, reasons[0]?.code ?? 'blocked', now, 1);
  closeWith(state, space, row, 'blocked', now, {
    at: 'departure',
    reasons: reasons.map((reason) => reason.code),
  });
}
