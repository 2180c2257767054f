/** Headroom in headers: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), `X-Quota-*`, `X-Risk-Level`. */
import type { FastifyReply } from 'fastify';
import { formatSecond } from '../core/time.ts';
import type { RiskStanding } from '../data/port/quarantine.ts';
import type { LimitState } from '../data/store.ts';
import type { RequestLimitState } from './request-rates.ts';

const REQUEST_SCOPES: ReadonlySet<string> = new Set(['tenant', 'app', 'installation', 'agent', 'identity']);
const QUOTA_SCOPES: ReadonlySet<string> = new Set(['tenant', 'app', 'installation', 'identity']);

/** Names in lower case: so they are sent, whatever case they are given in. */
export const HEADROOM_HEADERS = {
  risk: 'x-risk-level',
  policy: 'ratelimit-policy',
  state: 'ratelimit',
  quotaLimit: 'x-quota-limit',
  quotaRemaining: 'x-quota-remaining',
  quotaReset: 'x-quota-reset',
} as const;

export function setHeadroom(reply: FastifyReply, limits: readonly LimitState[], now: number, risk: RiskStanding): void {
  const policies: string[] = [];
  const states: string[] = [];
  let tightest: LimitState | null = null;
  for (const limit of limits) {
    if (!REQUEST_SCOPES.has(limit.scope.kind)) continue;
    policies.push(policyPart(limit));
    states.push(`${statePart(limit)}${limit.remaining};t=${secondsUntil(limit.resetsAt, now)}`);
    if (!isQuota(limit)) continue;
    if (tightest === null || limit.remaining * tightest.limit < tightest.remaining * limit.limit) tightest = limit;
  }
  addRequestLimits(reply.request.requestLimits, policies, states, Date.now());
  reply.header(HEADROOM_HEADERS.risk, risk.level);
  if (policies.length > 0) {
    reply.header(HEADROOM_HEADERS.policy, policies.join(', '));
    reply.header(HEADROOM_HEADERS.state, states.join(', '));
  }
  if (tightest === null) return;
  reply.header(HEADROOM_HEADERS.quotaLimit, tightest.limit);
  reply.header(HEADROOM_HEADERS.quotaRemaining, tightest.remaining);
  reply.header(HEADROOM_HEADERS.quotaReset, quotaReset(tightest.resetsAt, now));
}

/** A limit's member of `RateLimit-Policy`. */
export function policyPart({
  name,
  limit,
  windowSeconds,
}: Pick<LimitState, 'name' | 'limit' | 'windowSeconds'>): string {
  return `"${name}";q=${limit};w=${windowSeconds}`;
}

/** The beginning of its member of `RateLimit`: what remains follows, then `;t=` and `secondsUntil`. */
export function statePart({ name }: Pick<LimitState, 'name'>): string {
  return `"${name}";r=`;
}

/** Whether `X-Quota-*` may tell of it. */
export function isQuota({ rate, scope }: Pick<LimitState, 'rate' | 'scope'>): boolean {
  return !rate && QUOTA_SCOPES.has(scope.kind);
}

/** Whole seconds, rounded up: nobody who waits for it comes too early. */
export function quotaReset(resetsAt: number | null, now: number): string {
  return formatSecond(Math.ceil((resetsAt ?? now) / 1000));
}

/** Beside the limits on what is sent those on requests, under names that those have not. Their windows are of real time. */
export function addRequestLimits(
  limits: readonly RequestLimitState[] | null,
  policies: string[],
  states: string[],
  now: number,
): void {
  if (limits === null || limits.length === 0) return;
  const taken = new Set(policies.map((policy) => policy.slice(1, policy.indexOf('"', 1))));
  for (const state of limits) {
    let { name } = state;
    while (taken.has(name)) name = `requests_${name}`;
    taken.add(name);
    const named = { ...state, name };
    policies.push(policyPart(named));
    states.push(`${statePart(named)}${state.remaining};t=${secondsUntil(state.resetsAt, now)}`);
  }
}

export function secondsUntil(at: number | null, now: number): number {
  return at === null ? 0 : Math.max(0, Math.ceil((at - now) / 1000));
}
