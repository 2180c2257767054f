/** Limits as answers show them: from the facts of a decision, or from the ledger as it stands. */
import { formatTime } from '../core/time.ts';
import type { LimitState } from '../data/store.ts';
import type { Limit, Policy } from '../policy/document.ts';
import type { LimitFact } from '../policy/facts.ts';
import { emissionMicros, releasedAt, windowSpan } from '../policy/windows.ts';

export type LimitBody = {
  name: string;
  scope: { kind: string; id: string };
  unit: string;
  window: string;
  limit: number;
  used: number;
  remaining: number;
  resets_at: string | null;
};

export function limitBody(state: LimitState): LimitBody {
  return {
    name: state.name,
    scope: state.scope,
    unit: state.unit,
    window: state.window,
    limit: state.limit,
    used: state.used,
    remaining: state.remaining,
    resets_at: state.resetsAt === null ? null : formatTime(state.resetsAt),
  };
}

/**
 * The state of a limit after a decision: `counted` units beyond what the facts saw. A window in which nothing was used
 * resets a whole window after the departure.
 */
export function limitAfter(
  limit: Limit,
  fact: LimitFact,
  counted: number,
  scope: { kind: string; id: string },
  now: number,
): LimitState {
  const { window } = limit;
  const shape = { name: limit.name, scope, unit: limit.unit, window: limit.windowName };
  if (window.kind === 'rate') {
    const used = Math.min(limit.burst, fact.used + counted);
    const interval = emissionMicros(window.perSeconds, limit.max);
    return {
      ...shape,
      limit: limit.burst,
      used,
      remaining: limit.burst - used,
      resetsAt: used === 0 ? null : (fact.resetsAt ?? now + Math.ceil(interval / 1000)),
      windowSeconds: Math.ceil((limit.burst * window.perSeconds) / limit.max),
      rate: true,
    };
  }
  const used = fact.used + counted;
  const span = windowSpan(window);
  const resets = fact.resetsAt ?? releasedAt(window, Math.floor(now / 1000));
  return {
    ...shape,
    limit: limit.max,
    used,
    remaining: Math.max(0, limit.max - used),
    resetsAt: used === 0 ? null : resets * 1000,
    windowSeconds: span,
    rate: false,
  };
}

export type { Policy };
