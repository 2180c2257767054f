/**
 * What comes back, applied in one transaction: the recipient's state, suppression, contact and event.
 *
 * Invariants: a recipient closes once and may bounce once more after its delivery; the same thing learnt again changes
 * nothing. A reply that was only reported resets counters for established tenants alone, since a sender could report replies
 * that never came.
 */
import type { BounceClass } from '../../core/reasons.ts';
import {
  isBadSign,
  isHardBounce,
  maySuppress,
  type ProvenKind,
  RETURN_EVENTS,
  suppressedFor,
  suppressionFor,
} from '../../core/returns.ts';
import { canMove, RECIPIENT_STATES, type RecipientState } from '../../core/states.ts';
import { observeReturn } from '../../policy/risk/observe.ts';
import type { SuppressionReason } from '../../policy/suppression.ts';
import type { DeliveryWrites } from '../port/delivery.ts';
import type { ReturnAnswer, ReturnInput } from '../port/returns.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { eventsBefore } from './event-log.ts';
import { eventId } from './event-rows.ts';
import type { Entry } from './ledger-entry.ts';
import { noteOutcome } from './mailbox-health.ts';
import { findMessage } from './messages-reads.ts';
import { hasLeft } from './places.ts';
import { queuedMessage, queueRow } from './queue-rows.ts';
import { noteRamp } from './ramp-notes.ts';
import { publicId } from './row-id.ts';
import { noteSignal, raise } from './signals.ts';
import { modeOf, REPLIES, type Space, spaceOf } from './spaces.ts';
import { type MessageRow, messageRow, type RecipientRow, recipientRows } from './stored.ts';
import { addSuppression } from './suppressions.ts';
import type { WriterState } from './writer-state.ts';

/** Events looked at for the last message to an address. */
const MOST_LOOKED_AT = 5000;

/** Who says so: the caller, proof that came back, or a simulator address. */
type Source = 'report' | 'return' | 'simulator';

export type ReturnedThing = {
  kind: ProvenKind;
  class: BounceClass;
  at: number;
  source: Source;
  /** What the reader of a bounce made of it; absent: what the class says. */
  hard?: boolean;
  suppress?: boolean;
  status?: string | null;
  /** Shown in the event. */
  shown?: Record<string, unknown>;
};

export function reportReturn(state: WriterState, input: ReturnInput): ReturnAnswer {
  state.flushRows();
  const space = state.spaces.get(spaceOf(input.tenantNo, input.mode));
  const now = space.now(state.realNow);
  const at = input.at ?? now;
  if (at > now) return { outcome: 'impossible_time' };
  const thing: ReturnedThing = { kind: input.kind, class: input.class, at, source: 'report' };
  if (input.messageId === null) return reportByAddress(state, space, input.email!.key, thing);
  const message = findMessage(state.db, { ...input, id: input.messageId });
  if (message === null) return { outcome: 'not_found', resource: 'message' };
  const rows = recipientRows(state.db, message.id);
  if (input.email === null && rows.length > 1) return { outcome: 'ambiguous' };
  const row = input.email === null ? rows[0] : rows.find((one) => keyOf(one) === input.email!.key);
  if (row === undefined) return { outcome: 'not_found', resource: 'recipient' };
  if (at < message.created_at) return { outcome: 'impossible_time' };
  return applyReturn(state, space, row, message, thing);
}

function keyOf(row: RecipientRow): string {
  return row.key ?? row.email;
}

/** The last message that left for the address; where it lies too far back, the contact alone hears of it. */
function reportByAddress(state: WriterState, space: Space, key: string, thing: ReturnedThing): ReturnAnswer {
  const row = lastLeft(state, space, key);
  if (row !== null) return applyReturn(state, space, row, messageRow(state.db, row.message)!, thing);
  const contact = space.contact(key) as Entry;
  if (contact.recipient === null || contact.recipient.at.length === 0) {
    return { outcome: 'not_found', resource: 'recipient' };
  }
  learnRisk(state, space, key, thing);
  const learnt = learn(state, space, key, null, thing);
  const event = emit(state, space, null, thing, { email: key, message_id: null });
  return {
    outcome: 'applied',
    messageId: null,
    recipientId: null,
    email: key,
    status: null,
    event,
    suppression: learnt,
  };
}

function lastLeft(state: WriterState, space: Space, key: string): RecipientRow | null {
  const one = prepared(state.db, 'SELECT message FROM recipient WHERE id = ? AND coalesce(key, email) = ?');
  for (const { seq, recipient } of eventsBefore(state.db, space.no, space.seq + 1)) {
    if (seq <= space.seq - MOST_LOOKED_AT) break;
    const found = recipient === null ? undefined : (one.get(recipient, key) as { message: number } | undefined);
    const row = found && recipientRows(state.db, found.message).find(({ id }) => id === recipient);
    if (row !== undefined && hasLeft(row)) return row;
  }
  return null;
}

/** Applies what came back about one recipient, whoever proved or reported it. */
export function applyReturn(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  thing: ReturnedThing,
): ReturnAnswer {
  const before = RECIPIENT_STATES[row.state]!;
  const about = {
    messageId: publicId('msg', message.id, message.nonce),
    recipientId: publicId('rcp', row.id, message.nonce),
    email: row.email,
  };
  const to = stateAfter(thing.kind);
  // What only the mail itself can tell proves that it has left, whatever its row says yet; but its state is the dispatcher's till then.
  const isProven = to === null && thing.source === 'return';
  if (!isProven && !hasLeft(row)) return { outcome: 'conflict', state: before };
  if (to !== null && !canMove(before, to)) {
    if (before !== to && !(to === 'delivered' && before === 'bounced')) return { outcome: 'conflict', state: before };
    return { outcome: 'known', ...about, status: before, event: null, suppression: null };
  }
  learnRisk(state, space, keyOf(row), thing);
  const isNew = !space.contact(keyOf(row)).suppressions.some(({ reason }) => reason === 'complaint');
  if (thing.kind === 'complaint' && isNew) noteRamp(state, space, row, 'complained', space.now(state.realNow));
  learnHealth(state, space, row.mailbox, thing);
  const suppression = learn(state, space, keyOf(row), about.messageId, thing);
  const late = to === 'bounced' ? { after_delivered: before === 'delivered' } : {};
  const data = { ...detailOf(thing), ...late, ...thing.shown };
  const event =
    to === null
      ? emit(state, space, row.id, thing, data)
      : close(state, space, row, to, { ...data, ...marks(thing) }, space.now(state.realNow));
  return { outcome: 'applied', ...about, status: to ?? before, event, suppression };
}

function stateAfter(kind: ProvenKind): (RecipientState & ('bounced' | 'delivered')) | null {
  if (kind === 'bounce') return 'bounced';
  return kind === 'delivered' ? 'delivered' : null;
}

function detailOf(thing: ReturnedThing): Record<string, unknown> {
  if (thing.kind === 'delayed') return { class: thing.class };
  if (thing.kind !== 'bounce') return {};
  return { class: thing.class, kind: (thing.hard ?? isHardBounce(thing.class)) ? 'hard' : 'soft' };
}

function marks({ at, source }: ReturnedThing): Record<string, unknown> {
  const told = source === 'report' ? { reported: true } : source === 'simulator' ? { simulated: true } : {};
  return { happened_at: at, ...told };
}

type EventName = { id: string; seq: number; type: string };

function close(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  to: 'bounced' | 'delivered',
  data: Record<string, unknown>,
  now: number,
): EventName {
  closeWith(state, space, row, to, now, data);
  return { id: eventId(space.no, space.seq, now), seq: space.seq, type: `message.${to}` };
}

function emit(
  state: WriterState,
  space: Space,
  recipient: number | null,
  thing: ReturnedThing,
  data: Record<string, unknown>,
): EventName {
  const now = space.now(state.realNow);
  const type = RETURN_EVENTS[thing.kind];
  state.emit(space, type, now, recipient, { ...data, ...(recipient === null ? detailOf(thing) : {}), ...marks(thing) });
  const { seq } = space;
  state.tally(space, type.slice('message.'.length), now, 1);
  return { id: eventId(space.no, seq, now), seq, type };
}

/** What the address, and the account, are known by afterwards. */
function learn(
  state: WriterState,
  space: Space,
  key: string,
  messageId: string | null,
  thing: ReturnedThing,
): { id: string; reason: string } | null {
  const { kind } = thing;
  if (kind === 'reply') noteReply(state, space, key, thing);
  if (kind === 'reply' || kind === 'delivered' || kind === 'auto_reply' || kind === 'delayed') return null;
  const reason = reasonToSuppress(thing);
  const contact = space.contact(key) as Entry;
  const isKnown = reason !== null && contact.suppressions.some((known) => known.reason === reason);
  // What is learnt a second time counts once.
  if (!isKnown && (kind !== 'bounce' || isBadSign(thing.class))) noteSignal(state, space, kind, thing.at);
  if (kind === 'unsubscribe') refuseMarketing(state, contact, thing.at);
  if (reason === null) return null;
  const { source } = thing;
  const ms = kind === 'bounce' ? suppressedFor(thing.class) : null;
  const expiresAt = ms === null ? null : space.now(state.realNow) + ms;
  const about = { kind: 'address', key, reason, expiresAt, note: null, source, message: messageId } as const;
  return { id: addSuppression(state, space, about).id, reason };
}

function reasonToSuppress({ kind, class: bounceClass, suppress, status }: ReturnedThing): SuppressionReason | null {
  if (kind !== 'bounce') return suppressionFor(kind, bounceClass);
  if (!maySuppress(bounceClass, status ?? null)) return null;
  return suppress === undefined ? suppressionFor(kind, bounceClass) : suppress ? 'hard_bounce' : null;
}

function refuseMarketing(state: WriterState, contact: Entry, at: number): void {
  const marks = contact.marks ?? { opportunity: null, threadTakenOver: null, consent: null };
  contact.marks = { ...marks, consent: { marketing: 'refused', since: at, source: 'unsubscribe' } };
  state.ledger.contactChanged(contact);
}

/** What it says of the account itself. Deliveries say nothing. */
function learnRisk(state: WriterState, space: Space, key: string, thing: ReturnedThing): void {
  const { kind, source } = thing;
  if (kind === 'delivered' || kind === 'auto_reply' || kind === 'delayed') return;
  const about = { kind, class: kind === 'bounce' ? thing.class : null, key, isReported: source === 'report' };
  observeReturn(space.risk, about, space.now(state.realNow));
  state.risks.changed(space.no);
}

/** What it says of the mailbox that it went through. Deliveries and deferrals are counted as they happen. */
function learnHealth(state: WriterState, space: Space, mailbox: number | null, thing: ReturnedThing): void {
  const now = space.now(state.realNow);
  if (thing.kind === 'bounce') noteOutcome(state, space, mailbox, 'bounced', thing.class, now);
  if (thing.kind === 'complaint') noteOutcome(state, space, mailbox, 'complained', null, now);
}

function noteReply(state: WriterState, space: Space, key: string, { at, source }: ReturnedThing): void {
  raise(state, space, REPLIES);
  if (source === 'report' && space.tenant.trust !== 'established') return;
  const contact = space.contact(key) as Entry;
  if (contact.lastReplyAt !== null && contact.lastReplyAt >= at) return;
  contact.lastReplyAt = at;
  state.ledger.contactChanged(contact);
}

/** What a simulator address sends back once its mail has arrived: a complaint or a reply, in test mode alone. */
export function simulateReturn(
  state: WriterState,
  { recipient, kind }: Parameters<DeliveryWrites['simulateReturn']>[0],
): boolean {
  const row = queueRow(state.db, recipient);
  if (row === null || modeOf(row.space) !== 'test' || RECIPIENT_STATES[row.state] !== 'delivered') return false;
  const space = state.spaces.get(row.space);
  const at = space.now(state.realNow);
  applyReturn(state, space, row, queuedMessage(state.db, row.message), {
    kind: kind === 'complained' ? 'complaint' : 'reply',
    class: 'unknown',
    at,
    source: 'simulator',
  });
  return true;
}
