/**
 * Submissions and their answers on the way between the two threads, as flat arrays of strings and numbers. Structured
 * cloning of the nested objects cost as much as deciding; flat arrays cost a fifth of it.
 */
import type { Mode } from '../../core/message.ts';
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
  RecipientVerdict,
  StaleCanaries,
} from '../store.ts';

export type Flat = (string | number | null)[];

const KINDS = ['to', 'cc', 'bcc'] as const;
const VERDICTS = ['accept', 'schedule', 'hold', 'block'] as const;
const OUTCOMES = ['admitted', 'refused', 'replayed', 'key_reused', 'invalid', 'canaries'] as const;

class Cursor {
  private at = 0;
  private readonly flat: Flat;

  constructor(flat: Flat) {
    this.flat = flat;
  }

  text(): string {
    return this.flat[this.at++] as string;
  }

  textOrNull(): string | null {
    return this.flat[this.at++] as string | null;
  }

  number(): number {
    return this.flat[this.at++] as number;
  }

  numberOrNull(): number | null {
    return this.flat[this.at++] as number | null;
  }
}

export function flattenRequest(request: AdmitRequest): Flat {
  const { principal, idempotency, dedupe, from, recipients, blobs, bodyBlob } = request;
  const flat: Flat = [
    principal.tenantNo,
    principal.tenantId,
    principal.mode,
    principal.installationNo,
    principal.installationId,
    principal.appId,
    principal.keyNo,
    request.requestId,
    request.kind,
    request.onLimit,
    request.sendAt,
    request.expiresAt,
    request.agent,
    request.identity,
    from?.email ?? null,
    from?.name ?? null,
    request.subject,
    request.meta,
    request.body,
    request.bodyBytes,
    bodyBlob?.sha256 ?? null,
    idempotency?.key ?? null,
    idempotency?.fingerprint ?? null,
    dedupe?.key ?? null,
    dedupe?.fingerprint ?? null,
    dedupe?.block ? 1 : 0,
    request.contentHash,
    recipients.length,
  ];
  for (const one of recipients) {
    flat.push(KINDS.indexOf(one.kind), one.email, one.name, one.key, one.domain, one.undeliverable, one.simulated);
  }
  flat.push(blobs.length);
  for (const blob of blobs) flat.push(blob.sha256, blob.size);
  flattenTraits(recipients, flat);
  flat.push(request.leaseToken ?? null);
  flat.push(request.template == null ? null : JSON.stringify(request.template));
  flattenFeatures(request.content, flat);
  flat.push(request.findings == null ? null : JSON.stringify(request.findings), request.canaries ?? null);
  flat.push(request.identities === undefined ? null : JSON.stringify(request.identities));
  flat.push(request.wholeOnly === true ? 1 : 0);
  return flat;
}

function readFindings(c: Cursor): AdmitRequest['findings'] {
  const text = c.textOrNull();
  return text === null ? null : (JSON.parse(text) as AdmitRequest['findings']);
}

/** Most addresses tell nothing: those that do are named by their place. */
function flattenTraits(recipients: readonly AdmitRecipient[], flat: Flat): void {
  const count = flat.length;
  flat.push(0);
  recipients.forEach(({ traits }, i) => {
    if (traits === undefined || traits === null) return;
    flat[count] = (flat[count] as number) + 1;
    flat.push(i, traits.role, traits.isDisposable ? 1 : 0, traits.suggestion);
  });
}

function readTraits(c: Cursor, recipients: readonly AdmitRecipient[]): void {
  for (let n = c.number(); n > 0; n -= 1) {
    recipients[c.number()]!.traits = {
      role: c.textOrNull(),
      isDisposable: c.number() === 1,
      suggestion: c.textOrNull(),
    };
  }
}

function readTemplate(c: Cursor): AdmitRequest['template'] {
  const template = c.textOrNull();
  return template === null ? null : (JSON.parse(template) as AdmitRequest['template']);
}

export function readRequest(flat: Flat): AdmitRequest {
  const c = new Cursor(flat);
  const principal = {
    tenantNo: c.number(),
    tenantId: c.text(),
    mode: c.text() as Mode,
    installationNo: c.number(),
    installationId: c.text(),
    appId: c.text(),
    keyNo: c.number(),
  };
  const head = {
    requestId: c.text(),
    kind: c.text() as AdmitRequest['kind'],
    onLimit: c.text() as AdmitRequest['onLimit'],
    sendAt: c.numberOrNull(),
    expiresAt: c.numberOrNull(),
    agent: c.textOrNull(),
    identity: c.textOrNull(),
  };
  const fromEmail = c.textOrNull();
  const fromName = c.textOrNull();
  const subject = c.text();
  const meta = c.textOrNull();
  const body = c.text();
  const bodyBytes = c.number();
  const bodyBlob = c.textOrNull();
  const key = c.textOrNull();
  const keyPrint = c.textOrNull();
  const dedupe = c.textOrNull();
  const dedupePrint = c.textOrNull();
  const block = c.number() === 1;
  const contentHash = c.textOrNull();
  const recipients: AdmitRecipient[] = [];
  for (let n = c.number(); n > 0; n -= 1) {
    recipients.push({
      kind: KINDS[c.number()]!,
      email: c.text(),
      name: c.textOrNull(),
      key: c.text(),
      domain: c.text(),
      undeliverable: c.textOrNull(),
      simulated: c.textOrNull(),
      traits: null,
    });
  }
  const blobs: AdmitRequest['blobs'] = [];
  for (let n = c.number(); n > 0; n -= 1) blobs.push({ sha256: c.text(), size: c.number() });
  readTraits(c, recipients);
  return {
    principal,
    ...head,
    from: fromEmail === null ? null : { email: fromEmail, name: fromName },
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
    leaseToken: c.textOrNull(),
    template: readTemplate(c),
    ...readFeatures(c),
    findings: readFindings(c),
    canaries: c.textOrNull(),
    ...readIdentities(c),
    ...(c.number() === 1 ? { wholeOnly: true } : {}),
  };
}

function readIdentities(c: Cursor): Pick<AdmitRequest, 'identities'> {
  const text = c.textOrNull();
  return text === null ? {} : { identities: JSON.parse(text) as string[] };
}

function flattenFeatures(content: ContentFeatures | undefined, flat: Flat): void {
  if (content === undefined) {
    flat.push(null);
    return;
  }
  const flags = (content.mismatch ? 1 : 0) | (content.isReply ? 2 : 0);
  flat.push(content.signature, content.words, content.numbers, content.gibberish, content.phrases, content.links);
  flat.push(content.deceptive, content.sender, flags, content.attached, content.hosts.length, ...content.hosts);
}

function readFeatures(c: Cursor): { content?: ContentFeatures } {
  const signature = c.textOrNull();
  if (signature === null) return {};
  const wording = { words: c.number(), numbers: c.number(), gibberish: c.number(), phrases: c.number() };
  const leading = { links: c.number(), deceptive: c.number(), sender: c.number() };
  const flags = c.number();
  const attached = c.number();
  const hosts: number[] = [];
  for (let n = c.number(); n > 0; n -= 1) hosts.push(c.number());
  const marks = { mismatch: (flags & 1) !== 0, isReply: (flags & 2) !== 0 };
  return { content: { signature, ...wording, ...leading, ...marks, attached, hosts } };
}

export function flattenAnswer(answer: AdmitAnswer | StaleCanaries): Flat {
  const outcome = OUTCOMES.indexOf(answer.outcome);
  if (answer.outcome === 'invalid') return [outcome, answer.param, answer.message];
  if (answer.outcome === 'canaries') return [outcome, JSON.stringify(answer.known)];
  if (answer.outcome === 'key_reused') return [outcome, answer.firstUsedAt, answer.until, answer.messageId];
  const { scopes } = answer;
  const flat: Flat = [
    outcome,
    answer.outcome === 'replayed' ? answer.by : null,
    answer.messageId,
    answer.createdAt,
    answer.requestId,
    answer.policyVersion,
    answer.engine,
    scopes.tenant,
    scopes.app,
    scopes.installation,
    scopes.identity,
    scopes.agent,
    answer.identityCap,
    answer.warmup?.day ?? null,
    answer.warmup?.places ?? null,
    answer.recipients.length,
  ];
  for (const one of answer.recipients) flattenVerdict(one, flat);
  const { probation } = answer;
  flat.push(probation?.until ?? null);
  if (probation !== null) flat.push(probation.since, probation.share, probation.baseline);
  flat.push(answer.risk.score, RISK_LEVELS.indexOf(answer.risk.level), answer.risk.threshold);
  return flat;
}

function flattenVerdict(one: RecipientVerdict, flat: Flat): void {
  const { reasons, warnings, limits, standing } = one;
  flat.push(
    one.id,
    one.email,
    one.key,
    VERDICTS.indexOf(one.verdict),
    one.departAt,
    reasons.length === 0 ? null : JSON.stringify(reasons),
    warnings.length === 0 ? null : JSON.stringify(warnings),
    limits.length,
  );
  for (const { used, resetsAt, freeAt, units } of limits) flat.push(used, resetsAt, freeAt, units);
  flat.push(standing?.length ?? null);
  for (const { used, resetsAt } of standing ?? []) flat.push(used, resetsAt);
}

export function readAnswer(flat: Flat): AdmitAnswer | StaleCanaries {
  const c = new Cursor(flat);
  const outcome = OUTCOMES[c.number()]!;
  if (outcome === 'invalid') return { outcome, param: c.text(), message: c.text() };
  if (outcome === 'canaries') return { outcome, known: JSON.parse(c.text()) as StaleCanaries['known'] };
  if (outcome === 'key_reused') return { outcome, firstUsedAt: c.number(), until: c.number(), messageId: c.text() };
  const by = c.textOrNull();
  const admission: Admission = {
    messageId: c.text(),
    createdAt: c.number(),
    requestId: c.text(),
    policyVersion: c.number(),
    engine: c.number(),
    scopes: {
      tenant: c.text(),
      app: c.text(),
      installation: c.text(),
      identity: c.textOrNull(),
      agent: c.textOrNull(),
    },
    identityCap: c.numberOrNull(),
    probation: null,
    warmup: readWarmup(c),
    risk: { score: 0, level: 'normal', threshold: 0 },
    recipients: [],
  };
  for (let n = c.number(); n > 0; n -= 1) admission.recipients.push(readVerdict(c));
  const until = c.numberOrNull();
  if (until !== null) {
    const since = c.number();
    admission.probation = { state: 'probation', since, until, share: c.number(), baseline: c.numberOrNull() };
  }
  admission.risk = { score: c.number(), level: RISK_LEVELS[c.number()]!, threshold: c.number() };
  if (outcome === 'replayed') return { outcome, by: by as 'idempotency' | 'dedupe', ...admission };
  return { outcome, ...admission };
}

function readWarmup(c: Cursor): Admission['warmup'] {
  const day = c.numberOrNull();
  const places = c.numberOrNull();
  return day === null || places === null ? null : { day, places };
}

function readVerdict(c: Cursor): RecipientVerdict {
  const id = c.textOrNull();
  const email = c.text();
  const key = c.text();
  const verdict: Verdict['verdict'] = VERDICTS[c.number()]!;
  const departAt = c.number();
  const reasons = c.textOrNull();
  const warnings = c.textOrNull();
  const limits: LimitFact[] = [];
  for (let n = c.number(); n > 0; n -= 1) {
    limits.push({ used: c.number(), resetsAt: c.numberOrNull(), freeAt: c.numberOrNull(), units: c.number() });
  }
  return {
    id,
    email,
    key,
    verdict,
    departAt,
    reasons: reasons === null ? [] : (JSON.parse(reasons) as DecidedReason[]),
    warnings: warnings === null ? [] : (JSON.parse(warnings) as DecidedWarning[]),
    limits,
    standing: readStanding(c),
  };
}

function readStanding(c: Cursor): LimitStanding[] | null {
  const count = c.numberOrNull();
  if (count === null) return null;
  const standing: LimitStanding[] = [];
  for (let n = count; n > 0; n -= 1) standing.push({ used: c.number(), resetsAt: c.numberOrNull() });
  return standing;
}
