/** What was decided on, stored: the message, its recipients, what is held, and refusals, identical ones of a minute in one row. */
import { createHash } from 'node:crypto';
import { eventNumber } from '../../core/events.ts';
import { stateNumber } from '../../core/states.ts';
import { packFacts } from '../../policy/facts.ts';
import type { ApprovalAsked } from '../../policy/facts-approval.ts';
import type { Send } from '../../policy/send.ts';
import type { AdmitRequest } from '../store.ts';
import { bindingOf, FLAG_APPROVAL, requestApproval, sha256Of } from './approval-rows.ts';
import { BODY_BLOB, BODY_NONE, BODY_TEXT } from './bodies.ts';
import type { Decided } from './decide-all.ts';
import { DEFAULT_EXPIRY_MS } from './expiry.ts';
import { AT_ONCE } from './fresh-rows.ts';
import { FLAG_DEFER, FLAG_MARKETING } from './message-flags.ts';
import { chosenIn, pinTo } from './routes.ts';
import type { Sender } from './send-of.ts';
import { modeOf, type Space } from './spaces.ts';
import { storedVerdict } from './verdicts.ts';
import { HOUR_MS, type WriterState } from './writer-state.ts';

const REFUSAL_FOLD_MS = 60_000;
export const RECIPIENT_KINDS = ['to', 'cc', 'bcc'] as const;
/** As many as a message may have. */
export const MOST_RECIPIENTS = 100;
const ACCEPTED = stateNumber('accepted');
const SCHEDULED = stateNumber('scheduled');
const BLOCKED = stateNumber('blocked');
const HELD = stateNumber('held');
const EVENT_ACCEPTED = eventNumber('message.accepted');
const EVENT_SCHEDULED = eventNumber('message.scheduled');
const EVENT_BLOCKED = eventNumber('message.blocked');
const EVENT_HELD = eventNumber('message.held');

function contentHash(request: AdmitRequest): string {
  if (request.contentHash === null) {
    const hash = createHash('sha256').update(request.bodyBlob?.sha256 ?? request.body);
    for (const recipient of request.recipients) hash.update(`\0${recipient.key}`);
    request.contentHash = hash.digest('hex');
  }
  return request.contentHash;
}

export function refusalKey(request: AdmitRequest): string {
  return `${request.principal.keyNo}.${contentHash(request)}`;
}

export function foldRefusal(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  now: number,
): { row: number; nonce: number } | null {
  const key = refusalKey(request);
  const known = state.refusals.get(key);
  if (known === undefined || now - known.at >= REFUSAL_FOLD_MS || now < known.at) return null;
  state.flushRows();
  state.foldRefusal.run(known.row);
  state.tally(space, 'refusal_repeated', now, 1);
  return known;
}

export function storeMessage(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  send: Send,
  sender: Sender,
  row: number,
  nonce: number,
  now: number,
  decided: readonly Decided[],
  keep: boolean,
  holdEnd: number | null,
): void {
  if (keep) useBlobs(state, request, row);
  const bodyForm = !keep ? BODY_NONE : request.bodyBlob !== null ? BODY_BLOB : BODY_TEXT;
  state.messages.add(
    row,
    nonce,
    space.no,
    now,
    request.principal.installationNo,
    sender.identity?.no ?? null,
    space.policy.version,
    (request.kind === 'marketing' ? FLAG_MARKETING : 0) |
      (request.onLimit === 'defer' ? FLAG_DEFER : 0) |
      (holdEnd === null ? 0 : FLAG_APPROVAL),
    request.sendAt,
    request.expiresAt ?? Math.max(lastDeparture(decided, now), holdEnd ?? 0) + DEFAULT_EXPIRY_MS,
    send.scopes.agent,
    sender.from.email,
    sender.from.name,
    request.subject,
    request.meta,
    request.requestId,
    // Its recipients' events come next, one after another.
    space.seq + 1,
    keep ? request.contentHash : contentHash(request),
    send.contentSize,
    bodyForm,
    bodyForm === BODY_TEXT ? request.body : bodyForm === BODY_BLOB ? (request.bodyBlob?.sha256 ?? null) : null,
  );
}

function useBlobs(state: WriterState, { blobs, bodyBlob }: AdmitRequest, row: number): void {
  if (blobs.length === 0 && bodyBlob === null) return;
  // A message may hold the same octets twice.
  const used = new Set(blobs.map((blob) => blob.sha256));
  if (bodyBlob !== null) used.add(bodyBlob.sha256);
  for (const sha256 of used) state.useBlob(sha256, row);
}

/** Where nobody set an expiry it follows the last departure, so that no place lies beyond it. */
function lastDeparture(decided: readonly Decided[], now: number): number {
  let last = now;
  for (const { verdict } of decided) last = Math.max(last, verdict.departAt);
  return last;
}

/** Asks for the approval that held recipients wait for, bound to what was just stored. */
export function hold(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  sender: Sender,
  decided: readonly Decided[],
  asked: ApprovalAsked,
  { row, nonce, now }: { row: number; nonce: number; now: number },
): void {
  const hash = bindingOf({
    fromEmail: sender.from.email,
    fromName: sender.from.name,
    subject: request.subject,
    recipients: request.recipients.map(({ kind, email, name }) => [RECIPIENT_KINDS.indexOf(kind), email, name]),
    content: request.bodyBlob?.sha256 ?? sha256Of(request.body),
  });
  const holds = decided.filter(({ verdict }) => verdict.verdict === 'hold');
  const reasons = new Set(holds.flatMap(({ verdict }) => verdict.reasons.map(({ code }) => code)));
  const recipients = decided.map((_, i) => row + i);
  const message = { row, nonce, subject: request.subject, fromEmail: sender.from.email };
  requestApproval(state, space, { asked, message, reasons: [...reasons], recipients, hash, now });
}

export function storeRecipients(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  decided: readonly Decided[],
  row: number,
  now: number,
): void {
  const hour = Math.floor(now / HOUR_MS);
  let hasRoutes = false;
  for (let i = 0; i < decided.length; i += 1) {
    const { facts, verdict, standing } = decided[i]!;
    const recipient = request.recipients[i]!;
    const blocked = verdict.verdict === 'block';
    const scheduled = verdict.verdict === 'schedule';
    const held = verdict.verdict === 'hold';
    const due = blocked || held ? null : scheduled ? verdict.departAt : dueNow(state, space, row + i, now);
    const chosen = due === null ? null : chosenIn(facts);
    if (chosen !== null) hasRoutes = true;
    state.recipients.add(
      row + i,
      row,
      space.no,
      RECIPIENT_KINDS.indexOf(recipient.kind),
      recipient.email,
      recipient.key === recipient.email ? null : recipient.key,
      recipient.name,
      blocked ? BLOCKED : held ? HELD : scheduled ? SCHEDULED : ACCEPTED,
      due,
      verdict.departAt,
      blocked ? now : null,
      packFacts(facts, state.packer),
      storedVerdict(verdict, standing),
      chosen?.mailbox ?? null,
      chosen?.provider ?? null,
    );
    if (due !== null && due !== AT_ONCE && due < space.nextDue) space.nextDue = due;
    const event = blocked ? EVENT_BLOCKED : held ? EVENT_HELD : scheduled ? EVENT_SCHEDULED : EVENT_ACCEPTED;
    state.emitNumber(space, event, now, row + i, null);
    state.tallyHour(space, hour, blocked ? (verdict.reasons[0]?.code ?? 'blocked') : 'accepted', 1);
  }
  // After the events of all recipients, which follow one another.
  if (hasRoutes) pinAll(state, space, decided, row, now);
}

function pinAll(state: WriterState, space: Space, decided: readonly Decided[], row: number, now: number): void {
  decided.forEach(({ recipient, facts, verdict }, i) => {
    if (verdict.verdict === 'block' || verdict.verdict === 'hold') return;
    pinTo(state, space, { key: recipient.key, recipient: row + i, chosen: chosenIn(facts), now });
  });
}

/** The `due` of what leaves at once. In test mode it is a time, since its clock may stand still. */
function dueNow(state: WriterState, space: Space, row: number, now: number): number {
  return modeOf(space.no) === 'live' && state.fresh.add(space.no, row) ? AT_ONCE : now;
}
