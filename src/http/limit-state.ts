/** Limits as answers show them. */
import { formatTime } from '../core/time.ts';
import type { LimitState } from '../policy/headroom.ts';
import type { RequestLimitState } from './request-rates.ts';

export type LimitBody = {
  name: string;
  scope: { kind: string; id: string };
  unit: string;
  window: string;
  limit: number;
  used: number;
  remaining: number;
  resets_at: string | null;
  /** On probation alone. */
  full_limit?: number;
};

export function limitBody(state: LimitState | (RequestLimitState & { fullLimit?: undefined })): LimitBody {
  return {
    name: state.name,
    scope: state.scope,
    unit: state.unit,
    window: state.window,
    limit: state.limit,
    used: state.used,
    remaining: state.remaining,
    resets_at: state.resetsAt === null ? null : formatTime(state.resetsAt),
    ...(state.fullLimit === undefined ? {} : { full_limit: state.fullLimit }),
  };
}
