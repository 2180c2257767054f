/** When a deferred recipient is tried again: exponential, with jitter, by the pace that the reason asks for. */
import type { RetryPace } from './bounce.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

type Pace = { firstMs: number; factor: number; maxMs: number };

/**
 * `normal`: a throttle too opens within seconds or minutes, and shapes and breakers slow down what goes there meanwhile.
 * `greylist`: most greylists open after one to five minutes, and forget after some hours. `slow`: a full mailbox or a
 * reputation does not change within minutes, and trying at a normal pace is what made it worse.
 */
const PACES: Record<Exclude<RetryPace, 'none'>, Pace> = {
  normal: { firstMs: 60 * SECOND, factor: 3, maxMs: 120 * MINUTE },
  greylist: { firstMs: 5 * MINUTE, factor: 1.5, maxMs: 60 * MINUTE },
  slow: { firstMs: 30 * MINUTE, factor: 2, maxMs: 480 * MINUTE },
};

/** Half of the wait is fixed, the other half is chance, so that what failed together does not come back together. */
const JITTER = 0.5;

export type Retry = {
  /** How many attempts have been made; at least 1. */
  attempt: number;
  retry: Exclude<RetryPace, 'none'>;
  /** Milliseconds since the Unix epoch. */
  now: number;
  /** From 0 (included) to 1 (excluded). */
  random01: number;
};

/** The time of the next attempt in milliseconds since the Unix epoch; a whole number, later than `now`. */
export function nextAttemptAt({ attempt, retry, now, random01 }: Retry): number {
  const { firstMs, factor, maxMs } = PACES[retry];
  // The exponent is bounded so that a counter of any size gives a finite number.
  const waitMs = Math.min(firstMs * factor ** Math.min(Math.max(attempt, 1) - 1, 30), maxMs);
  return now + Math.round(waitMs * (1 - JITTER + JITTER * 2 * random01));
}
