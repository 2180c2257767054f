/**
 * Submissions and their answers on the way between the two threads, as flat arrays (see flat.ts). Structured cloning of the nested
 * objects cost as much as deciding. A principal travels once for all that its key sends, and an answer does not repeat its request.
 * What V8 takes to copy them was measured; octets in shared memory, written and read in JavaScript, were only reckoned, and promised no less.
 */
import type { LimitFact } from '../../policy/facts.ts';
import type { ContentFeatures } from '../../policy/risk/features.ts';
import { RISK_LEVELS } from '../../policy/risk/score.ts';
import type { DecidedReason, DecidedWarning, Verdict } from '../../policy/verdict.ts';
import type {
  Admission,
  AdmitAnswer,
  AdmitRecipient,
  AdmitRequest,
  LimitStanding,
  Principal,
  RecipientVerdict,
  StaleCanaries,
} from '../store.ts';
import { type Flat, FlatReader, FlatWriter } from './flat.ts';

const VERDICTS = ['accept', 'schedule', 'hold', 'block'] as const;
const OUTCOMES = ['admitted', 'refused', 'replayed', 'key_reused', 'invalid', 'canaries'] as const;
/** Limits of a verdict that a bit each tells of. */
const MOST_BITS = 30;
/** Principals that both sides keep. */
const MOST_PRINCIPALS = 1024;

/** Principals that have been sent, each known by its place. Requests must be sent in the order in which they are flattened. */
export class SentPrincipals {
  private readonly sent: Principal[] = [];
  private readonly places = new WeakMap<Principal, number>();
  private next = 0;

  write(w: FlatWriter, principal: Principal): void {
    const known = this.places.get(principal);
    const isKnown = known !== undefined && this.sent[known] === principal;
    const place = isKnown ? known : this.take(principal);
    w.flag(!isKnown);
    w.flat.push(place);
    if (isKnown) return;
    const { tenantNo, tenantId, mode, installationNo, installationId, appId, keyNo } = principal;
    w.flat.push(tenantNo, tenantId, mode, installationNo, installationId, appId, keyNo);
  }

  private take(principal: Principal): number {
    const place = this.next;
    this.next = (place + 1) % MOST_PRINCIPALS;
    this.sent[place] = principal;
    this.places.set(principal, place);
    return place;
  }
}

/** What `SentPrincipals` has sent. */
export class ReceivedPrincipals {
  private readonly received: Principal[] = [];

  read(r: FlatReader): Principal {
    const isNew = r.flag();
    const place = r.number();
    if (isNew) {
      this.received[place] = {
        tenantNo: r.number(),
        tenantId: r.text(),
        mode: r.text() as Principal['mode'],
        installationNo: r.number(),
        installationId: r.text(),
        appId: r.text(),
        keyNo: r.number(),
      };
    }
    return this.received[place]!;
  }
}

export function flattenRequest(request: AdmitRequest, principals: SentPrincipals): Flat {
  const { from, recipients, bodyBlob, blobs, idempotency, dedupe, template, findings, identities, content } = request;
  const w = new FlatWriter();
  w.open();
  principals.write(w, request.principal);
  w.flat.push(request.requestId, request.subject, request.body, request.bodyBytes);
  w.flag(request.kind === 'marketing');
  w.flag(request.onLimit === 'defer');
  w.flag(request.wholeOnly === true);
  w.optional(request.sendAt);
  w.optional(request.expiresAt);
  w.optional(request.agent);
  w.optional(request.identity);
  w.optional(from?.email);
  w.optional(from?.name);
  w.optional(request.meta);
  w.optional(bodyBlob?.sha256);
  w.optional(idempotency?.key);
  w.optional(idempotency?.fingerprint);
  w.optional(dedupe?.key);
  w.optional(dedupe?.fingerprint);
  w.flag(dedupe?.block === true);
  w.optional(request.contentHash);
  w.optional(request.leaseToken);
  w.optional(template == null ? null : JSON.stringify(template));
  w.optional(findings == null ? null : JSON.stringify(findings));
  w.optional(request.canaries);
  w.optional(identities === undefined ? null : JSON.stringify(identities));
  w.flag(content !== undefined);
  w.unlessKnown(recipients.length, 1);
  w.unlessKnown(blobs.length, 0);
  for (const blob of blobs) w.flat.push(blob.sha256, blob.size);
  for (const recipient of recipients) flattenRecipient(w, recipient);
  if (content !== undefined) flattenFeatures(w, content);
  return w.flat;
}

export function readRequest(flat: Flat, principals: ReceivedPrincipals): AdmitRequest {
  const r = new FlatReader(flat);
  r.open();
  const principal = principals.read(r);
  const requestId = r.text();
  const subject = r.text();
  const body = r.text();
  const bodyBytes = r.number();
  const kind = r.flag() ? 'marketing' : 'transactional';
  const onLimit = r.flag() ? 'defer' : 'reject';
  const wholeOnly = r.flag();
  const sendAt = r.optionalNumber();
  const expiresAt = r.optionalNumber();
  const agent = r.optionalText();
  const identity = r.optionalText();
  const email = r.optionalText();
  const name = r.optionalText();
  const meta = r.optionalText();
  const bodyBlob = r.optionalText();
  const key = r.optionalText();
  const keyPrint = r.optionalText();
  const dedupe = r.optionalText();
  const dedupePrint = r.optionalText();
  const block = r.flag();
  const contentHash = r.optionalText();
  const leaseToken = r.optionalText();
  const template = r.optionalText();
  const findings = r.optionalText();
  const canaries = r.optionalText();
  const identities = r.optionalText();
  const hasFeatures = r.flag();
  const recipientCount = r.numberUnless(1);
  const blobCount = r.numberUnless(0);
  const blobs: AdmitRequest['blobs'] = [];
  for (let n = blobCount; n > 0; n -= 1) blobs.push({ sha256: r.text(), size: r.number() });
  const recipients: AdmitRecipient[] = [];
  for (let n = recipientCount; n > 0; n -= 1) recipients.push(readRecipient(r));
  return {
    principal,
    requestId,
    kind,
    onLimit,
    sendAt,
    expiresAt,
    agent,
    identity,
    from: email === null ? null : { email, name },
    subject,
    meta,
    recipients,
    body,
    bodyBytes,
    bodyBlob: bodyBlob === null ? null : { sha256: bodyBlob, size: bodyBytes },
    blobs,
    idempotency: key === null ? null : { key, fingerprint: keyPrint ?? '' },
    dedupe: dedupe === null ? null : { key: dedupe, fingerprint: dedupePrint ?? '', block },
    contentHash,
    leaseToken,
    template: template === null ? null : (JSON.parse(template) as AdmitRequest['template']),
    content: hasFeatures ? readFeatures(r) : undefined,
    findings: findings === null ? null : (JSON.parse(findings) as AdmitRequest['findings']),
    canaries,
    identities: identities === null ? undefined : (JSON.parse(identities) as string[]),
    wholeOnly: wholeOnly ? true : undefined,
  };
}

/** Most addresses are their own key, and tell nothing else. */
function flattenRecipient(w: FlatWriter, one: AdmitRecipient): void {
  const { kind, email, name, key, domain, undeliverable, simulated, traits } = one;
  w.open();
  w.flat.push(email, domain);
  w.flag(kind === 'cc');
  w.flag(kind === 'bcc');
  w.optional(name);
  w.unlessKnown(key, email);
  w.optional(undeliverable);
  w.optional(simulated);
  w.flag(traits != null);
  if (traits == null) return;
  w.flag(traits.isDisposable);
  w.optional(traits.role);
  w.optional(traits.suggestion);
}

function readRecipient(r: FlatReader): AdmitRecipient {
  r.open();
  const email = r.text();
  const domain = r.text();
  const isCc = r.flag();
  const isBcc = r.flag();
  return {
    kind: isBcc ? 'bcc' : isCc ? 'cc' : 'to',
    email,
    name: r.optionalText(),
    key: r.textUnless(email),
    domain,
    undeliverable: r.optionalText(),
    simulated: r.optionalText(),
    traits: r.flag() ? readTraits(r) : null,
  };
}

function readTraits(r: FlatReader): NonNullable<AdmitRecipient['traits']> {
  const isDisposable = r.flag();
  return { role: r.optionalText(), isDisposable, suggestion: r.optionalText() };
}

/** Most features of most texts are 0. */
function flattenFeatures(w: FlatWriter, content: ContentFeatures): void {
  w.open();
  w.flat.push(content.signature, content.words);
  w.unlessKnown(content.numbers, 0);
  w.unlessKnown(content.gibberish, 0);
  w.unlessKnown(content.phrases, 0);
  w.unlessKnown(content.links, 0);
  w.unlessKnown(content.deceptive, 0);
  w.unlessKnown(content.sender, 0);
  w.unlessKnown(content.attached, 0);
  w.flag(content.mismatch);
  w.flag(content.isReply);
  w.unlessKnown(content.hosts.length, 0);
  for (const host of content.hosts) w.flat.push(host);
}

function readFeatures(r: FlatReader): ContentFeatures {
  r.open();
  const signature = r.text();
  const words = r.number();
  const numbers = r.numberUnless(0);
  const gibberish = r.numberUnless(0);
  const phrases = r.numberUnless(0);
  const links = r.numberUnless(0);
  const deceptive = r.numberUnless(0);
  const sender = r.numberUnless(0);
  const attached = r.numberUnless(0);
  const mismatch = r.flag();
  const isReply = r.flag();
  const hosts: number[] = [];
  for (let n = r.numberUnless(0); n > 0; n -= 1) hosts.push(r.number());
  return {
    signature,
    words,
    numbers,
    gibberish,
    phrases,
    links,
    deceptive,
    sender,
    mismatch,
    isReply,
    attached,
    hosts,
  };
}

/** `request`: what it answers; the reader has it too. */
export function flattenAnswer(answer: AdmitAnswer | StaleCanaries, request: AdmitRequest): Flat {
  const outcome = OUTCOMES.indexOf(answer.outcome);
  if (answer.outcome === 'invalid') return [outcome, answer.param, answer.message];
  if (answer.outcome === 'canaries') return [outcome, JSON.stringify(answer.known)];
  if (answer.outcome === 'key_reused') return [outcome, answer.firstUsedAt, answer.until, answer.messageId];
  const { scopes, warmup, probation, risk, recipients } = answer;
  const { principal } = request;
  const w = new FlatWriter();
  w.flat.push(outcome);
  w.open();
  w.flat.push(answer.messageId, answer.createdAt, answer.policyVersion, answer.engine);
  w.flat.push(risk.score, RISK_LEVELS.indexOf(risk.level), risk.threshold);
  w.flag(answer.outcome === 'replayed' && answer.by === 'dedupe');
  w.unlessKnown(answer.requestId, request.requestId);
  w.unlessKnown(scopes.tenant, principal.tenantId);
  w.unlessKnown(scopes.app, principal.appId);
  w.unlessKnown(scopes.installation, principal.installationId);
  w.optional(scopes.identity);
  w.optional(scopes.agent);
  w.optional(answer.identityCap);
  w.flag(warmup !== null);
  if (warmup !== null) w.flat.push(warmup.day, warmup.places);
  w.flag(probation !== null);
  if (probation !== null) w.flat.push(probation.since, probation.until, probation.share, probation.baseline);
  w.unlessKnown(recipients.length, 1);
  for (let i = 0; i < recipients.length; i += 1) {
    flattenVerdict(w, recipients[i]!, request.recipients[i], answer.createdAt);
  }
  return w.flat;
}

export function readAnswer(flat: Flat, request: AdmitRequest): AdmitAnswer | StaleCanaries {
  const r = new FlatReader(flat);
  const outcome = OUTCOMES[r.number()]!;
  if (outcome === 'invalid') return { outcome, param: r.text(), message: r.text() };
  if (outcome === 'canaries') return { outcome, known: JSON.parse(r.text()) as StaleCanaries['known'] };
  if (outcome === 'key_reused') return { outcome, firstUsedAt: r.number(), until: r.number(), messageId: r.text() };
  const { principal } = request;
  r.open();
  const messageId = r.text();
  const createdAt = r.number();
  const policyVersion = r.number();
  const engine = r.number();
  const risk = { score: r.number(), level: RISK_LEVELS[r.number()]!, threshold: r.number() };
  const by = r.flag() ? 'dedupe' : 'idempotency';
  const requestId = r.textUnless(request.requestId);
  const scopes = {
    tenant: r.textUnless(principal.tenantId),
    app: r.textUnless(principal.appId),
    installation: r.textUnless(principal.installationId),
    identity: r.optionalText(),
    agent: r.optionalText(),
  };
  const identityCap = r.optionalNumber();
  const warmup = r.flag() ? { day: r.number(), places: r.number() } : null;
  const probation = r.flag() ? readProbation(r) : null;
  const recipients: RecipientVerdict[] = [];
  const count = r.numberUnless(1);
  for (let i = 0; i < count; i += 1) recipients.push(readVerdict(r, request.recipients[i], createdAt));
  const admission = {
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
  return outcome === 'replayed' ? { outcome, by, ...admission } : { outcome, ...admission };
}

function readProbation(r: FlatReader): NonNullable<Admission['probation']> {
  const since = r.number();
  return { state: 'probation', since, until: r.number(), share: r.number(), baseline: r.numberOrNull() };
}

/** `asked`: the recipient that stands in its place in the request; none where another request is answered again. */
function flattenVerdict(
  w: FlatWriter,
  one: RecipientVerdict,
  asked: AdmitRecipient | undefined,
  createdAt: number,
): void {
  const { reasons, warnings, limits, standing } = one;
  w.open();
  w.flat.push(VERDICTS.indexOf(one.verdict));
  w.optional(one.id);
  w.unlessKnown(one.email, asked?.email ?? '');
  w.unlessKnown(one.key, asked?.key ?? '');
  w.unlessKnown(one.departAt, createdAt);
  w.optional(reasons.length === 0 ? null : JSON.stringify(reasons));
  w.optional(warnings.length === 0 ? null : JSON.stringify(warnings));
  w.flag(standing !== null);
  flattenLimits(w.flat, limits);
  if (standing === null) return;
  w.flat.push(standing.length);
  for (const { used, resetsAt } of standing) w.flat.push(used, resetsAt);
}

function readVerdict(r: FlatReader, asked: AdmitRecipient | undefined, createdAt: number): RecipientVerdict {
  r.open();
  const verdict: Verdict['verdict'] = VERDICTS[r.number()]!;
  const id = r.optionalText();
  const email = r.textUnless(asked?.email ?? '');
  const key = r.textUnless(asked?.key ?? '');
  const departAt = r.numberUnless(createdAt);
  const reasons = r.optionalText();
  const warnings = r.optionalText();
  const hasStanding = r.flag();
  return {
    id,
    email,
    key,
    verdict,
    departAt,
    reasons: reasons === null ? [] : (JSON.parse(reasons) as DecidedReason[]),
    warnings: warnings === null ? [] : (JSON.parse(warnings) as DecidedWarning[]),
    limits: readLimits(r),
    standing: hasStanding ? readStanding(r) : null,
  };
}

/** Most take one unit and have room now: a bit says so. */
function flattenLimits(flat: Flat, limits: readonly LimitFact[]): void {
  flat.push(limits.length);
  const bitsAt = flat.push(0) - 1;
  let bits = 0;
  for (let i = 0; i < limits.length; i += 1) {
    const { used, resetsAt, freeAt, units } = limits[i]!;
    flat.push(used, resetsAt);
    if (i < MOST_BITS && units === 1 && freeAt === 0) bits |= 1 << i;
    else flat.push(freeAt, units);
  }
  flat[bitsAt] = bits;
}

function readLimits(r: FlatReader): LimitFact[] {
  const limits: LimitFact[] = [];
  const count = r.number();
  const bits = r.number();
  for (let i = 0; i < count; i += 1) {
    const used = r.number();
    const resetsAt = r.numberOrNull();
    if (i < MOST_BITS && (bits & (1 << i)) !== 0) limits.push({ used, resetsAt, freeAt: 0, units: 1 });
    else limits.push({ used, resetsAt, freeAt: r.numberOrNull(), units: r.number() });
  }
  return limits;
}

function readStanding(r: FlatReader): LimitStanding[] {
  const standing: LimitStanding[] = [];
  for (let n = r.number(); n > 0; n -= 1) standing.push({ used: r.number(), resetsAt: r.numberOrNull() });
  return standing;
}
