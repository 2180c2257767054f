/**
 * When an event is tried again, and when its endpoint pauses. Pure.
 *
 * A delivery is three attempts: at once, 5 s and 30 s after the first. A failed delivery is made again after 2 minutes, and again
 * after 10; when the third has failed the endpoint pauses. `410 Gone` (RFC 9110 §15.5.11) pauses at once. What paused for a cause
 * that may pass is probed every hour for five days.
 */
import type { PausedReason } from '../data/port/webhooks.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** After the first failed attempt, the second, and so on: the waits within and between three deliveries. */
const WAITS_MS = [5 * SECOND, 25 * SECOND, 2 * MINUTE, 5 * SECOND, 25 * SECOND, 10 * MINUTE, 5 * SECOND, 25 * SECOND];
export const MOST_ATTEMPTS = WAITS_MS.length + 1;

const PROBE_EVERY_MS = HOUR;
const PROBED_FOR_MS = 5 * 24 * HOUR;
/** So much may be added to a wait, so that what failed together does not come back together. */
const JITTER = 0.1;

/** What came of an attempt, as far as the schedule cares. `address`: the name leads to none that may be reached. */
export type Failure = 'gone' | 'status' | 'link' | 'dns' | 'address' | 'tls';

export type AfterFailure =
  | { outcome: 'again'; nextAt: number }
  | { outcome: 'pause'; reason: PausedReason; probeAt: number | null };

/**
 * @param failed attempts of this event that failed, this one included.
 * @param at when it failed, in milliseconds on the clock that the waits run on.
 * @param random01 from 0 to 1; 0: to the millisecond.
 */
export function afterFailure(failure: Failure, failed: number, at: number, random01: number): AfterFailure {
  if (failure === 'gone') return { outcome: 'pause', reason: 'gone', probeAt: null };
  const waitMs = WAITS_MS[failed - 1];
  if (waitMs !== undefined) return { outcome: 'again', nextAt: at + Math.round(waitMs * (1 + JITTER * random01)) };
  return { outcome: 'pause', reason: reasonOf(failure), probeAt: at + PROBE_EVERY_MS };
}

function reasonOf(failure: Failure): PausedReason {
  if (failure === 'tls') return 'tls';
  return failure === 'dns' || failure === 'address' ? 'dns' : 'failing';
}

/** When an endpoint whose probe failed is probed again; null: never. A probe that came late is not made up for. */
export function nextProbe(failure: Failure, pausedAt: number, at: number): number | null {
  const next = at + PROBE_EVERY_MS;
  return failure === 'gone' || next > pausedAt + PROBED_FOR_MS ? null : next;
}
