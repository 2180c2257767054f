/** Headroom: what is left of a limit, from the ledger as it stands or from the facts of a decision. Pure. */
import type { Limit } from './document.ts';
import type { LimitFact } from './facts.ts';
import { type ScopeState, seriesIn } from './ledger.ts';
import type { Scope } from './verdict.ts';
import { emissionMicros, rateResetsAt, rateUsed, releasedAt, resetsAt, usedAt, windowSpan } from './windows.ts';

/** What is used of a limit, and when `remaining` next grows, in milliseconds; null where nothing is used. */
export type LimitStanding = { used: number; resetsAt: number | null };

/** Headroom of one limit of one scope. */
export type LimitState = {
  name: string;
  scope: Scope;
  unit: 'message' | 'recipient';
  window: string;
  limit: number;
  used: number;
  remaining: number;
  resetsAt: number | null;
  /** The window's length in seconds, for RateLimit-Policy. */
  windowSeconds: number;
  rate: boolean;
  /** What the limit is without the probation that has reduced it; absent where none has. */
  fullLimit?: number;
};

export function limitState(limit: Limit, scope: Scope, standing: LimitStanding): LimitState {
  const { window, name, unit, windowName } = limit;
  const most = window.kind === 'rate' ? limit.burst : limit.max;
  const state: LimitState = {
    name,
    scope,
    unit,
    window: windowName,
    limit: most,
    used: standing.used,
    remaining: Math.max(0, most - standing.used),
    resetsAt: standing.resetsAt,
    windowSeconds:
      window.kind === 'rate' ? Math.ceil((limit.burst * window.perSeconds) / limit.max) : windowSpan(window),
    rate: window.kind === 'rate',
  };
  if (limit.full !== undefined) state.fullLimit = limit.full;
  return state;
}

/** How a limit stands in the ledger at `now` (milliseconds); a reply at the second `since` made it forget what was before. */
export function standingOf(limit: Limit, state: ScopeState, since: number, now: number): LimitStanding {
  if (limit.window.kind === 'rate') {
    const interval = emissionMicros(limit.window.perSeconds, limit.max);
    const tat = state.tats?.get(limit.name) ?? 0;
    return { used: rateUsed(tat, interval, limit.burst, now), resetsAt: rateResetsAt(tat, interval, limit.burst, now) };
  }
  const second = Math.floor(now / 1000);
  const series = seriesIn(state, limit.unit);
  const used = usedAt(series, limit.window, second, since);
  const resets = used === 0 ? null : resetsAt(series, limit.window, second, since);
  return { used, resetsAt: resets === null ? null : resets * 1000 };
}

/** How a limit stands after a departure at `now`, from what the facts saw before and the units it took. */
export function standingAfter(limit: Limit, fact: LimitFact, counted: number, now: number): LimitStanding {
  const { window } = limit;
  const used = fact.used + counted;
  if (used === 0) return { used, resetsAt: null };
  if (window.kind === 'rate') {
    const interval = emissionMicros(window.perSeconds, limit.max);
    return { used, resetsAt: fact.resetsAt ?? Math.ceil((now * 1000 + interval) / 1000) };
  }
  return { used, resetsAt: (fact.resetsAt ?? releasedAt(window, Math.floor(now / 1000))) * 1000 };
}
