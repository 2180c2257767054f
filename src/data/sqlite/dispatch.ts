/**
 * The queue as the relay sees it: claim due recipients, renew claims, mark the dot. What became of them is settled in
 * settle.ts.
 *
 * A claim is a fencing number and a due time a minute ahead: when its worker dies, the recipient falls due again by
 * itself. What stands marked (`dot`) then and was never settled is uncertain: nobody knows whether the next hop has it.
 * Only a settle, a renewal or a mark with the current number changes anything.
 *
 * A recipient whose claims died twice in a row is handed out alone, and after the third time set aside: whatever in it
 * ends the worker takes no other message down with it.
 */
import type { ClaimRef } from '../port/delivery.ts';
import type { Claimed, ClaimInput } from '../store.ts';
import { expireApprovals } from './approvals.ts';
import { openBody } from './bodies.ts';
import { wakeWaiting } from './claim-route.ts';
import { closeWith } from './closing.ts';
import { departure, isExpired, mayLeave } from './departure.ts';
import { AT_ONCE } from './fresh-rows.ts';
import { reviewHealth } from './mailbox-health.ts';
import {
  moveTo,
  type QueueRow,
  queuedMessage,
  queueRow,
  queueStatements,
  SENDING,
  SUSPECT_DEATHS,
} from './queue-rows.ts';
import { publicId, rowTime } from './row-id.ts';
import { clearSuspect, MOST_DEATHS, setAside, settleUncertain } from './settle.ts';
import { modeOf, REAL_TIME, type Space, spaceOf } from './spaces.ts';
import type { MessageRow } from './stored.ts';
import type { WriterState } from './writer-state.ts';

export const CLAIM_MS = 60_000;
const MOST_A_SPACE = 64;
/** Approvals whose time is over, ended in one call. */
const MOST_EXPIRED = 100;

type MessageWithBody = MessageRow & { body: Uint8Array | string | null };
type ClaimedMessage = MessageRow & { content: Claimed['content'] };

/** Claims end on real time: beside a clock that stands still they would hold for ever, and end at its first move. */
function claimEnd(state: WriterState, space: Space, now: number): number {
  return space.frozenAt === null ? now + CLAIM_MS : REAL_TIME + state.realNow + CLAIM_MS;
}

function hasEnded(state: WriterState, row: QueueRow, now: number): boolean {
  return row.due !== null && row.due <= (row.due >= REAL_TIME ? REAL_TIME + state.realNow : now);
}

/**
 * Takes up to `most` due recipients, in turn from every space that has some, so that one tenant's thousands delay no
 * other. What may no longer leave is settled here and not handed out.
 *
 * No space may hold more than what is still free: however slow the way of one is, or of several, something is left for whoever
 * comes next.
 */
export function claim(state: WriterState, input: ClaimInput): Claimed[] {
  if (state.platformPause !== null) return [];
  state.flushRows();
  expireApprovals(state, MOST_EXPIRED);
  if (state.suspect !== null && !isOut(state, state.suspect)) clearSuspect(state);
  const claimed: Claimed[] = [];
  const messages = new Map<number, ClaimedMessage>();
  const bound = input.held !== undefined;
  const held = new Map(input.held?.map(({ tenantNo, mode, count }) => [spaceOf(tenantNo, mode), count]));
  for (let waiting = waitingSpaces(state, input.live); waiting.length > 0; ) {
    const before = claimed.length;
    const share = Math.min(MOST_A_SPACE, Math.max(1, Math.ceil((input.most - before) / waiting.length)));
    for (const space of waiting) {
      const free = input.most - claimed.length;
      if (free <= 0) return claimed;
      const holds = held.get(space.no) ?? 0;
      // What it may take leaves as much free as it then holds.
      const most = Math.min(share, free, bound ? Math.ceil((free - holds) / 2) : free);
      if (most <= 0) continue;
      const taken = claimed.length;
      claimOf(state, space, most, claimed, messages);
      held.set(space.no, holds + claimed.length - taken);
    }
    if (claimed.length === before) break;
    waiting = waitingSpaces(state, input.live);
  }
  return claimed;
}

/** Spaces in which something is due, the one served longest ago first. */
function waitingSpaces(state: WriterState, live: boolean): Space[] {
  const waiting: Space[] = [];
  for (const space of state.spaces.all()) {
    if (!isWaiting(state, space)) continue;
    if (live || modeOf(space.no) === 'test') waiting.push(space);
  }
  return waiting.sort((a, b) => a.servedIn - b.servedIn);
}

function isWaiting(state: WriterState, space: Space): boolean {
  if (state.fresh.has(space.no) || space.nextClaimEnd <= state.realNow || space.isPoolNew) return true;
  return space.nextDue <= space.now(state.realNow);
}

function claimOf(
  state: WriterState,
  space: Space,
  most: number,
  claimed: Claimed[],
  messages: Map<number, ClaimedMessage>,
): void {
  const now = space.now(state.realNow);
  const sql = queueStatements(state.db);
  reviewHealth(state, space, now);
  if (space.isPoolNew) wakeWaiting(state, space, now);
  if (space.nextClaimEnd <= state.realNow) {
    sql.endClaims.run(space.no, REAL_TIME, REAL_TIME + state.realNow);
    space.nextDue = 0;
  }
  for (const row of dueRows(state, space, now, most)) {
    const one = takeOrFail(state, space, row, messages, now);
    if (one !== null) claimed.push(one);
  }
  const next = sql.nextDue.get({ space: space.no, lone: state.suspect ?? 0 }) as { due: number } | undefined;
  space.nextDue = next?.due ?? Number.POSITIVE_INFINITY;
  if (space.frozenAt !== null) space.nextClaimEnd = state.spaces.claimEnd(space.no);
  state.claims += 1;
  space.servedIn = state.claims;
}

/** What is due in a space, oldest first: what has a time, and what waits since it arrived. */
function dueRows(state: WriterState, space: Space, now: number, most: number): QueueRow[] {
  const sql = queueStatements(state.db);
  const due: QueueRow[] = [];
  if (space.nextDue <= now) {
    const timed = sql.due.all({ space: space.no, lone: state.suspect ?? 0, now, most }) as unknown as QueueRow[];
    for (const row of timed) {
      takeFresh(state, space, row, most, due);
      if (due.length === most) return due;
      due.push(row);
    }
  }
  takeFresh(state, space, null, most, due);
  return due;
}

/**
 * Takes what goes before `next`: of what is due at one moment the older recipient goes first. What was cancelled or given
 * another time meanwhile is passed over.
 */
function takeFresh(state: WriterState, space: Space, next: QueueRow | null, most: number, due: QueueRow[]): void {
  for (let first = state.fresh.first(space.no); first !== null; first = state.fresh.first(space.no)) {
    if (due.length === most || (next !== null && goesBefore(next, first))) return;
    state.fresh.shift(space.no);
    const row = queueRow(state.db, first);
    if (row !== null && row.due === AT_ONCE) due.push(row);
  }
}

function goesBefore(timed: QueueRow, fresh: number): boolean {
  const arrivedAt = rowTime(fresh);
  return timed.due! < arrivedAt || (timed.due === arrivedAt && timed.id < fresh);
}

/** Read and unpacked once for all its recipients in the same claim, and one object, so that it crosses to the relay once. */
function claimedMessage(state: WriterState, id: number, messages: Map<number, ClaimedMessage>): ClaimedMessage {
  let message = messages.get(id);
  if (message === undefined) {
    const read = queueStatements(state.db).messageWithBody.get(id) as unknown as MessageWithBody;
    // What cannot be read any more is as good as gone: its message fails, and the others go on.
    message = Object.assign(read, { content: openBody(read) ?? { gone: true as const } });
    messages.set(id, message);
  }
  return message;
}

/** A recipient whose rows cannot be read fails by itself, so that it does not stop the queue behind it. */
function takeOrFail(
  state: WriterState,
  space: Space,
  row: QueueRow,
  messages: Map<number, ClaimedMessage>,
  now: number,
): Claimed | null {
  try {
    return takeOne(state, space, row, claimedMessage(state, row.message, messages), now);
  } catch (error) {
    // What the database reports concerns the whole group.
    if ((error as { errcode?: number }).errcode !== undefined) throw error;
    closeWith(state, space, row, 'failed', now, { reply: `its stored rows cannot be read: ${error}`, class: null });
    return null;
  }
}

function takeOne(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: ClaimedMessage,
  now: number,
): Claimed | null {
  const hasDied = row.state === SENDING;
  if (hasDied && row.dot === 1) {
    // The worker died, or was too slow, between the dot and its answer.
    settleUncertain(state, space, row, message, now, null);
    return null;
  }
  const deaths = row.deaths + (hasDied ? 1 : 0);
  if (deaths >= MOST_DEATHS) {
    setAside(state, space, row, message, now, {});
    return null;
  }
  if (isExpired(state, space, row, message, now)) return null;
  if (deaths >= SUSPECT_DEATHS) {
    if (state.suspect !== null && state.suspect !== row.id) return null;
    state.suspect = row.id;
  }
  const route = departure(state, space, row, message, now);
  if (route === null) return null;
  queueStatements(state.db).claim.run(
    hasDied ? SENDING : moveTo(row, 'sending'),
    claimEnd(state, space, now),
    deaths,
    row.id,
  );
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
    content: message.content,
    size: message.size,
    possibleDuplicate: row.possible_duplicate === 1,
    tracking: space.policy.document.tracking,
    tracksReplies: space.policy.document.tracking.reply === true,
    route,
  };
}

/** Whether a worker holds a living claim on the recipient. */
function isOut(state: WriterState, recipient: number): boolean {
  const row = queueRow(state.db, recipient);
  if (row === null || row.state !== SENDING || row.due === null) return false;
  return !hasEnded(state, row, state.spaces.get(row.space).now(state.realNow));
}

/** Puts the end of claims a minute ahead again; answers with the recipients whose claim was lost. */
export function renew(state: WriterState, { claims }: { claims: ClaimRef[] }): number[] {
  const lost: number[] = [];
  for (const { recipient, token } of claims) {
    const row = queueRow(state.db, recipient);
    if (row === null || row.claim !== token || row.state !== SENDING) {
      lost.push(recipient);
      continue;
    }
    const space = state.spaces.get(row.space);
    queueStatements(state.db).renew.run(claimEnd(state, space, space.now(state.realNow)), recipient);
  }
  return lost;
}

/**
 * Before the dot: the claim still holds, nobody cancelled, nothing suppressed the address meanwhile. Marks durably
 * that the dot is about to be sent.
 */
export function mark(state: WriterState, { recipient, token }: ClaimRef): boolean {
  if (state.platformPause !== null) return false;
  const row = queueRow(state.db, recipient);
  if (row === null || row.claim !== token || row.state !== SENDING) return false;
  const space = state.spaces.get(row.space);
  const now = space.now(state.realNow);
  if (hasEnded(state, row, now)) return false;
  const message = queuedMessage(state.db, row.message);
  if (isExpired(state, space, row, message, now) || !mayLeave(state, space, row, message, now)) return false;
  queueStatements(state.db).mark.run(row.id);
  return true;
}

/** When the relay should ask again: milliseconds from now, 0 for at once, null when nothing waits. */
export function dueIn(state: WriterState): number | null {
  if (state.platformPause !== null) return null;
  if (state.fresh.size > 0) return 0;
  let soonest = Number.POSITIVE_INFINITY;
  for (const space of state.spaces.all()) {
    const wait = Math.min(space.nextDue, space.nextHoldEnd) - space.now(state.realNow);
    // A clock that stands still makes nothing due by waiting.
    const ends = space.nextClaimEnd - state.realNow;
    if (wait <= 0 || ends <= 0 || space.isPoolNew) return 0;
    soonest = Math.min(soonest, ends, space.frozenAt === null ? wait : ends);
  }
  return Number.isFinite(soonest) ? soonest : null;
}

/** At a start no worker of before is left, and every way is open: what they held is due at once, and what waited for a way that failed. */
export function releaseDeadClaims(state: WriterState): void {
  // By the index of the queue: the whole table would be read for the few that were on their way.
  const result = state.db
    .prepare(
      `UPDATE recipient INDEXED BY recipient_due SET due = 0
       WHERE due >= 0 AND (state = ? OR instr(waits, '"for":"repair"') > 0 OR instr(waits, '"for":"route"') > 0)`,
    )
    .run(SENDING);
  if (Number(result.changes) > 0) state.spaces.forgetAll();
}
