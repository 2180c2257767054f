/** What is left of the account's budgets in Molted's shape, with what it lacks: when they reset. */
import { formatTime } from '../../../core/time.ts';
import type { Headroom, LimitState } from '../../../data/store.ts';

type Period = 'hourly' | 'daily' | 'monthly';

const DAY_SECONDS = 86_400;

function periodOf({ windowSeconds }: LimitState): Period {
  if (windowSeconds <= 3600) return 'hourly';
  return windowSeconds <= DAY_SECONDS ? 'daily' : 'monthly';
}

/** The tightest limit of the whole account in each period; null: there is none. All of them stand in `limits`. */
export function budgetBody(tenantId: string, { limits, signs, now }: Headroom): Record<string, unknown> {
  const found: Record<Period, object | null> = { hourly: null, daily: null, monthly: null };
  const least: Partial<Record<Period, number>> = {};
  for (const limit of limits) {
    if (limit.rate || limit.scope.kind !== 'tenant') continue;
    const period = periodOf(limit);
    const known = least[period];
    if (known !== undefined && known <= limit.remaining) continue;
    least[period] = limit.remaining;
    found[period] = lineOf(limit);
  }
  const all = limits.map((limit) => ({ name: limit.name, scope: limit.scope.kind, ...lineOf(limit) }));
  const { used: count, max: budget } = signs;
  const negativeSignals = { count, budget, remaining: Math.max(0, budget - count), resetsAt: timeOf(signs.resetsAt) };
  return { tenantId, ...found, negativeSignals, limits: all, timestamp: formatTime(now) };
}

function lineOf({ used, limit, remaining, resetsAt }: LimitState): object {
  return { used, limit, remaining, resetsAt: timeOf(resetsAt) };
}

const timeOf = (ms: number | null): string | null => (ms === null ? null : formatTime(ms));
