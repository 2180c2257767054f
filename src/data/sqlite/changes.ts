/**
 * Changes of messages that are stored already: cancel, another time, content freed, and a fresh look at the decision.
 *
 * Each is whole or nothing, inside its group's transaction. A new time gives all old places back first and takes them again
 * when one recipient finds no new one; nothing departs in between, since the writer does one thing at a time.
 */
import {
  canMove,
  messageStatus,
  NOT_LEFT,
  RECIPIENT_STATES,
  type RecipientState,
  stateNumber,
} from '../../core/states.ts';
import { decide } from '../../policy/decide.ts';
import type { Facts } from '../../policy/facts.ts';
import { type Change, type Counted, countDeparture } from '../../policy/ledger.ts';
import { look } from '../../policy/look.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import type { Send } from '../../policy/send.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type {
  ChangeAnswer,
  ContentAnswer,
  MessageName,
  RecipientDecision,
  RescheduleAnswer,
} from '../port/messages.ts';
import { askedOfSend } from './approval-rows.ts';
import { unusedBlobs } from './blob-use.ts';
import { BODY_NONE } from './bodies.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { DEFAULT_EXPIRY_MS } from './expiry.ts';
import { closeIdleApproval, hasDefaultExpiry } from './holds.ts';
import { findMessage } from './messages-reads.ts';
import {
  allCounted,
  applyAll,
  hasLeft,
  inverse,
  messageUnits,
  moveAlone,
  rememberCounted,
  returned,
  returnPlaces,
} from './places.ts';
import { onItsWay, takeRoute } from './routes.ts';
import { sendAtDeparture } from './send-at-departure.ts';
import { type Space, STORAGE } from './spaces.ts';
import { factsOf, type MessageRow, type RecipientRow, recipientRows, sendOfRow, sendRecipientOf } from './stored.ts';
import { templateFactsAgain } from './templates.ts';
import { withLater } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

type Found = { space: Space; message: MessageRow; rows: RecipientRow[]; now: number };

function find(state: WriterState, input: MessageName): Found | null {
  state.flushRows();
  const message = findMessage(state.db, input);
  if (message === null) return null;
  const space = state.spaces.get(message.space);
  return { space, message, rows: recipientRows(state.db, message.id), now: space.now(state.realNow) };
}

function stateOfRow(row: RecipientRow): RecipientState {
  return RECIPIENT_STATES[row.state]!;
}

export function statusOf(rows: readonly RecipientRow[]): RecipientState | 'partial' {
  return messageStatus(rows.map(stateOfRow));
}

/** Not left: waiting, or claimed by a worker that has not marked its dot (and then will not be allowed to). */
function canCancel(state: WriterState, row: RecipientRow): boolean {
  const now = stateOfRow(row);
  if (now !== 'sending') return NOT_LEFT.has(now) && canMove(now, 'cancelled');
  const marked = prepared(state.db, 'SELECT dot FROM recipient WHERE id = ?').get(row.id) as { dot: number };
  return marked.dot === 0;
}

export function cancelMessage(state: WriterState, input: MessageName): ChangeAnswer {
  const found = find(state, input);
  if (found === null) return { outcome: 'not_found' };
  const { space, message, rows, now } = found;
  const open = rows.filter((row) => canCancel(state, row));
  if (open.length === 0) return { outcome: 'conflict', state: statusOf(rows) };
  for (const row of open) {
    returnPlaces(state, space, row, message);
    closeWith(state, space, row, 'cancelled', now, { by: 'caller' });
  }
  closeIdleApproval(state, space, message, now);
  return { outcome: 'done', recipients: open.length };
}

export function rescheduleMessage(
  state: WriterState,
  input: MessageName & { sendAt: number | null },
): RescheduleAnswer {
  const found = find(state, input);
  if (found === null) return { outcome: 'not_found' };
  const { message, rows, now } = found;
  const open = rows.filter((row) => NOT_LEFT.has(stateOfRow(row)));
  if (open.length === 0) return { outcome: 'conflict', state: statusOf(rows) };
  // Later than now by a millisecond at least, so that `rate` limits are taken at the departure, as for all that waits.
  const sendAt = Math.max(input.sendAt ?? 0, now + 1);
  const expiresAt = expiryFor(state, message, rows, sendAt);
  if (expiresAt === null) {
    return {
      outcome: 'invalid',
      param: 'send_at',
      message: 'It must lie before the time at which the message expires.',
    };
  }
  const moving = open.filter((row) => stateOfRow(row) !== 'held' && !hasLeft(row));
  const refused = movePlaces(state, found, moving, sendAt);
  if (refused !== null) return { outcome: 'refused', now, recipients: refused };
  for (const row of open) if (hasLeft(row)) delayRetry(state, found, row, sendAt);
  prepared(state.db, 'UPDATE message SET send_at = ?, expires_at = ? WHERE id = ?').run(sendAt, expiresAt, message.id);
  return { outcome: 'done', recipients: open.length };
}

/** An expiry that the caller gave stands; the default one moves along. Null where the message would expire before it leaves. */
function expiryFor(
  state: WriterState,
  message: MessageRow,
  rows: readonly RecipientRow[],
  sendAt: number,
): number | null {
  if (hasDefaultExpiry(state, message, rows)) return sendAt + DEFAULT_EXPIRY_MS;
  return message.expires_at > sendAt ? message.expires_at : null;
}

/** A recipient that was tried already counted then; only its next attempt moves. */
function delayRetry(state: WriterState, { space, now }: Found, row: RecipientRow, at: number): void {
  prepared(state.db, 'UPDATE recipient SET due = ? WHERE id = ?').run(at, row.id);
  state.emit(space, 'message.deferred', now, row.id, { rescheduled: true, next_attempt_at: at });
  space.nextDue = Math.min(space.nextDue, at);
}

/** Gives the old places back and takes new ones. What is blocked at the new time is answered, and all is as it was. */
function movePlaces(
  state: WriterState,
  found: Found,
  moving: readonly RecipientRow[],
  sendAt: number,
): RecipientDecision[] | null {
  const { space, message, rows } = found;
  const send = sendOfRow(state.db, message);
  const moved = moveAlone(rows, moving);
  const given = [
    ...moving.flatMap((row) => returned(state, space, message, send, row)),
    ...(moved ? messageUnits(state, space, message, send, rows, -1) : []),
  ];
  applyAll(state, space, given);
  const counted: Counted = new Map();
  const taken: Change[] = [];
  const decisions: (RecipientDecision & { row: RecipientRow; facts: Facts })[] = [];
  for (const row of moving) {
    const decision = decideAgain(state, found, row, { sendAt, settled: true, counted: moved ? counted : null });
    decisions.push({
      email: row.email,
      key: row.key ?? row.email,
      verdict: decision.verdict,
      row,
      facts: decision.facts,
    });
    if (decision.verdict.verdict === 'block') continue;
    const policy = adapted(space.policy, adaptingIn(decision.facts));
    const recipient = onItsWay(sendRecipientOf(row, decision.facts), decision.facts);
    const already = moved ? counted : allCounted(space, decision.send, row);
    const changes = countDeparture(
      space,
      policy,
      decision.send,
      recipient,
      decision.verdict.departAt,
      decision.facts.now,
      already,
    );
    applyAll(state, space, changes);
    taken.push(...changes);
  }
  if (decisions.some(({ verdict }) => verdict.verdict === 'block')) {
    applyAll(state, space, [...taken, ...given].flatMap(inverse));
    return decisions.map(({ email, key, verdict }) => ({ email, key, verdict }));
  }
  for (const { row, verdict, facts } of decisions) {
    storeMoved(state, found, row, verdict);
    takeRoute(state, space, row, facts, found.now);
  }
  if (moved) rememberCounted(state, rows, Math.min(...decisions.map(({ verdict }) => verdict.departAt)));
  return null;
}

function storeMoved(state: WriterState, { space, now }: Found, row: RecipientRow, verdict: Verdict): void {
  const at = verdict.departAt;
  const later = withLater(row, { ...verdict, at: now, cause: 'reschedule', policyVersion: space.policy.version });
  row.verdict = later;
  prepared(state.db, 'UPDATE recipient SET state = ?, due = ?, depart_at = ?, verdict = ? WHERE id = ?').run(
    stateNumber('scheduled'),
    at,
    at,
    later,
    row.id,
  );
  state.emit(space, 'message.scheduled', now, row.id, { rescheduled: true });
  space.nextDue = Math.min(space.nextDue, at);
}

type Again = {
  sendAt: number | null;
  /** The recipient has been accepted: its credit and its storage are taken. */
  settled: boolean;
  /** States in which the message counts; null: in all that it has. */
  counted: Counted | null;
};

function decideAgain(
  state: WriterState,
  { space, message, now }: Found,
  row: RecipientRow,
  again: Again,
): { send: Send; facts: Facts; verdict: Verdict } {
  const { policy } = space;
  const stored = sendOfRow(state.db, message);
  sendAtDeparture(state, space, message);
  const before = factsOf(row);
  // What was accepted has its content already.
  const templateFacts = again.settled ? null : templateFactsAgain(state, space, before?.template ?? null);
  const contentSize = again.settled ? 0 : stored.contentSize;
  const send = { ...stored, templateFacts, findings: before?.content ?? null, sendAt: again.sendAt, contentSize };
  // What was accepted has its approval, or needs none; what would come now might.
  const about = { agent: message.agent, expiresAt: null, isStored: false };
  const approval = again.settled ? null : askedOfSend(space, about, now);
  const recipient = sendRecipientOf(row, before);
  const counted = again.counted ?? allCounted(space, send, row);
  const seen = look({ view: space, policy, send, recipient, now, counted, duplicate: null, approval });
  const account = again.settled ? { ...seen.account, credits: null, storageLimit: null } : seen.account;
  const facts = { ...seen, account };
  return { send, facts, verdict: decide(send, recipient, facts, policy) };
}

/** What would be decided on each recipient if the message came now. */
export function lookAgain(
  state: WriterState,
  input: MessageName,
): { now: number; recipients: RecipientDecision[] } | null {
  const found = find(state, input);
  if (found === null) return null;
  const counted: Counted = new Map();
  const recipients = found.rows.map((row) => {
    const { verdict } = decideAgain(state, found, row, { sendAt: found.message.send_at, settled: false, counted });
    return { email: row.email, key: row.key ?? row.email, verdict };
  });
  return { now: found.now, recipients };
}

/** States from which nothing of the content is needed any more. */
const NEEDS_CONTENT: ReadonlySet<RecipientState> = new Set([...NOT_LEFT, 'sending', 'uncertain']);

export function removeContent(state: WriterState, input: MessageName): ContentAnswer {
  const found = find(state, input);
  if (found === null) return { outcome: 'not_found' };
  const { space, message, rows } = found;
  if (rows.some((row) => NEEDS_CONTENT.has(stateOfRow(row)))) return { outcome: 'conflict', state: statusOf(rows) };
  if (message.body_form === BODY_NONE) return { outcome: 'done', unused: [] };
  const { db } = state;
  const held = prepared(db, 'SELECT sha256 FROM blob_use WHERE message = ?').all(message.id) as { sha256: string }[];
  prepared(db, 'UPDATE message SET body_form = ?, body = NULL WHERE id = ?').run(BODY_NONE, message.id);
  prepared(db, 'DELETE FROM blob_use WHERE message = ?').run(message.id);
  state.ledger.addGauge(space.tenantEntry(), STORAGE, -message.size);
  return {
    outcome: 'done',
    unused: unusedBlobs(
      state,
      held.map(({ sha256 }) => sha256),
    ),
  };
}
