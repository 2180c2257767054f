/**
 * The queue as the relay sees it: claim due recipients, mark the dot, settle what became of an attempt.
 *
 * A claim is a fencing number and a due time a minute ahead: when its worker dies, the recipient falls due again by
 * itself. What stands marked (`dot`) then and was never settled is uncertain: nobody knows whether the next hop has it.
 * Only a settle or a mark with the current number changes anything.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EventType } from '../../core/events.ts';
import { canMove, RECIPIENT_STATES, type RecipientState, stateNumber } from '../../core/states.ts';
import { decide } from '../../policy/decide.ts';
import { type Policy, withIdentityCap } from '../../policy/document.ts';
import type { Facts, SuppressionReason } from '../../policy/facts.ts';
import { countRates, giveBack, type Placed } from '../../policy/ledger.ts';
import { look } from '../../policy/look.ts';
import type { Send } from '../../policy/send.ts';
import type { DecidedReason } from '../../policy/verdict.ts';
import type { Claimed, Settlement } from '../store.ts';
import { BODY_BLOB, BODY_JSON, BODY_ZSTD, storedVerdict } from './admit.ts';
import { unpackBody } from './bodies.ts';
import { publicId } from './row-id.ts';
import { modeOf, type Space } from './spaces.ts';
import {
  factsOf,
  MESSAGE_COLUMNS,
  type MessageRow,
  RECIPIENT_COLUMNS,
  type RecipientRow,
  recipientRows,
  scopesOf,
  sendOfRow,
  sendRecipientOf,
  wasRefused,
} from './stored.ts';
import { addSuppression } from './suppressions.ts';
import type { WriterState } from './writer-state.ts';

export const CLAIM_MS = 60_000;
const SENDING = stateNumber('sending');
const UNCERTAIN = stateNumber('uncertain');
const MOST_A_SPACE = 64;

type QueueRow = RecipientRow & { claim: number; dot: number };

const statements = new WeakMap<DatabaseSync, Statements>();

type Statements = {
  due: StatementSync;
  nextDue: StatementSync;
  one: StatementSync;
  claim: StatementSync;
  mark: StatementSync;
  close: StatementSync;
  message: StatementSync;
  body: StatementSync;
};

function prepared(db: DatabaseSync): Statements {
  let known = statements.get(db);
  if (known === undefined) {
    known = {
      due: db.prepare(
        `SELECT ${RECIPIENT_COLUMNS}, claim, dot FROM recipient WHERE space = ? AND due <= ? AND due IS NOT NULL ORDER BY due LIMIT ?`,
      ),
      nextDue: db.prepare('SELECT min(due) AS due FROM recipient WHERE space = ? AND due IS NOT NULL'),
      one: db.prepare(`SELECT ${RECIPIENT_COLUMNS}, claim, dot FROM recipient WHERE id = ?`),
      claim: db.prepare(
        'UPDATE recipient SET state = ?, due = ?, claim = claim + 1, dot = 0, attempts = attempts + 1, possible_duplicate = ? WHERE id = ?',
      ),
      mark: db.prepare('UPDATE recipient SET dot = 1 WHERE id = ?'),
      close: db.prepare('UPDATE recipient SET state = ?, due = ?, dot = 0, closed_at = ? WHERE id = ?'),
      message: db.prepare(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE id = ?`),
      body: db.prepare('SELECT body_form, body FROM message WHERE id = ?'),
    };
    statements.set(db, known);
  }
  return known;
}

/** A claim's end lies on the recipient's own clock where that stands still: there it ends only with the worker. */
function claimEnd(space: Space, now: number): number {
  return space.frozenAt === null ? now + CLAIM_MS : now + 366 * 86_400_000;
}

/**
 * Takes up to `most` due recipients, in turn from every tenant that has some, so that one tenant's thousands delay no
 * other. What may no longer leave is settled here and not handed out.
 */
export function claim(state: WriterState, input: { most: number; live: boolean }): Claimed[] {
  state.flushRows();
  const claimed: Claimed[] = [];
  // Who was served longest ago comes first: else those beyond `most` would never be.
  const waiting = [...state.spaces.all()]
    .filter((space) => space.nextDue <= space.now(state.realNow))
    .sort((a, b) => a.servedIn - b.servedIn);
  state.claims += 1;
  const share = Math.min(MOST_A_SPACE, Math.max(1, Math.ceil(input.most / Math.max(1, waiting.length))));
  for (const space of waiting) {
    if (claimed.length >= input.most) break;
    space.servedIn = state.claims;
    claimOf(state, space, Math.min(share, input.most - claimed.length), claimed);
  }
  return claimed;
}

function claimOf(state: WriterState, space: Space, most: number, claimed: Claimed[]): void {
  const now = space.now(state.realNow);
  const sql = prepared(state.db);
  const rows = sql.due.all(space.no, now, most) as unknown as QueueRow[];
  for (const row of rows) {
    const message = sql.message.get(row.message) as unknown as MessageRow;
    const one = takeOrSetAside(state, space, row, message, now);
    if (one !== null) claimed.push(one);
  }
  const next = sql.nextDue.get(space.no) as { due: number | null };
  space.nextDue = next.due ?? Number.POSITIVE_INFINITY;
}

/** A recipient whose rows cannot be read is set aside as failed, so that it does not stop the queue behind it. */
function takeOrSetAside(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  now: number,
): Claimed | null {
  try {
    return takeOne(state, space, row, message, now);
  } catch (error) {
    // What the database itself reports concerns the whole group.
    if ((error as { errcode?: number }).errcode !== undefined) throw error;
    closeWith(state, space, row, message, 'failed', now, { class: 'unreadable', reply: String(error).slice(0, 500) });
    return null;
  }
}

function takeOne(state: WriterState, space: Space, row: QueueRow, message: MessageRow, now: number): Claimed | null {
  if (row.state === SENDING && row.dot === 1) {
    // The worker died, or was too slow, between the dot and its answer.
    settleUncertain(state, space, row, message, now, null);
    return null;
  }
  if (message.expires_at <= now) {
    expire(state, space, row, message, now);
    return null;
  }
  if (!maySend(state, space, row, message, now)) return null;
  const possibleDuplicate = row.possible_duplicate === 1;
  prepared(state.db).claim.run(SENDING, claimEnd(space, now), possibleDuplicate ? 1 : 0, row.id);
  return {
    recipient: row.id,
    recipientId: publicId('rcp', row.id, message.nonce),
    message: message.id,
    messageId: publicId('msg', message.id, message.nonce),
    tenantNo: space.tenant.no,
    tenantId: space.tenant.id,
    mode: modeOf(space.no),
    token: row.claim + 1,
    attempt: row.attempts + 1,
    now,
    createdAt: message.created_at,
    expiresAt: message.expires_at,
    kind: (message.flags & 1) === 1 ? 'marketing' : 'transactional',
    email: row.email,
    from: { email: message.from_email, name: message.from_name },
    content: contentOf(state, message.id),
    possibleDuplicate,
  };
}

function contentOf(state: WriterState, message: number): Claimed['content'] {
  const { body_form, body } = prepared(state.db).body.get(message) as {
    body_form: number;
    body: Uint8Array | string | null;
  };
  if (body === null) return { gone: true };
  if (body_form === BODY_BLOB) return { blob: String(body) };
  if (body_form === BODY_JSON) return { inline: typeof body === 'string' ? Buffer.from(body) : body };
  if (body_form === BODY_ZSTD) return { inline: unpackBody(body as Uint8Array) };
  return { gone: true };
}

/** The look at departure: standing, suppression, do-not-contact and identity once more, and `rate` limits that were not reserved. */
function maySend(state: WriterState, space: Space, row: QueueRow, message: MessageRow, now: number): boolean {
  const send = sendAtDeparture(state, space, message);
  const recipient = sendRecipientOf(row, null);
  const full = look({
    view: space,
    policy: NOTHING_COUNTED(space.policy),
    send,
    recipient,
    now,
    counted: new Set(),
    duplicate: null,
  });
  const facts: Facts = { ...full, account: { ...full.account, credits: null, storageLimit: null }, identityCap: null };
  const verdict = decide(send, recipient, facts, NOTHING_COUNTED(space.policy));
  if (verdict.verdict === 'block') {
    blockAtDeparture(state, space, row, message, verdict.reasons, now);
    return false;
  }
  const first = row.attempts === 0 && row.depart_at > message.created_at;
  return !first || takeRate(state, space, row, send, now);
}

function sendAtDeparture(state: WriterState, space: Space, message: MessageRow): Send {
  space.identity = null;
  if (message.identity !== null) {
    for (const identity of space.identities.values()) if (identity.no === message.identity) space.identity = identity;
  }
  const scopes = scopesOf(state.db, message);
  return { kind: 'transactional', onLimit: 'reject', sendAt: null, scopes, contentSize: 0 };
}

const uncounted = new WeakMap<Policy, Policy>();

/** The policy without what was counted at acceptance: limits and cooldown. */
function NOTHING_COUNTED(policy: Policy): Policy {
  let known = uncounted.get(policy);
  if (known === undefined) {
    known = { ...policy, messageLimits: [], recipientLimits: [], cooldownSeconds: 0, tracks: [], rates: [] };
    uncounted.set(policy, known);
  }
  return known;
}

/** A scheduled recipient takes its place in the `rate` limits when it leaves; a full one makes it wait. */
function takeRate(state: WriterState, space: Space, row: QueueRow, send: Send, now: number): boolean {
  const { policy } = space;
  if (policy.rates.length === 0) return true;
  const recipient = sendRecipientOf(row, null);
  const ratesOnly: Policy = {
    ...policy,
    messageLimits: policy.messageLimits.filter((limit) => limit.window.kind === 'rate'),
    recipientLimits: policy.recipientLimits.filter((limit) => limit.window.kind === 'rate'),
  };
  const facts = look({ view: space, policy: ratesOnly, send, recipient, now, counted: new Set(), duplicate: null });
  const waits = facts.limits.map((limit) => limit.freeAt ?? 0).filter((at) => at > 0);
  if (waits.length > 0) {
    state.db.prepare('UPDATE recipient SET due = ? WHERE id = ?').run(Math.max(...waits, now + 1), row.id);
    return false;
  }
  for (const change of countRates(space, policy, send, recipient, now, new Set())) {
    state.ledger.apply(change, Math.floor(now / 1000));
  }
  return true;
}

function blockAtDeparture(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  reasons: readonly DecidedReason[],
  now: number,
): void {
  const verdict = storedVerdict({ verdict: 'block', departAt: row.depart_at, reasons, warnings: [] }, true);
  state.db.prepare('UPDATE recipient SET verdict = ? WHERE id = ?').run(verdict, row.id);
  leaveUntried(state, space, row, message);
  state.tally(space, reasons[0]?.code ?? 'blocked', now, 1);
  closeWith(state, space, row, message, 'blocked', now, {
    at: 'departure',
    reasons: reasons.map((reason) => reason.code),
  });
}

function expire(state: WriterState, space: Space, row: QueueRow, message: MessageRow, now: number): void {
  leaveUntried(state, space, row, message);
  closeWith(state, space, row, message, 'expired', now, {});
}

/** Gives the places back of one that never departed. An attempt that was stopped before its dot does not count as one. */
function leaveUntried(state: WriterState, space: Space, row: QueueRow, message: MessageRow): void {
  const stopped = row.state === SENDING && row.dot === 0;
  if (stopped) state.db.prepare('UPDATE recipient SET attempts = attempts - 1 WHERE id = ?').run(row.id);
  if (row.attempts - (stopped ? 1 : 0) === 0) returnPlaces(state, space, row, message);
}

const ENDED_UNTRIED: ReadonlySet<RecipientState> = new Set(['cancelled', 'expired', 'blocked']);

/**
 * Gives back the places of a recipient that will not depart: call it before its row changes. The rows of its message must
 * have been inserted.
 */
export function returnPlaces(state: WriterState, space: Space, row: RecipientRow, message: MessageRow): void {
  const facts = factsOf(row);
  const policy = withIdentityCap(state.spaces.policyAt(message.policy), facts?.identityCap ?? null);
  const placed: Placed[] = [];
  let leaving: Placed | null = null;
  for (const one of recipientRows(state.db, message.id)) {
    if (wasRefused(one)) continue;
    const gaveBack = ENDED_UNTRIED.has(RECIPIENT_STATES[one.state]!) && one.attempts === 0;
    const place: Placed = { recipient: sendRecipientOf(one, null), departAt: one.depart_at, gaveBack };
    if (one.id === row.id) leaving = place;
    placed.push(place);
  }
  if (leaving === null) return;
  for (const change of giveBack(space, policy, sendOfRow(state.db, message), placed, leaving)) {
    state.ledger.apply(change, Math.floor(space.now(state.realNow) / 1000));
  }
}

function moved(row: QueueRow, to: RecipientState): boolean {
  return canMove(RECIPIENT_STATES[row.state]!, to);
}

/** Ends a recipient: its row, its event, its tally. */
export function closeWith(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  to: RecipientState & ('blocked' | 'cancelled' | 'expired' | 'failed' | 'bounced' | 'delivered'),
  now: number,
  data: Record<string, unknown>,
): void {
  prepared(state.db).close.run(stateNumber(to), null, now, row.id);
  state.emit(space, `message.${to}` as EventType, now, row.id, Object.keys(data).length === 0 ? null : data);
  if (to !== 'blocked') state.tally(space, to, now, 1);
  void message;
}

/**
 * Before the dot: the claim still holds, nobody cancelled, nothing suppressed the address meanwhile. Marks durably
 * that the dot is about to be sent.
 */
export function mark(state: WriterState, input: { recipient: number; token: number }): boolean {
  const sql = prepared(state.db);
  const row = sql.one.get(input.recipient) as unknown as QueueRow | undefined;
  if (row === undefined || row.claim !== input.token || row.state !== SENDING) return false;
  const space = state.spaces.get(row.space);
  const now = space.now(state.realNow);
  if (row.due !== null && row.due <= now) return false;
  const message = sql.message.get(row.message) as unknown as MessageRow;
  if (message.expires_at <= now) {
    expire(state, space, row, message, now);
    return false;
  }
  const key = row.key ?? row.email;
  const contact = space.contact(key);
  const domain = space.domain(key.slice(key.lastIndexOf('@') + 1));
  const quiet =
    contact.suppressions.length === 0 &&
    domain.suppressions.length === 0 &&
    contact.doNotContact === null &&
    (space.tenant.standing === 'active' || space.tenant.standing === 'trial');
  if (!quiet && !maySend(state, space, row, message, now)) return false;
  sql.mark.run(row.id);
  return true;
}

/** An answer that comes after its claim ended is still better than none, as long as nobody has tried again. */
function maySettle(row: QueueRow, settlement: Settlement): boolean {
  if (row.state === SENDING) return true;
  const { outcome } = settlement;
  return row.state === UNCERTAIN && (outcome === 'delivered' || outcome === 'bounced' || outcome === 'failed');
}

/** Records what became of an attempt. False: the claim was lost, somebody else decides. */
export function settle(state: WriterState, settlement: Settlement): boolean {
  const sql = prepared(state.db);
  const row = sql.one.get(settlement.recipient) as unknown as QueueRow | undefined;
  if (row === undefined || row.claim !== settlement.token || !maySettle(row, settlement)) return false;
  const message = sql.message.get(row.message) as unknown as MessageRow;
  const space = state.spaces.get(row.space);
  const now = space.now(state.realNow);
  const attempt = settlement.attempt === null ? {} : { ...settlement.attempt, attempt: row.attempts };
  switch (settlement.outcome) {
    case 'released':
      return release(state, space, row, settlement.at);
    case 'sent':
      sql.close.run(stateNumber('sent'), null, null, row.id);
      state.emit(space, 'message.sent', now, row.id, attempt);
      return true;
    case 'delivered':
      state.emit(space, 'message.sent', now, row.id, attempt);
      closeWith(state, space, row, message, 'delivered', now, attempt);
      return true;
    case 'deferred':
      return deferTo(state, space, row, message, settlement.nextAttemptAt, attempt, now);
    case 'bounced':
      closeWith(state, space, row, message, 'bounced', now, { ...attempt, kind: settlement.hard ? 'hard' : 'soft' });
      if (settlement.suppress) suppressBounced(state, space, row, message);
      return true;
    case 'failed':
      closeWith(state, space, row, message, 'failed', now, attempt);
      return true;
    case 'uncertain':
      settleUncertain(state, space, row, message, now, { ...settlement, report: attempt });
      return true;
  }
}

function release(state: WriterState, space: Space, row: QueueRow, at: number): boolean {
  const back: RecipientState = row.attempts > 1 ? 'deferred' : 'accepted';
  state.db
    .prepare('UPDATE recipient SET state = ?, due = ?, dot = 0, attempts = attempts - 1 WHERE id = ?')
    .run(stateNumber(back), at, row.id);
  space.nextDue = Math.min(space.nextDue, at);
  return true;
}

function deferTo(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  at: number,
  attempt: Record<string, unknown>,
  now: number,
): boolean {
  if (!moved(row, 'deferred')) return false;
  // The last look comes at the expiry itself, so that it ends neither sooner nor a backoff step later.
  const due = Math.min(at, message.expires_at);
  prepared(state.db).close.run(stateNumber('deferred'), due, null, row.id);
  state.emit(space, 'message.deferred', now, row.id, { ...attempt, next_attempt_at: due });
  state.tally(space, 'deferred', now, 1);
  space.nextDue = Math.min(space.nextDue, due);
  return true;
}

/** The dot was sent and nobody knows the answer: sent again, marked, or held for a person, as the policy says. */
function settleUncertain(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  now: number,
  known: { nextAttemptAt: number | null; report: Record<string, unknown> } | null,
): void {
  const kind = (message.flags & 1) === 1 ? 'marketing' : 'transactional';
  const resend = space.policy.document.uncertain[kind] === 'resend';
  const due = resend ? Math.min(known?.nextAttemptAt ?? now, message.expires_at) : null;
  state.db
    .prepare('UPDATE recipient SET state = ?, due = ?, dot = 0, possible_duplicate = 1 WHERE id = ?')
    .run(stateNumber('uncertain'), due, row.id);
  state.emit(space, 'message.uncertain', now, row.id, {
    ...(known?.report ?? { reply: 'the process ended between the final dot and its answer' }),
    policy: resend ? 'resend' : 'hold',
    next_attempt_at: due,
  });
  state.tally(space, 'uncertain', now, 1);
  if (due !== null) space.nextDue = Math.min(space.nextDue, due);
}

function suppressBounced(state: WriterState, space: Space, row: QueueRow, message: MessageRow): void {
  addSuppression(state, space, {
    kind: 'address',
    key: row.key ?? row.email,
    reason: 'hard_bounce' satisfies SuppressionReason,
    expiresAt: null,
    note: null,
    source: 'delivery',
    message: publicId('msg', message.id, message.nonce),
  });
}

/** When the relay should ask again: milliseconds from now, 0 for at once, null when nothing waits. */
export function dueIn(state: WriterState): number | null {
  let soonest = Number.POSITIVE_INFINITY;
  for (const space of state.spaces.all()) {
    const wait = space.nextDue - space.now(state.realNow);
    // A clock that stands still makes nothing due by waiting.
    if (wait <= 0) return 0;
    if (space.frozenAt === null && wait < soonest) soonest = wait;
  }
  return Number.isFinite(soonest) ? soonest : null;
}

/** At a start no worker of before is left: what they held is due at once. */
export function releaseDeadClaims(state: WriterState): void {
  // By the index of the queue: the whole table would be read for the few that were on their way.
  const result = state.db
    .prepare('UPDATE recipient INDEXED BY recipient_due SET due = 0 WHERE state = ? AND due IS NOT NULL')
    .run(SENDING);
  if (Number(result.changes) > 0) state.spaces.forgetAll();
}
