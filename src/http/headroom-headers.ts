/** Headroom in headers: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), `X-Quota-*`, `X-Risk-Level`. */
import type { FastifyReply } from 'fastify';
import { formatTime } from '../core/time.ts';
import type { RiskStanding } from '../data/port/quarantine.ts';
import type { LimitState } from '../data/store.ts';
import type { RequestLimitState } from './request-rates.ts';

const REQUEST_SCOPES: ReadonlySet<string> = new Set(['tenant', 'app', 'installation', 'agent', 'identity']);
const QUOTA_SCOPES: ReadonlySet<string> = new Set(['tenant', 'app', 'installation', 'identity']);

export function setHeadroom(reply: FastifyReply, limits: readonly LimitState[], now: number, risk: RiskStanding): void {
  const policies: string[] = [];
  const states: string[] = [];
  let tightest: LimitState | null = null;
  for (const limit of limits) {
    if (!REQUEST_SCOPES.has(limit.scope.kind)) continue;
    policies.push(`"${limit.name}";q=${limit.limit};w=${limit.windowSeconds}`);
    states.push(`"${limit.name}";r=${limit.remaining};t=${secondsUntil(limit.resetsAt, now)}`);
    if (limit.rate || !QUOTA_SCOPES.has(limit.scope.kind)) continue;
    if (tightest === null || limit.remaining * tightest.limit < tightest.remaining * limit.limit) tightest = limit;
  }
  addRequestLimits(reply.request.requestLimits, policies, states, Date.now());
  reply.header('X-Risk-Level', risk.level);
  if (policies.length > 0) {
    reply.header('RateLimit-Policy', policies.join(', '));
    reply.header('RateLimit', states.join(', '));
  }
  if (tightest === null) return;
  reply.header('X-Quota-Limit', tightest.limit);
  reply.header('X-Quota-Remaining', tightest.remaining);
  // Whole seconds, rounded up: nobody who waits for it comes too early.
  const reset = tightest.resetsAt === null ? now : tightest.resetsAt;
  reply.header('X-Quota-Reset', formatTime(Math.ceil(reset / 1000) * 1000).replace('.000Z', 'Z'));
}

/** Beside the limits on what is sent those on requests, under names that those have not. Their windows are of real time. */
function addRequestLimits(
  limits: readonly RequestLimitState[] | null,
  policies: string[],
  states: string[],
  now: number,
): void {
  if (limits === null || limits.length === 0) return;
  const taken = new Set(policies.map((policy) => policy.slice(1, policy.indexOf('"', 1))));
  for (const { name: given, limit, remaining, windowSeconds, resetsAt } of limits) {
    let name = given;
    while (taken.has(name)) name = `requests_${name}`;
    taken.add(name);
    policies.push(`"${name}";q=${limit};w=${windowSeconds}`);
    states.push(`"${name}";r=${remaining};t=${secondsUntil(resetsAt, now)}`);
  }
}

function secondsUntil(at: number | null, now: number): number {
  return at === null ? 0 : Math.max(0, Math.ceil((at - now) / 1000));
}
