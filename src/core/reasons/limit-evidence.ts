/** What every reason that comes from a limit has in its evidence, and an example of it. */

import type { Example, Scope } from './entry.ts';

export const LIMIT_EVIDENCE = {
  limit_name: 'the name of the limit',
  unit: '`message` or `recipient`',
  window: 'its window: `rate`, `rolling_<n><s|m|h|d>`, `calendar_hour`, `calendar_day` or `calendar_month`',
  limit: 'the most units in the window',
  used: 'units counted in it now',
  requested: 'units this message would add',
  frees_at: 'when there is room for them',
  per: 'of a rate: `second` or `minute`',
  burst: 'of a rate: how many may come at once',
  full_limit: 'on probation: the limit when the probation is over',
  probation_ends_at: 'on probation: when it is over',
} as const;

export type LimitCase = { limit_name: string; unit: string; window: string; limit: number; used: number };

/** A limit that is used up and frees a place at `freesAt` (milliseconds). */
export function limitExample(scope: Scope, freesAt: number, limit: LimitCase): Example {
  return { scope, clearsAt: freesAt, evidence: { ...limit, requested: 1, frees_at: freesAt } };
}
