/**
 * Admission: one submission decided and stored, inside a group's transaction.
 *
 * Submissions of a group are decided one after another on the same ledger, so the second sees the first. Rows are gathered and
 * inserted at the group's end in a bounded number of statements. Nothing here waits; a throw is a fault and undoes the
 * whole group.
 */
import { trace } from '../../policy/decide.ts';
import type { Facts } from '../../policy/facts.ts';
import { probationIn } from '../../policy/facts-quarantine.ts';
import { ENGINE } from '../../policy/look.ts';
import type { RiskStep } from '../../policy/risk/observe.ts';
import type { Send } from '../../policy/send.ts';
import type { Admission, AdmitAnswer, AdmitRequest, CheckAnswer, RecipientVerdict, StaleCanaries } from '../store.ts';
import { askedOfSend } from './approval-rows.ts';
import type { Assumed } from './assumed.ts';
import { type Decided, decideAll, isWholeAlone, raise, riskShown } from './decide-all.ts';
import { reviewHealth } from './mailbox-health.ts';
import { passTime } from './quarantine.ts';
import { riskStanding } from './risk-shown.ts';
import { newNonce, publicId } from './row-id.ts';
import { resolveSender, sendOf } from './send-of.ts';
import { noteCompared } from './shadows.ts';
import { type Space, spaceOf } from './spaces.ts';
import { foldRefusal, hold, MOST_RECIPIENTS, refusalKey, storeMessage, storeRecipients } from './store-admission.ts';
import { readAdmission } from './stored.ts';
import { joinThread } from './thread-rows.ts';
import { KEY_DEDUPE, KEY_IDEMPOTENCY, type UsedKey } from './used-keys.ts';
import type { WriterState } from './writer-state.ts';

const DEDUPE_RETENTION_MS = 30 * 86_400_000;

export function admit(state: WriterState, request: AdmitRequest): AdmitAnswer | StaleCanaries {
  const space = state.spaces.get(spaceOf(request.principal.tenantNo, request.principal.mode));
  const now = space.now(state.realNow);
  passTime(state, space, now);
  reviewHealth(state, space, now);
  const before = answeredBefore(state, space, request, now);
  if (before !== null) return before;
  if (hasOtherCanaries(space, request)) return { outcome: 'canaries', known: space.canaries };
  const sender = resolveSender(state, space, request);
  if ('message' in sender) return { outcome: 'invalid', ...sender };
  const send = sendOf(state, space, request, sender);
  const deduped = usedDedupe(state, space, request, now);
  const duplicate = deduped === null ? null : duplicateFact(state, deduped);
  if (request.wholeOnly === true && !isWholeAlone(request)) {
    const unstored = askedOfSend(space, aboutApproval(request, false), now);
    const seen = decideAll(state, space, send, request, now, duplicate, unstored, null);
    const isWhole = seen.every(({ verdict }) => verdict.verdict !== 'block');
    if (!isWhole) return { outcome: 'refused', ...seenAdmission(space, send, request, seen, now) };
  }
  const asked = askedOfSend(space, aboutApproval(request, true), now);
  const risen: RiskStep = { elevated: false, quarantine: false };
  const decided = decideAll(state, space, send, request, now, duplicate, asked, risen);
  const accepted = decided.filter(({ verdict }) => verdict.verdict !== 'block').length;
  if (accepted === 0 && isWholeAlone(request)) {
    return { outcome: 'refused', ...seenAdmission(space, send, request, decided, now) };
  }
  if (accepted === 0) {
    const folded = foldRefusal(state, space, request, now);
    if (folded !== null) {
      noteShadow(state, space, request, decided, folded, now);
      return { outcome: 'refused', ...storedAdmission(space, send, request, decided, folded, now) };
    }
  }
  const isHeld = decided.some(({ verdict }) => verdict.verdict === 'hold');
  // What is held may get other recipients before it is released.
  const row = state.takeRows(isHeld ? MOST_RECIPIENTS : request.recipients.length);
  const nonce = newNonce();
  noteShadow(state, space, request, decided, { row, nonce }, now);
  const deadline = isHeld ? asked?.deadline : undefined;
  storeMessage(state, space, request, send, sender, row, nonce, now, decided, accepted > 0, deadline ?? null);
  storeRecipients(state, space, request, decided, row, now);
  if (request.meta !== null && accepted > 0) joinThread(state, space.no, row, request.meta);
  if (isHeld && asked !== null) hold(state, space, request, sender, decided, asked, { row, nonce, now });
  if (accepted === 0) {
    state.refusals.set(refusalKey(request), { row, nonce, at: now });
    return { outcome: 'refused', ...storedAdmission(space, send, request, decided, { row, nonce }, now) };
  }
  if (request.idempotency !== null) {
    state.keys.add(
      space,
      KEY_IDEMPOTENCY,
      request.principal.installationId,
      request.idempotency,
      row,
      now,
      idempotencyUntil(space, now),
    );
  }
  if (request.dedupe !== null) {
    state.keys.add(
      space,
      KEY_DEDUPE,
      request.principal.installationId,
      request.dedupe,
      row,
      now,
      now + DEDUPE_RETENTION_MS,
    );
  }
  const answer = admitted(storedAdmission(space, send, request, decided, { row, nonce }, now));
  if (risen.elevated || risen.quarantine) raise(state, space, decided, risen, now);
  return answer;
}

/** Where the space has a draft: remembers on whom it would have decided otherwise. */
function noteShadow(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  decided: readonly Decided[],
  { row, nonce }: { row: number; nonce: number },
  now: number,
): void {
  if (space.shadow === null) return;
  const compared = decided.map(({ verdict, shadow }, i) => ({
    email: request.recipients[i]!.email,
    verdict,
    shadow: shadow ?? verdict,
  }));
  noteCompared(state, space, publicId('msg', row, nonce), compared, now);
}

/** Whether the content was searched for other markers than there are. */
export function hasOtherCanaries(space: Space, request: AdmitRequest): boolean {
  return (space.canaries?.version ?? null) !== (request.canaries ?? null);
}

/** The whole verdict with every rule's answer; changes nothing. */
export function check(state: WriterState, request: AdmitRequest): CheckAnswer | StaleCanaries {
  const space = state.spaces.get(spaceOf(request.principal.tenantNo, request.principal.mode));
  const now = space.now(state.realNow);
  passTime(state, space, now);
  reviewHealth(state, space, now);
  if (hasOtherCanaries(space, request)) return { outcome: 'canaries', known: space.canaries };
  const seen = lookAt(state, space, request, now);
  if ('message' in seen) return { outcome: 'invalid', ...seen };
  const { send, from, decided } = seen;
  return {
    outcome: 'checked',
    ...seenAdmission(space, send, request, request.untraced === true ? decided.map(bare) : decided, now),
    from,
    traces:
      request.untraced === true
        ? []
        : decided.map(({ recipient, facts }) => trace(send, recipient, facts, space.policy)),
  };
}

/** Without how limits stand: each of a hundred checks of a mail would copy them for a hundred recipients. */
function bare(one: Decided): Decided {
  return { ...one, facts: { ...one.facts, limits: [] }, standing: null };
}

/** What would be decided; `ahead`: beside what it holds already, until that is taken back. */
export function lookAt(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  now: number,
  ahead: Assumed | null = null,
): { send: Send; from: string; decided: Decided[] } | { param: string; message: string } {
  const sender = resolveSender(state, space, request);
  if ('message' in sender) return sender;
  const deduped = usedDedupe(state, space, request, now);
  const blocks =
    deduped !== null && (request.dedupe?.block === true || deduped.fingerprint !== request.dedupe?.fingerprint);
  const send = sendOf(state, space, request, sender);
  const asked = askedOfSend(space, aboutApproval(request, false), now);
  const known = blocks ? duplicateFact(state, deduped) : null;
  const decided = decideAll(state, space, send, request, now, known, asked, null, ahead);
  return { send, from: sender.from.email, decided };
}

/** What was decided and is stored. */
function storedAdmission(
  space: Space,
  send: Send,
  request: AdmitRequest,
  decided: readonly Decided[],
  { row, nonce }: { row: number; nonce: number },
  now: number,
): Admission {
  const messageId = publicId('msg', row, nonce);
  const risk = riskShown(space, decided, now);
  const recipients: RecipientVerdict[] = [];
  for (let i = 0; i < decided.length; i += 1) {
    recipients.push(recipientVerdict(decided[i]!, request.recipients[i]!.email, publicId('rcp', row + i, nonce)));
  }
  return admissionOf(space, send, request, decided[0]?.facts, now, { messageId, risk, recipients });
}

/** What was decided and not stored. */
export function seenAdmission(
  space: Space,
  send: Send,
  request: AdmitRequest,
  decided: readonly Decided[],
  now: number,
): Admission {
  const risk = riskStanding(space, now);
  const recipients = decided.map((one, i) => recipientVerdict(one, request.recipients[i]!.email, null));
  return admissionOf(space, send, request, decided[0]?.facts, now, { messageId: '', risk, recipients });
}

/** `facts`: those of the first recipient. */
function admissionOf(
  space: Space,
  send: Send,
  request: AdmitRequest,
  facts: Facts | undefined,
  now: number,
  { messageId, risk, recipients }: Pick<Admission, 'messageId' | 'risk' | 'recipients'>,
): Admission {
  return {
    messageId,
    createdAt: now,
    requestId: request.requestId,
    policyVersion: space.policy.version,
    engine: ENGINE,
    scopes: send.scopes,
    identityCap: facts?.identityCap ?? null,
    probation: probationIn(facts?.quarantine ?? null),
    warmup: facts?.warmup ?? null,
    risk,
    recipients,
  };
}

/** By hand: every accept comes by here, and to copy an object into another takes longer than to name what is in it. */
function admitted(admission: Admission): AdmitAnswer {
  const { messageId, createdAt, requestId, policyVersion, engine, scopes } = admission;
  const { identityCap, probation, warmup, risk, recipients } = admission;
  return {
    outcome: 'admitted',
    messageId,
    createdAt,
    requestId,
    policyVersion,
    engine,
    scopes,
    identityCap,
    probation,
    warmup,
    risk,
    recipients,
  };
}

/** What of a request an approval depends on. */
function aboutApproval({ agent, expiresAt }: AdmitRequest, isStored: boolean) {
  return { agent, expiresAt, isStored };
}

function recipientVerdict(one: Decided, email: string, id: string | null): RecipientVerdict {
  const { recipient, facts, standing } = one;
  const { verdict, departAt, reasons, warnings } = one.verdict;
  return { id, email, key: recipient.key, verdict, departAt, reasons, warnings, limits: facts.limits, standing };
}

function idempotencyUntil(space: Space, now: number): number {
  const retention = space.policy.document.retention as { idempotency_seconds?: number };
  return now + (retention.idempotency_seconds ?? 86_400) * 1000;
}

/** Where the same key and content came before, or the same key with another content: the answer to that; else null. */
export function answeredBefore(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  now: number,
): AdmitAnswer | null {
  const used = state.keys.use(space, now, request.principal.installationId, request.idempotency);
  if (used !== null) return answerUsed(state, used, request, now, 'idempotency');
  const deduped = usedDedupe(state, space, request, now);
  const isSame = deduped !== null && deduped.fingerprint === request.dedupe?.fingerprint;
  return isSame && request.dedupe?.block !== true ? answerUsed(state, deduped, request, now, 'dedupe') : null;
}

function usedDedupe(state: WriterState, space: Space, request: AdmitRequest, now: number): UsedKey | null {
  const key = request.dedupe?.key ?? null;
  return state.keys.find(space, now, KEY_DEDUPE, request.principal.installationId, key);
}

function answerUsed(
  state: WriterState,
  used: UsedKey,
  request: AdmitRequest,
  now: number,
  by: 'idempotency' | 'dedupe',
): AdmitAnswer {
  state.flushRows();
  const fingerprint = by === 'idempotency' ? request.idempotency?.fingerprint : request.dedupe?.fingerprint;
  const admission = readAdmission(state.db, used.message);
  if (used.fingerprint !== fingerprint || admission === null) {
    return {
      outcome: 'key_reused',
      firstUsedAt: used.usedAt,
      until: Math.max(used.until, now),
      messageId: admission?.messageId ?? '',
    };
  }
  return { outcome: 'replayed', by, ...admission };
}

function duplicateFact(state: WriterState, used: UsedKey): Facts['duplicate'] {
  state.flushRows();
  const row = state.db.prepare('SELECT nonce FROM message WHERE id = ?').get(used.message) as
    | { nonce: number }
    | undefined;
  const messageId = row === undefined ? '' : publicId('msg', used.message, row.nonce);
  return { messageId, at: used.usedAt, until: used.until };
}
