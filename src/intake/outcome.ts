/**
 * From what the store decided to what the caller reads: the 202 body, the check's body, the problem. Every door that speaks
 * Postern's own format goes through here; nothing is decided.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type DecidedReason,
  type ExplainedWarning,
  explainReason,
  explainWarning,
  type ProblemInput,
} from '../core/explain.ts';
import { precedence, REASONS } from '../core/reasons.ts';
import type { RecipientState } from '../core/states.ts';
import { messageStatus } from '../core/states.ts';
import { formatTime } from '../core/time.ts';
import type { RiskStanding } from '../data/port/quarantine.ts';
import type { Admission, LimitStanding, LimitState, RecipientVerdict } from '../data/store.ts';
import { setHeadroom } from '../http/headroom-headers.ts';
import { limitBody } from '../http/limit-state.ts';
import { PROBLEM_TYPE, type Problems, retryAfterSeconds, type Texts } from '../http/problems.ts';
import type { Limit, Policy } from '../policy/document.ts';
import { limitState, standingAfter } from '../policy/headroom.ts';
import { adapted } from '../policy/probation.ts';
import type { DecidedWarning } from '../policy/verdict.ts';

/** The limits of the whole message after it, and those of each recipient. */
export type Headroom = { message: LimitState[]; recipients: LimitState[][] };

/**
 * The limits as answers show them. `consumed`: the numbers include this send, all of its recipients; in a check and in a
 * refusal they do not. Each limit is read from the recipient whose facts have seen the most of the send, or the least.
 */
export function headroomOf(admission: Admission, base: Policy, consumed: boolean): Headroom {
  const policy = adapted(base, admission);
  const { recipients, createdAt } = admission;
  const teller = consumed ? recipients.at(-1) : recipients[0];
  const message: LimitState[] = [];
  policy.messageLimits.forEach((limit, i) => {
    const id = scopeIdOf(limit, admission);
    const standing = standingIn(teller, limit, i, consumed, createdAt);
    if (id !== null && standing !== null) message.push(limitState(limit, { kind: limit.scope, id }, standing));
  });
  const ofDomain = recipients.length === 1 ? null : tellersByDomain(recipients, consumed);
  const own = recipients.map((one) => {
    const domain = domainOf(one);
    const states: LimitState[] = [];
    policy.recipientLimits.forEach((limit, i) => {
      const ofAddress = limit.scope === 'recipient';
      const seen = ofAddress || ofDomain === null ? one : ofDomain.get(domain);
      const standing = standingIn(seen, limit, policy.messageLimits.length + i, consumed, createdAt);
      const scope = { kind: limit.scope, id: ofAddress ? one.key : domain };
      if (standing !== null) states.push(limitState(limit, scope, standing));
    });
    return states;
  });
  return { message, recipients: own };
}

/** How the limit at a place stands by what a recipient's facts have seen; null where they have not looked. */
export function standingIn(
  one: RecipientVerdict | undefined,
  limit: Limit,
  i: number,
  consumed: boolean,
  createdAt: number,
): LimitStanding | null {
  const fact = one?.limits[i];
  if (one === undefined || fact === undefined) return null;
  const known = one.standing?.[i];
  if (known !== undefined) return known;
  // What is held takes its places when it is released.
  const units = consumed && one.verdict !== 'block' && one.verdict !== 'hold' ? fact.units : 0;
  return standingAfter(limit, fact, units, createdAt);
}

export function scopeIdOf(limit: Limit, { scopes }: Admission): string | null {
  if (limit.scope === 'tenant') return scopes.tenant;
  if (limit.scope === 'app') return scopes.app;
  if (limit.scope === 'installation') return scopes.installation;
  return limit.scope === 'identity' ? scopes.identity : scopes.agent;
}

export function domainOf(one: RecipientVerdict): string {
  return one.key.slice(one.key.lastIndexOf('@') + 1);
}

/** Of the recipients at one domain, the last one's facts have seen all the others, the first one's none of them. */
export function tellersByDomain(
  recipients: readonly RecipientVerdict[],
  consumed: boolean,
): Map<string, RecipientVerdict> {
  const tellers = new Map<string, RecipientVerdict>();
  for (const one of recipients) {
    const domain = domainOf(one);
    if (consumed || !tellers.has(domain)) tellers.set(domain, one);
  }
  return tellers;
}

export const STATE_OF: Record<RecipientVerdict['verdict'], RecipientState> = {
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
export function retryAtOf(recipients: readonly Pick<RecipientVerdict, 'verdict' | 'reasons'>[]): number | null {
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

/** The recipient whose primary reason comes first in the catalogue: the problem is its. */
export function foremost<One extends { reasons: RecipientVerdict['reasons'] }>(recipients: readonly One[]): One {
  const rank = (one: One): number => {
    const primary = one.reasons.find(({ code }) => REASONS[code].http !== null);
    return primary === undefined ? Number.POSITIVE_INFINITY : precedence(primary.code);
  };
  return [...recipients].sort((a, b) => rank(a) - rank(b))[0]!;
}

/** Warnings about the whole message, each once: those of a recipient stand with it. */
export function messageWarnings(admission: Pick<Admission, 'recipients'>, texts: Texts): ExplainedWarning[] {
  if (admission.recipients.every((one) => one.warnings.length === 0)) return [];
  const warnings = new Map<string, ExplainedWarning>();
  for (const one of admission.recipients) {
    for (const warning of one.warnings) {
      const kind = warning.scope?.kind;
      if (kind === 'recipient' || kind === 'recipient_domain') continue;
      const name = `${warning.code} ${warning.evidence['limit_name']}`;
      warnings.set(name, explainWarning(warning as DecidedWarning, texts));
    }
  }
  return [...warnings.values()];
}

/** The body of a 202. */
export function acceptedBody(admission: Admission, headroom: Headroom, texts: Texts): Record<string, unknown> {
  const retryAt = retryAtOf(admission.recipients);
  return {
    id: admission.messageId,
    status: messageStatus(admission.recipients.map((one) => STATE_OF[one.verdict])),
    created_at: formatTime(admission.createdAt),
    recipients: admission.recipients.map((one, i) => recipientBody(one, headroom.recipients[i] ?? [], texts)),
    warnings: messageWarnings(admission, texts),
    limits: headroom.message.map(limitBody),
    risk: admission.risk,
    retry_at: retryAt === null ? null : formatTime(retryAt),
    request_id: admission.requestId,
  };
}

/** What is answered to one send, as a value: a door of its own, or an element of a batch. */
export type Outcome = {
  status: number;
  body: object;
  headers: Record<string, string | number>;
  /** The limits for the headers; null where nothing was decided. */
  headroom: { limits: LimitState[]; now: number; risk: RiskStanding } | null;
};

/** The outcome of a decided send: 202, or the primary reason's problem. */
export function decidedOutcome(
  request: FastifyRequest,
  problems: Problems,
  admission: Admission,
  policy: Policy,
  replayed: boolean,
): Outcome {
  const accepted = admission.recipients.some((one) => one.verdict !== 'block');
  const headroom = headroomOf(admission, policy, accepted);
  const texts = problems.texts(request);
  const headers: Outcome['headers'] = replayed ? { 'Idempotent-Replayed': 'true' } : {};
  const shown = { limits: headroom.message, now: admission.createdAt, risk: admission.risk };
  if (accepted) return { status: 202, body: acceptedBody(admission, headroom, texts), headers, headroom: shown };
  return problemOutcome(request, problems, refused(admission, headroom, texts), {
    now: admission.createdAt,
    headroom: shown,
  });
}

/** The problem of a message all of whose recipients are refused. */
function refused(admission: Admission, headroom: Headroom, texts: Texts): Omit<ProblemInput, 'requestId'> {
  return {
    reasons: foremost(admission.recipients).reasons as readonly DecidedReason[],
    recipients: admission.recipients.map((one, i) => recipientBody(one, headroom.recipients[i] ?? [], texts)),
    limits: headroom.message.map(limitBody),
    risk: admission.risk,
    messageId: admission.messageId,
    retryAt: retryAtOf(admission.recipients),
  };
}

export function problemOutcome(
  request: FastifyRequest,
  problems: Problems,
  input: Omit<ProblemInput, 'requestId'>,
  more: { now?: number; headroom?: Outcome['headroom']; headers?: Outcome['headers'] } = {},
): Outcome {
  const body = problems.body(request, input);
  const wait = retryAfterSeconds(body, more.now ?? Date.now());
  const headers = { ...more.headers, ...(wait === null ? {} : { 'Retry-After': wait }) };
  return { status: body.status, body, headers, headroom: more.headroom ?? null };
}

export function answerWith(request: FastifyRequest, reply: FastifyReply, outcome: Outcome): FastifyReply {
  for (const name in outcome.headers) reply.header(name, outcome.headers[name]);
  if (outcome.headroom !== null) {
    request.headroomSet = true;
    const { limits, now, risk } = outcome.headroom;
    setHeadroom(reply, limits, now, risk);
  }
  const type = outcome.status < 400 ? 'application/json; charset=utf-8' : PROBLEM_TYPE;
  return reply.code(outcome.status).type(type).send(outcome.body);
}
