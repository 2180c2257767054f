/**
 * Admission: one submission decided and stored, inside a group's transaction.
 *
 * Submissions of a group are decided one after another on the same ledger, so the second sees the first. Rows are gathered and
 * inserted at the group's end in a bounded number of statements. Nothing here waits; a throw is a fault and undoes the
 * whole group.
 */
import { createHash } from 'node:crypto';
import { eventNumber } from '../../core/events.ts';
import { stateNumber } from '../../core/states.ts';
import { decide, trace } from '../../policy/decide.ts';
import type { Limit, Policy } from '../../policy/document.ts';
import { type Facts, packFacts } from '../../policy/facts.ts';
import type { ApprovalAsked } from '../../policy/facts-approval.ts';
import { isQuarantined, probationIn } from '../../policy/facts-quarantine.ts';
import { riskRecipient, riskSend } from '../../policy/facts-risk.ts';
import { type Change, type Counted, countDeparture } from '../../policy/ledger.ts';
import { ENGINE, look } from '../../policy/look.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import { withSender } from '../../policy/risk/features.ts';
import { observeAccepted, observeRefused, type RiskStep } from '../../policy/risk/observe.ts';
import { limitScope } from '../../policy/rules/limit-finding.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import { decideBeside } from '../../policy/shadow.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { RiskStanding } from '../port/quarantine.ts';
import type {
  Admission,
  AdmitAnswer,
  AdmitRequest,
  CheckAnswer,
  IdentityRow,
  LimitStanding,
  RecipientVerdict,
  StaleCanaries,
} from '../store.ts';
import { askedOfSend, bindingOf, FLAG_APPROVAL, requestApproval, sha256Of } from './approval-rows.ts';
import { Assumed } from './assumed.ts';
import { BODY_BLOB, BODY_JSON, BODY_NONE } from './bodies.ts';
import { DEFAULT_EXPIRY_MS } from './expiry.ts';
import { AT_ONCE } from './fresh-rows.ts';
import { standingLimits } from './headroom.ts';
import { reviewHealth } from './mailbox-health.ts';
import { FLAG_DEFER, FLAG_MARKETING } from './message-flags.ts';
import { enterByScore, passTime } from './quarantine.ts';
import { riskIn, riskStanding, shownSignal } from './risk-shown.ts';
import { chosenIn, onItsWay, pinTo, spendOn } from './routes.ts';
import { newNonce, publicId } from './row-id.ts';
import { countShadow, noteCompared } from './shadows.ts';
import { CREDITS, modeOf, type Space, type SpaceShadow, STORAGE, spaceOf } from './spaces.ts';
import { readAdmission, senderOf } from './stored.ts';
import { templateFacts } from './templates.ts';
import { joinThread } from './thread-rows.ts';
import { KEY_DEDUPE, KEY_IDEMPOTENCY, type UsedKey } from './used-keys.ts';
import { storedVerdict } from './verdicts.ts';
import { HOUR_MS, type WriterState } from './writer-state.ts';

export const RECIPIENT_KINDS = ['to', 'cc', 'bcc'] as const;

/** As many as a message may have. */
export const MOST_RECIPIENTS = 100;
const NO_CHANGES: readonly Change[] = [];
const DEDUPE_RETENTION_MS = 30 * 86_400_000;
const REFUSAL_FOLD_MS = 60_000;

type Decided = {
  recipient: SendRecipient;
  facts: Facts;
  verdict: Verdict;
  /** Where a departure lies ahead: its limits as they stand on the clock, the whole message counted. */
  standing: LimitStanding[] | null;
  /** What the space's draft would have decided; null where it has none. */
  shadow: Verdict | null;
};

export function admit(state: WriterState, request: AdmitRequest): AdmitAnswer | StaleCanaries {
  const space = state.spaces.get(spaceOf(request.principal.tenantNo, request.principal.mode));
  const now = space.now(state.realNow);
  passTime(state, space, now);
  reviewHealth(state, space, now);
  const used = state.keys.use(space, now, request.principal.installationId, request.idempotency);
  if (used !== null) return answerUsed(state, used, request, now, 'idempotency');
  const deduped = state.keys.find(
    space,
    now,
    KEY_DEDUPE,
    request.principal.installationId,
    request.dedupe?.key ?? null,
  );
  if (deduped !== null && request.dedupe?.block !== true && deduped.fingerprint === request.dedupe?.fingerprint) {
    return answerUsed(state, deduped, request, now, 'dedupe');
  }
  if (hasOtherCanaries(space, request)) return { outcome: 'canaries', known: space.canaries };
  const sender = resolveSender(state, space, request);
  if ('message' in sender) return { outcome: 'invalid', ...sender };
  const send = sendOf(state, space, request, sender);
  const duplicate = deduped === null ? null : duplicateFact(state, deduped);
  if (request.wholeOnly === true) {
    const unstored = askedOfSend(space, { ...request, isStored: false }, now);
    const seen = decideAll(state, space, send, request, now, duplicate, unstored, null);
    const isWhole = seen.every(({ verdict }) => verdict.verdict !== 'block');
    if (!isWhole) return { outcome: 'refused', ...seenAdmission(space, send, request, seen, now) };
  }
  const asked = askedOfSend(space, { ...request, isStored: true }, now);
  const risen: RiskStep = { elevated: false, quarantine: false };
  const decided = decideAll(state, space, send, request, now, duplicate, asked, risen);
  const accepted = decided.filter(({ verdict }) => verdict.verdict !== 'block').length;
  const scopes = send.scopes;
  const admission = (row: number, nonce: number): Admission => ({
    messageId: publicId('msg', row, nonce),
    createdAt: now,
    requestId: request.requestId,
    policyVersion: space.policy.version,
    engine: ENGINE,
    scopes,
    identityCap: decided[0]?.facts.identityCap ?? null,
    probation: probationIn(decided[0]?.facts.quarantine ?? null),
    warmup: decided[0]?.facts.warmup ?? null,
    risk: riskShown(space, decided, now),
    recipients: decided.map((one, i) =>
      recipientVerdict(one, request.recipients[i]!.email, publicId('rcp', row + i, nonce)),
    ),
  });
  if (accepted === 0) {
    const folded = foldRefusal(state, space, request, now);
    if (folded !== null) {
      noteShadow(state, space, request, decided, folded, now);
      return { outcome: 'refused', ...admission(folded.row, folded.nonce) };
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
    return { outcome: 'refused', ...admission(row, nonce) };
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
  const answer: AdmitAnswer = { outcome: 'admitted', ...admission(row, nonce) };
  if (risen.elevated || risen.quarantine) raise(state, space, decided, risen, now);
  return answer;
}

/** What a draft decides by, where that is not the ledger: its policy, and the approval that it asks for. */
function besideOf(space: Space, { policy }: SpaceShadow, { agent, expiresAt }: AdmitRequest, now: number) {
  return { policy, approval: askedOfSend(space, { agent, expiresAt, isStored: false }, now, policy) };
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
  const sender = resolveSender(state, space, request);
  if ('message' in sender) return { outcome: 'invalid', ...sender };
  const deduped = state.keys.find(
    space,
    now,
    KEY_DEDUPE,
    request.principal.installationId,
    request.dedupe?.key ?? null,
  );
  const blocks =
    deduped !== null && (request.dedupe?.block === true || deduped.fingerprint !== request.dedupe?.fingerprint);
  const send = sendOf(state, space, request, sender);
  const asked = askedOfSend(space, { ...request, isStored: false }, now);
  const known = blocks ? duplicateFact(state, deduped) : null;
  const decided = decideAll(state, space, send, request, now, known, asked, null);
  return {
    outcome: 'checked',
    ...seenAdmission(space, send, request, decided, now),
    traces: decided.map(({ recipient, facts }) => trace(send, recipient, facts, space.policy)),
  };
}

/** What was decided and not stored. */
function seenAdmission(
  space: Space,
  send: Send,
  request: AdmitRequest,
  decided: readonly Decided[],
  now: number,
): Admission {
  return {
    messageId: '',
    createdAt: now,
    requestId: request.requestId,
    policyVersion: space.policy.version,
    engine: ENGINE,
    scopes: send.scopes,
    identityCap: decided[0]?.facts.identityCap ?? null,
    probation: probationIn(decided[0]?.facts.quarantine ?? null),
    warmup: decided[0]?.facts.warmup ?? null,
    risk: riskStanding(space, now),
    recipients: decided.map((one, i) => recipientVerdict(one, request.recipients[i]!.email, null)),
  };
}

function recipientVerdict(one: Decided, email: string, id: string | null): RecipientVerdict {
  const { recipient, verdict, facts } = one;
  return { id, email, key: recipient.key, ...verdict, limits: facts.limits, standing: one.standing };
}

function idempotencyUntil(space: Space, now: number): number {
  const retention = space.policy.document.retention as { idempotency_seconds?: number };
  return now + (retention.idempotency_seconds ?? 86_400) * 1000;
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

export type Sender = { identity: IdentityRow | null; from: { email: string; name: string | null } };

export function resolveSender(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
): Sender | { param: string; message: string } {
  const named = identityNamed(request);
  if (named !== null) {
    const identity = space.identities.get(named);
    if (identity !== undefined) return { identity, from: request.from ?? senderOfIdentity(identity) };
    return {
      param: 'identity',
      message: `No identity has the handle "${named}": create it first, or leave the field out.`,
    };
  }
  if (request.from !== null) return { identity: space.senders.identityAt(request.from.email), from: request.from };
  const { installationNo } = request.principal;
  const ofInstallation = state.defaultFrom(installationNo);
  if (ofInstallation !== null) {
    return { identity: space.senders.identityAt(ofInstallation), from: { email: ofInstallation, name: null } };
  }
  const identity = onlyActive(space);
  if (identity !== null) return { identity, from: senderOfIdentity(identity) };
  return { identity, from: { email: state.defaultSender(space.tenant.id, installationNo), name: null } };
}

/** The one that was asked for; a key that is bound to a single one asks for it where it names no sender at all. */
function identityNamed({ identity, identities, from }: AdmitRequest): string | null {
  return identity ?? (from === null && identities?.length === 1 ? identities[0]! : null);
}

function senderOfIdentity({ fromEmail, fromName }: IdentityRow): Sender['from'] {
  return { email: fromEmail, name: fromName };
}

function onlyActive(space: Space): IdentityRow | null {
  let found: IdentityRow | null = null;
  for (const identity of space.identities.values()) {
    if (identity.state !== 'active' || identity === found) continue;
    if (found !== null) return null;
    found = identity;
  }
  return found;
}

export function sendOf(state: WriterState, space: Space, request: AdmitRequest, { identity, from }: Sender): Send {
  space.identity = identity;
  return {
    kind: request.kind,
    onLimit: request.onLimit,
    sendAt: request.sendAt,
    scopes: {
      tenant: request.principal.tenantId,
      app: request.principal.appId,
      installation: request.principal.installationId,
      identity: identity?.id ?? null,
      agent: space.leases.nameOf(request.agent),
    },
    contentSize: contentSize(request),
    findings: request.findings,
    leaseToken: request.leaseToken ?? null,
    template: request.template?.found?.slug ?? null,
    templateFacts: templateFacts(state, space, request.template ?? null),
    from: senderOf(from),
    ...(request.identities === undefined ? {} : { identities: request.identities }),
    ...(request.content === undefined ? {} : { content: withSender(request.content, from) }),
  };
}

export function contentSize(request: AdmitRequest): number {
  let size = request.bodyBytes;
  for (const blob of request.blobs) size += blob.size;
  return size;
}

function decideAll(
  state: WriterState,
  space: Space,
  send: Send,
  request: AdmitRequest,
  now: number,
  duplicate: Facts['duplicate'],
  approval: ApprovalAsked | null,
  /** What the send makes of the account's risk; null: it only looks, and changes nothing. */
  risen: RiskStep | null,
): Decided[] {
  const { policy } = space;
  const counted: Counted = new Map();
  const assumed = risen === null ? new Assumed() : null;
  if (assumed !== null) assumed.spread(space.sight?.spread ?? null);
  if (risen === null) space.assumeRisk();
  const beside = space.shadow === null || risen === null ? null : besideOf(space, space.shadow, request, now);
  const decided: Decided[] = [];
  let stored = false;
  for (const recipient of request.recipients) {
    // The content is stored once, whatever the number of recipients.
    const sized = stored ? { ...send, contentSize: 0 } : send;
    const isFirst = !stored;
    const looked = { view: space, policy, send: sized, recipient, now, counted, duplicate, isFirst };
    const facts = look({ ...looked, approval });
    const verdict = decide(send, recipient, facts, policy);
    const shadow = beside === null ? null : decideBeside({ ...looked, ...beside });
    decided.push({ recipient, facts, verdict, standing: null, shadow: shadow?.verdict ?? null });
    if (shadow !== null) countShadow(state, shadow, verdict, now);
    observeRisk(state, space, send, recipient, facts, verdict, isFirst, risen);
    if (verdict.verdict === 'block') continue;
    // What is held takes its places when it is released.
    const isHeld = verdict.verdict === 'hold';
    const own = adapted(policy, adaptingIn(facts));
    const { departAt } = verdict;
    const routed = facts.pool === null ? recipient : onItsWay(recipient, facts);
    const changes = isHeld ? NO_CHANGES : countDeparture(space, own, send, routed, departAt, facts.now, counted);
    if (!isHeld && facts.pool !== null) spendOn(space, chosenIn(facts));
    const size = stored ? 0 : send.contentSize;
    stored = true;
    if (assumed === null) count(state, space, own, send, recipient, facts, changes, size);
    else assume(assumed, space, facts, changes, size);
  }
  assumed?.takeBack();
  space.takeBackRisk();
  const isAhead = (send.sendAt ?? 0) > now || decided.some(({ verdict }) => verdict.verdict === 'schedule');
  if (isAhead) for (const one of decided) one.standing = standingLimits(space, send, one.recipient, one.facts, now);
  return decided;
}

/** Counts the decision in the account's risk, before the recipient counts for its contact. */
function observeRisk(
  state: WriterState,
  space: Space,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  verdict: Verdict,
  isFirst: boolean,
  risen: RiskStep | null,
): void {
  const { now, risk, simulated, quarantine } = facts;
  const isAccepted = verdict.verdict !== 'block';
  // A refusal that was asked for, or that the account's own state makes, says nothing of the account.
  if (!isAccepted && (simulated !== null || isQuarantined(quarantine))) return;
  if (isAccepted) {
    const known = riskRecipient(recipient, space.contact(recipient.key));
    const step = { send: riskSend(send, isFirst), recipient: known, facts: risk, now };
    if (risen === null) observeAccepted(space.risk, step.send, known, risk, now);
    else {
      const { elevated, quarantine: isDue } = state.risks.accepted(space.no, space.risk, step);
      risen.elevated ||= elevated;
      risen.quarantine ||= isDue && space.policy.document.quarantine.mode === 'enforce';
    }
  } else if (risen === null) observeRefused(space.risk, recipient, now);
  else state.risks.refused(space.no, space.risk, recipient, now);
}

/** The score with this message, or without it where nothing of it was accepted. */
function riskShown(space: Space, decided: readonly Decided[], now: number): RiskStanding {
  const last = decided.findLast(({ verdict }) => verdict.verdict !== 'block');
  return last === undefined ? riskStanding(space, now) : riskIn(last.facts);
}

/** The score has risen past the warning level, or to the threshold: told, and in the second case no further send goes out. */
function raise(state: WriterState, space: Space, decided: readonly Decided[], risen: RiskStep, now: number): void {
  const risk = decided.findLast(({ facts }) => facts.risk !== null)?.facts.risk;
  if (risk == null) return;
  const score = Math.floor(risk.score / 1000);
  const threshold = Math.floor(risk.threshold / 1000);
  const signals = risk.signals.filter(({ contribution }) => contribution > 0).map(shownSignal);
  if (risen.elevated) {
    const warnAt = Math.floor(risk.warnAt / 1000);
    state.emit(space, 'account.risk_elevated', now, null, {
      score,
      level: risk.level,
      warn_at: warnAt,
      threshold,
      signals,
    });
  }
  if (risen.quarantine) enterByScore(state, space, { score, threshold, signals, now });
}

/** A check counts as a send would, so that its second recipient sees the first, and takes it all back. */
function assume(assumed: Assumed, space: Space, facts: Facts, changes: readonly Change[], size: number): void {
  for (const change of changes) assumed.count(change, Math.floor(facts.now / 1000));
  if (facts.account.credits !== null) assumed.gauge(space.tenantEntry(), CREDITS, -1);
  assumed.gauge(space.tenantEntry(), STORAGE, size);
}

function count(
  state: WriterState,
  space: Space,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  changes: readonly Change[],
  size: number,
): void {
  for (const change of changes) state.ledger.apply(change, Math.floor(facts.now / 1000));
  if (facts.account.credits !== null) state.ledger.addGauge(space.tenantEntry(), CREDITS, -1);
  state.ledger.addGauge(space.tenantEntry(), STORAGE, size);
  if (changes.length === 0) return;
  const split = policy.messageLimits.length;
  for (let i = 0; i < facts.limits.length; i += 1) {
    const limit = i < split ? policy.messageLimits[i]! : policy.recipientLimits[i - split]!;
    const fact = facts.limits[i]!;
    if (fact.units > 0 && limit.window.kind !== 'rate')
      announce(state, space, limit, policy, send, recipient, facts, fact.used);
  }
}

/** Events when a limit crosses four fifths and when it is full. */
function announce(
  state: WriterState,
  space: Space,
  limit: Limit,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  before: number,
): void {
  const used = before + 1;
  const approaching = before * 5 < limit.max * 4 && used * 5 >= limit.max * 4;
  if (!approaching && used !== limit.max) return;
  const data = {
    name: limit.name,
    scope: limitScope(limit, send, recipient),
    unit: limit.unit,
    window: limit.windowName,
    limit: limit.max,
    used,
    policy_version: policy.version,
  };
  if (approaching) state.emit(space, 'limit.approaching', facts.now, null, data);
  if (used === limit.max) state.emit(space, 'limit.reached', facts.now, null, data);
}

function contentHash(request: AdmitRequest): string {
  if (request.contentHash === null) {
    const hash = createHash('sha256').update(request.bodyBlob?.sha256 ?? request.body);
    for (const recipient of request.recipients) hash.update(`\0${recipient.key}`);
    request.contentHash = hash.digest('hex');
  }
  return request.contentHash;
}

function refusalKey(request: AdmitRequest): string {
  return `${request.principal.keyNo}.${contentHash(request)}`;
}

function foldRefusal(
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

function storeMessage(
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
  if (keep) {
    // A message may hold the same octets twice.
    const used = new Set(request.blobs.map((blob) => blob.sha256));
    if (request.bodyBlob !== null) used.add(request.bodyBlob.sha256);
    for (const sha256 of used) state.useBlob(sha256, row);
  }
  const bodyForm = !keep ? BODY_NONE : request.bodyBlob !== null ? BODY_BLOB : BODY_JSON;
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
    bodyForm === BODY_JSON ? request.body : bodyForm === BODY_BLOB ? (request.bodyBlob?.sha256 ?? null) : null,
  );
}

/** Where nobody set an expiry it follows the last departure, so that no place lies beyond it. */
function lastDeparture(decided: readonly Decided[], now: number): number {
  return Math.max(now, ...decided.map(({ verdict }) => verdict.departAt));
}

/** Asks for the approval that held recipients wait for, bound to what was just stored. */
function hold(
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

const ACCEPTED = stateNumber('accepted');
const SCHEDULED = stateNumber('scheduled');
const BLOCKED = stateNumber('blocked');
const HELD = stateNumber('held');
const EVENT_ACCEPTED = eventNumber('message.accepted');
const EVENT_SCHEDULED = eventNumber('message.scheduled');
const EVENT_BLOCKED = eventNumber('message.blocked');
const EVENT_HELD = eventNumber('message.held');

function storeRecipients(
  state: WriterState,
  space: Space,
  request: AdmitRequest,
  decided: readonly Decided[],
  row: number,
  now: number,
): void {
  const hour = Math.floor(now / HOUR_MS);
  let hasRoutes = false;
  decided.forEach(({ facts, verdict, standing }, i) => {
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
  });
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
