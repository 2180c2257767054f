/**
 * From what the store decided to what the caller reads: the 202 body, the check's body, the problem. Every door that speaks
 * Postern's own format goes through here; nothing is decided.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type DecidedReason, explainReason, explainWarning } from '../core/explain.ts';
import { precedence, REASONS } from '../core/reasons.ts';
import type { RecipientState } from '../core/states.ts';
import { messageStatus } from '../core/states.ts';
import { formatTime } from '../core/time.ts';
import type { Admission, LimitStanding, LimitState, RecipientVerdict, Checked as StoreChecked } from '../data/store.ts';
import { setHeadroom } from '../http/headroom-headers.ts';
import { limitBody } from '../http/limit-state.ts';
import { CALM, languageOf, type Problems } from '../http/problems.ts';
import { type Limit, type Policy, withIdentityCap } from '../policy/document.ts';
import { limitState, standingAfter } from '../policy/headroom.ts';
import type { DecidedWarning } from '../policy/verdict.ts';

export type Texts = { docsBase: string; locale: string };

/** The limits of the whole message after it, and those of each recipient. */
export type Headroom = { message: LimitState[]; recipients: LimitState[][] };

/**
 * The limits as answers show them. `consumed`: the numbers include this send, all of its recipients; in a check and in a
 * refusal they do not. Each limit is read from the recipient whose facts have seen the most of the send, or the least.
 */
export function headroomOf(admission: Admission, base: Policy, consumed: boolean): Headroom {
  const policy = withIdentityCap(base, admission.identityCap);
  const { recipients } = admission;
  const seenBy = (one: RecipientVerdict | undefined, limit: Limit, i: number): LimitStanding | null => {
    const fact = one?.limits[i];
    if (one === undefined || fact === undefined) return null;
    const known = one.standing?.[i];
    const units = consumed && one.verdict !== 'block' ? fact.units : 0;
    return known ?? standingAfter(limit, fact, units, admission.createdAt);
  };
  const teller = consumed ? recipients.at(-1) : recipients[0];
  const message = policy.messageLimits.flatMap((limit, i) => {
    const id = scopeIdOf(limit, admission);
    const standing = seenBy(teller, limit, i);
    return id === null || standing === null ? [] : [limitState(limit, { kind: limit.scope, id }, standing)];
  });
  const ofDomain = tellersByDomain(recipients, consumed);
  const own = recipients.map((one) =>
    policy.recipientLimits.flatMap((limit, i) => {
      const ofAddress = limit.scope === 'recipient';
      const domain = domainOf(one);
      const standing = seenBy(ofAddress ? one : ofDomain.get(domain), limit, policy.messageLimits.length + i);
      const scope = { kind: limit.scope, id: ofAddress ? one.key : domain };
      return standing === null ? [] : [limitState(limit, scope, standing)];
    }),
  );
  return { message, recipients: own };
}

function scopeIdOf(limit: Limit, { scopes }: Admission): string | null {
  if (limit.scope === 'tenant') return scopes.tenant;
  if (limit.scope === 'app') return scopes.app;
  if (limit.scope === 'installation') return scopes.installation;
  return limit.scope === 'identity' ? scopes.identity : scopes.agent;
}

function domainOf(one: RecipientVerdict): string {
  return one.key.slice(one.key.lastIndexOf('@') + 1);
}

/** Of the recipients at one domain, the last one's facts have seen all the others, the first one's none of them. */
function tellersByDomain(recipients: readonly RecipientVerdict[], consumed: boolean): Map<string, RecipientVerdict> {
  const tellers = new Map<string, RecipientVerdict>();
  for (const one of recipients) {
    const domain = domainOf(one);
    if (consumed || !tellers.has(domain)) tellers.set(domain, one);
  }
  return tellers;
}

const STATE_OF: Record<RecipientVerdict['verdict'], RecipientState> = {
  accept: 'accepted',
  schedule: 'scheduled',
  hold: 'held',
  block: 'blocked',
};

function recipientBody(one: RecipientVerdict, limits: readonly LimitState[], texts: Texts): Record<string, unknown> {
  return {
    id: one.id,
    email: one.email,
    status: STATE_OF[one.verdict],
    scheduled_at: one.verdict === 'schedule' ? formatTime(one.departAt) : null,
    possible_duplicate: false,
    reasons: one.reasons.map((reason) => explainReason(reason as DecidedReason, texts)),
    warnings: one.warnings.map((warning) => explainWarning(warning as DecidedWarning, texts)),
    limits: limits.map(limitBody),
  };
}

/** When waiting helps: the earliest time over the refused recipients that have one. */
export function retryAtOf(recipients: readonly RecipientVerdict[]): number | null {
  let earliest: number | null = null;
  for (const one of recipients) {
    if (one.verdict !== 'block') continue;
    const times = one.reasons.map((reason) => reason.clearsAt);
    if (times.includes(null)) continue;
    const latest = Math.max(...(times as number[]));
    if (earliest === null || latest < earliest) earliest = latest;
  }
  return earliest;
}

/** The body of a 202. */
export function acceptedBody(admission: Admission, headroom: Headroom, texts: Texts): Record<string, unknown> {
  const retryAt = retryAtOf(admission.recipients);
  const warnings = new Map<string, unknown>();
  for (const one of admission.recipients) {
    for (const warning of one.warnings) {
      const kind = warning.scope?.kind;
      if (kind === 'recipient' || kind === 'recipient_domain') continue;
      warnings.set(
        `${warning.code} ${warning.evidence['limit_name']}`,
        explainWarning(warning as DecidedWarning, texts),
      );
    }
  }
  return {
    id: admission.messageId,
    status: messageStatus(admission.recipients.map((one) => STATE_OF[one.verdict])),
    created_at: formatTime(admission.createdAt),
    recipients: admission.recipients.map((one, i) => recipientBody(one, headroom.recipients[i] ?? [], texts)),
    warnings: [...warnings.values()],
    limits: headroom.message.map(limitBody),
    risk: CALM,
    retry_at: retryAt === null ? null : formatTime(retryAt),
    request_id: admission.requestId,
  };
}

/** The body of a check: the whole verdict, with every rule's answer. */
export function checkBody(checked: StoreChecked, headroom: Headroom, texts: Texts): Record<string, unknown> {
  const verdicts = new Set(checked.recipients.map((one) => one.verdict));
  return {
    verdict: verdicts.size === 1 ? [...verdicts][0] : 'partial',
    recipients: checked.recipients.map((one, i) => ({
      email: one.email,
      verdict: one.verdict,
      scheduled_at: one.verdict === 'schedule' ? formatTime(one.departAt) : null,
      reasons: one.reasons.map((reason) => explainReason(reason as DecidedReason, texts)),
      warnings: one.warnings.map((warning) => explainWarning(warning as DecidedWarning, texts)),
      limits: (headroom.recipients[i] ?? []).map(limitBody),
      trace: checked.traces[i] ?? [],
    })),
    limits: headroom.message.map(limitBody),
    risk: CALM,
  };
}

/** The recipient whose primary reason comes first in the catalogue: the problem is its. */
function foremost(recipients: readonly RecipientVerdict[]): RecipientVerdict {
  return [...recipients].sort((a, b) => precedence(a.reasons[0]!.code) - precedence(b.reasons[0]!.code))[0]!;
}

/** The problem of a message all of whose recipients are refused. */
export function refusedBody(
  request: FastifyRequest,
  problems: Problems,
  admission: Admission,
  headroom: Headroom,
  texts: Texts,
) {
  const main = foremost(admission.recipients);
  return problems.body(request, {
    reasons: main.reasons as readonly DecidedReason[],
    recipients: admission.recipients.map((one, i) => recipientBody(one, headroom.recipients[i] ?? [], texts)),
    limits: headroom.message.map(limitBody),
    messageId: admission.messageId,
    retryAt: retryAtOf(admission.recipients),
  });
}

export function textsOf(request: FastifyRequest, problems: Problems): Texts {
  return { docsBase: problems.docsBase, locale: languageOf(request) };
}

/** Answers a decided send: 202, or the primary reason's problem. */
export function sendOutcome(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  admission: Admission,
  policy: Policy,
  replayed: boolean,
): FastifyReply {
  const accepted = admission.recipients.some((one) => one.verdict !== 'block');
  const headroom = headroomOf(admission, policy, accepted);
  request.headroomSet = true;
  setHeadroom(reply, headroom.message, admission.createdAt);
  if (replayed) reply.header('Idempotent-Replayed', 'true');
  const texts = textsOf(request, problems);
  if (accepted)
    return reply
      .code(202)
      .type('application/json; charset=utf-8')
      .send(acceptedBody(admission, headroom, texts));
  const body = refusedBody(request, problems, admission, headroom, texts);
  const main = REASONS[body.code];
  if (main.retryable && body.retry_at !== null) {
    const wait = Math.ceil((Date.parse(body.retry_at) - admission.createdAt) / 1000);
    reply.header('Retry-After', Math.max(1, wait));
  }
  return reply.code(body.status).type('application/problem+json; charset=utf-8').send(body);
}
