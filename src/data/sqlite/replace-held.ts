/**
 * Another envelope or content for a message that waits for a person, or waited: its approval is void, and every recipient that has
 * not left is decided again in full, under a new approval.
 *
 * What holds: it is whole or nothing: where one recipient would be blocked, the answer is the reasons and all is as it was. A
 * recipient that stays keeps its row, one that is taken out is cancelled, one that is new gets a row behind the others; such a
 * message has room for a hundred in all. Nothing departs in between, since the writer does one thing at a time.
 */
import { NOT_LEFT, RECIPIENT_STATES, stateNumber } from '../../core/states.ts';
import { decide } from '../../policy/decide.ts';
import { type Facts, packFacts } from '../../policy/facts.ts';
import type { ApprovalAsked } from '../../policy/facts-approval.ts';
import { type Change, type Counted, countDeparture } from '../../policy/ledger.ts';
import { look } from '../../policy/look.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import type { Send } from '../../policy/send.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { ReplaceAnswer, ReplaceInput } from '../port/approvals.ts';
import type { AdmitRecipient, AdmitRequest, StaleCanaries } from '../store.ts';
import { hasOtherCanaries } from './admit.ts';
import {
  type ApprovalLine,
  aboutMessage,
  approvalOf,
  askedOfSend,
  currentBinding,
  endApproval,
  FLAG_APPROVAL,
  requestApproval,
} from './approval-rows.ts';
import { unusedBlobs } from './blob-use.ts';
import { BODY_BLOB, BODY_TEXT } from './bodies.ts';
import { statusOf } from './changes.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { DEFAULT_EXPIRY_MS } from './expiry.ts';
import { hasDefaultExpiry } from './holds.ts';
import { findMessage } from './messages-reads.ts';
import { applyAll, hasLeft, inverse, messageUnits, moveAlone, rememberCounted, returned } from './places.ts';
import { onItsWay, storeRoute, takeRoute } from './routes.ts';
import { contentSize, resolveSender, type Sender } from './send-of.ts';
import { CREDITS, type Space, STORAGE } from './spaces.ts';
import { MOST_RECIPIENTS, RECIPIENT_KINDS } from './store-admission.ts';
import { factsOf, type MessageRow, type RecipientRow, recipientRows, sendOfRow } from './stored.ts';
import { joinThread, leaveThread } from './thread-rows.ts';
import { storedVerdict, withLater } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

type Found = { space: Space; message: MessageRow; rows: RecipientRow[]; approval: ApprovalLine; now: number };

type Decided = { recipient: AdmitRecipient; row: RecipientRow | null; facts: Facts; verdict: Verdict };

type Replacing = Found & {
  request: AdmitRequest;
  sender: Sender;
  send: Send;
  asked: ApprovalAsked | null;
  /** Rows that have not ended. */
  open: RecipientRow[];
  moved: boolean;
};

const CLOSED_UNSENT: ReadonlySet<string> = new Set(['blocked', 'cancelled']);

export function replaceHeld(state: WriterState, input: ReplaceInput): ReplaceAnswer | StaleCanaries {
  state.flushRows();
  const message = findMessage(state.db, input);
  if (message === null) return { outcome: 'not_found' };
  const rows = recipientRows(state.db, message.id);
  const approval = (message.flags & FLAG_APPROVAL) === 0 ? null : approvalOf(state.db, message.id);
  const open = rows.filter((row) => NOT_LEFT.has(RECIPIENT_STATES[row.state]!) && !hasLeft(row));
  const isUnsent = rows.every((row) => open.includes(row) || CLOSED_UNSENT.has(RECIPIENT_STATES[row.state]!));
  if (approval === null || !isUnsent || open.length === 0) return { outcome: 'conflict', state: statusOf(rows) };
  if (approval.id !== input.approval) return { outcome: 'conflict', state: 'changed' };
  const space = state.spaces.get(message.space);
  const now = space.now(state.realNow);
  const { request } = input;
  if (hasOtherCanaries(space, request)) return { outcome: 'canaries', known: space.canaries };
  const sender = senderOf(state, space, message, request);
  if ('message' in sender) return { outcome: 'invalid', ...sender };
  space.identity = sender.identity;
  const found: Found = { space, message, rows, approval, now };
  const stored = sendOfRow(state.db, message);
  const send: Send = {
    ...stored,
    sendAt: request.sendAt,
    contentSize: Math.max(0, contentSize(request) - message.size),
    findings: request.findings ?? null,
  };
  const asked = askedOfSend(space, { agent: message.agent, expiresAt: null, isStored: true }, now);
  return replace(state, { ...found, request, sender, send, asked, open, moved: moveAlone(rows, open) });
}

/** The identity stays, whatever address it gets: limits and approvals are counted by it. */
function senderOf(
  state: WriterState,
  space: Space,
  message: MessageRow,
  request: AdmitRequest,
): Sender | { param: string; message: string } {
  const own = [...space.identities.values()].find(({ no }) => no === message.identity);
  const sender = resolveSender(state, space, { ...request, identity: own?.id ?? null });
  if ('message' in sender) return sender;
  const owner = resolveSender(state, space, { ...request, identity: null, from: sender.from });
  const isOthers = 'identity' in owner && owner.identity !== null && owner.identity.no !== message.identity;
  if (!isOthers) return { ...sender, identity: own ?? null };
  return {
    param: 'from',
    message: 'The address belongs to another identity: cancel the message and send another.',
  };
}

function replace(state: WriterState, replacing: Replacing): ReplaceAnswer {
  const { space, rows, request, open, now } = replacing;
  const kept = (key: string) => open.find((row) => (row.key ?? row.email) === key) ?? null;
  const wanted = request.recipients.map((recipient) => ({ recipient, row: kept(recipient.key) }));
  if (rows.length + wanted.filter(({ row }) => row === null).length > MOST_RECIPIENTS) {
    const message = `A message that waits has room for ${MOST_RECIPIENTS} recipients, those taken out included: cancel it and send another.`;
    return { outcome: 'invalid', param: 'to', message };
  }
  const given = givenBack(state, replacing);
  applyAll(state, space, given);
  const { decided, taken, credits } = decideAll(state, replacing, wanted);
  if (decided.some(({ verdict }) => verdict.verdict === 'block')) {
    applyAll(state, space, [...taken, ...given].flatMap(inverse));
    if (credits > 0) state.ledger.addGauge(space.tenantEntry(), CREDITS, credits);
    const told = decided.map(({ recipient, verdict }) => ({ email: recipient.email, key: recipient.key, verdict }));
    return { outcome: 'refused', now, recipients: told };
  }
  const unused = storeContent(state, replacing, decided);
  takeOut(state, replacing, wanted);
  decided.forEach((one) => {
    if (one.row === null) addRow(state, replacing, one);
    else keepRow(state, replacing, one, one.row);
  });
  askAnew(state, replacing, decided);
  const departures = decided.filter(({ verdict }) => verdict.verdict !== 'hold').map(({ verdict }) => verdict.departAt);
  if (departures.length > 0 && replacing.moved) rememberCounted(state, rows, Math.min(...departures));
  return { outcome: 'done', unused: unusedBlobs(state, unused) };
}

/** The places of what was released already and has not left. */
function givenBack(state: WriterState, { space, message, rows, open, moved }: Replacing): Change[] {
  const placed = open.filter((row) => RECIPIENT_STATES[row.state] !== 'held');
  if (placed.length === 0) return [];
  const send = sendOfRow(state.db, message);
  return [
    ...placed.flatMap((row) => returned(state, space, message, send, row)),
    ...(moved ? messageUnits(state, space, message, send, rows, -1) : []),
  ];
}

function decideAll(
  state: WriterState,
  replacing: Replacing,
  wanted: readonly { recipient: AdmitRecipient; row: RecipientRow | null }[],
): { decided: Decided[]; taken: Change[]; credits: number } {
  const { space, send, asked, now, message } = replacing;
  const { policy } = space;
  const counted: Counted = new Map();
  const decided: Decided[] = [];
  const taken: Change[] = [];
  let credits = 0;
  let isFirst = true;
  for (const { recipient, row } of wanted) {
    const sized = isFirst ? send : { ...send, contentSize: 0 };
    isFirst = false;
    const seen = look({ view: space, policy, send: sized, recipient, now, counted, duplicate: null, approval: asked });
    // One that stays has been paid for.
    const facts = row === null ? seen : { ...seen, account: { ...seen.account, credits: null } };
    const verdict = decide(sized, recipient, facts, policy);
    decided.push({ recipient, row, facts, verdict });
    if (verdict.verdict === 'block') continue;
    if (facts.account.credits !== null) {
      state.ledger.addGauge(space.tenantEntry(), CREDITS, -1);
      credits += 1;
    }
    if (verdict.verdict === 'hold') continue;
    const capped = adapted(policy, adaptingIn(facts));
    const { departAt } = verdict;
    const ratesAt = departAt > message.created_at ? departAt - 1 : now;
    const changes = countDeparture(space, capped, sized, onItsWay(recipient, facts), departAt, ratesAt, counted);
    applyAll(state, space, changes);
    taken.push(...changes);
  }
  return { decided, taken, credits };
}

/** Puts the new content in place of the old; answers with the blobs that the old one held. */
function storeContent(state: WriterState, replacing: Replacing, decided: readonly Decided[]): string[] {
  const { space, message, rows, request, sender, asked } = replacing;
  const { db } = state;
  const size = contentSize(request);
  const held = prepared(db, 'SELECT sha256 FROM blob_use WHERE message = ?').all(message.id) as { sha256: string }[];
  prepared(db, 'DELETE FROM blob_use WHERE message = ?').run(message.id);
  const used = new Set(request.blobs.map((blob) => blob.sha256));
  if (request.bodyBlob !== null) used.add(request.bodyBlob.sha256);
  for (const sha256 of used) state.useBlob(sha256, message.id);
  state.flushRows();
  state.ledger.addGauge(space.tenantEntry(), STORAGE, size - message.size);
  const latest = Math.max(asked?.deadline ?? 0, ...decided.map(({ verdict }) => verdict.departAt));
  const expiresAt = hasDefaultExpiry(state, message, rows) ? latest + DEFAULT_EXPIRY_MS : message.expires_at;
  const changed = {
    from_email: sender.from.email,
    from_name: sender.from.name,
    subject: request.subject,
    size,
    send_at: request.sendAt,
    expires_at: expiresAt,
  };
  prepared(
    db,
    `UPDATE message SET from_email = ?, from_name = ?, subject = ?, size = ?, send_at = ?, expires_at = ?,
       meta = ?, body_form = ?, body = ? WHERE id = ?`,
  ).run(
    ...Object.values(changed),
    request.meta,
    request.bodyBlob === null ? BODY_TEXT : BODY_BLOB,
    request.bodyBlob?.sha256 ?? request.body,
    message.id,
  );
  leaveThread(state, message);
  joinThread(state, message.space, message.id, request.meta);
  Object.assign(message, changed);
  return held.map(({ sha256 }) => sha256);
}

function takeOut(
  state: WriterState,
  { space, open, now }: Replacing,
  wanted: readonly { row: RecipientRow | null }[],
): void {
  for (const row of open) {
    if (wanted.some((one) => one.row === row)) continue;
    // Its places were given back with those of all.
    if (factsOf(row)?.account.credits != null) state.ledger.addGauge(space.tenantEntry(), CREDITS, 1);
    closeWith(state, space, row, 'cancelled', now, { by: 'change' });
    row.state = stateNumber('cancelled');
  }
}

const STATES = { accept: 'accepted', schedule: 'scheduled', hold: 'held' } as const;

function stateOf(verdict: Verdict): (typeof STATES)[keyof typeof STATES] {
  return STATES[verdict.verdict as keyof typeof STATES];
}

function keepRow(state: WriterState, { space, now }: Replacing, one: Decided, row: RecipientRow): void {
  const { recipient, facts, verdict } = one;
  const to = stateOf(verdict);
  const due = to === 'held' ? null : verdict.departAt;
  const version = space.policy.version;
  row.verdict = withLater(row, { ...verdict, at: now, cause: 'change', policyVersion: version });
  row.kind = RECIPIENT_KINDS.indexOf(recipient.kind);
  row.email = recipient.email;
  row.name = recipient.name;
  row.state = stateNumber(to);
  row.due = due;
  row.depart_at = verdict.departAt;
  prepared(
    state.db,
    'UPDATE recipient SET kind = ?, email = ?, key = ?, name = ?, state = ?, due = ?, depart_at = ?, verdict = ? WHERE id = ?',
  ).run(
    row.kind,
    recipient.email,
    recipient.key === recipient.email ? null : recipient.key,
    recipient.name,
    row.state,
    due,
    verdict.departAt,
    row.verdict,
    row.id,
  );
  announce(state, space, row.id, to, due, now);
  if (to === 'held') storeRoute(state, row, null);
  else takeRoute(state, space, row, facts, now);
}

function addRow(state: WriterState, { space, message, rows, now }: Replacing, one: Decided): void {
  const { recipient, facts, verdict } = one;
  const to = stateOf(verdict);
  const due = to === 'held' ? null : verdict.departAt;
  const id = rows.at(-1)!.id + 1;
  const key = recipient.key === recipient.email ? null : recipient.key;
  const row: RecipientRow = {
    id,
    message: message.id,
    space: space.no,
    kind: RECIPIENT_KINDS.indexOf(recipient.kind),
    email: recipient.email,
    key,
    name: recipient.name,
    state: stateNumber(to),
    due,
    depart_at: verdict.departAt,
    attempts: 0,
    possible_duplicate: 0,
    closed_at: null,
    facts: packFacts(facts, state.packer),
    verdict: storedVerdict(verdict, null, space.policy.version),
    mailbox: null,
    provider: null,
    routed_at: null,
    waits: null,
  };
  state.recipients.add(
    id,
    message.id,
    space.no,
    row.kind,
    row.email,
    key,
    row.name,
    row.state,
    due,
    row.depart_at,
    null,
    row.facts,
    row.verdict,
    null,
    null,
  );
  state.flushRows();
  rows.push(row);
  announce(state, space, id, to, due, now);
  if (to !== 'held') takeRoute(state, space, row, facts, now);
}

function announce(
  state: WriterState,
  space: Space,
  row: number,
  to: (typeof STATES)[keyof typeof STATES],
  due: number | null,
  now: number,
): void {
  state.emit(space, `message.${to}`, now, row, { changed: true });
  if (due !== null) space.nextDue = Math.min(space.nextDue, due);
}

/** The old approval is void; a new one is asked for where something is held. */
function askAnew(state: WriterState, replacing: Replacing, decided: readonly Decided[]): void {
  const { space, message, rows, approval, asked, now } = replacing;
  endApproval(state, space, approval, { to: 'void', now, nonce: message.nonce });
  const held = decided.filter(({ verdict }) => verdict.verdict === 'hold');
  if (held.length === 0 || asked === null) return;
  const bound = rows.filter((row) => RECIPIENT_STATES[row.state] !== 'cancelled');
  const reasons = new Set(held.flatMap(({ verdict }) => verdict.reasons.map(({ code }) => code)));
  requestApproval(state, space, {
    asked,
    message: aboutMessage(message),
    reasons: [...reasons],
    recipients: bound.map(({ id }) => id),
    hash: currentBinding(state.db, message, bound),
    now,
  });
}
