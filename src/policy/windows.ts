/**
 * Windows of limits, as pure arithmetic over a series. All times are Unix seconds, windows are half-open: a unit that
 * departs at t no longer counts at t + window.
 */
import { countBetween, DAY_SECONDS, indexAfter, latestUpTo, nthAfter, type Series } from './series.ts';

export type Window =
  /** GCRA: `max` units in `perSeconds`, `burst` at once. */
  | { kind: 'rate'; perSeconds: number }
  /** The last `seconds`, exact to the second, beyond a day to the minute (rounded so that nothing leaves early). */
  | { kind: 'rolling'; seconds: number }
  /** A calendar period in UTC. */
  | { kind: 'calendar'; period: 'hour' | 'day' | 'month' };

const ROLLING = /^rolling_([1-9][0-9]{0,6})([smhd])$/;
const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: DAY_SECONDS };
export const LONGEST_WINDOW_SECONDS = 366 * DAY_SECONDS;

/** Reads `rolling_24h`, `calendar_day`, `rate` (with `per`), or null when it is none of them. */
export function parseWindow(name: string, per: 'second' | 'minute' = 'second'): Window | null {
  if (name === 'rate') return { kind: 'rate', perSeconds: per === 'minute' ? 60 : 1 };
  if (name === 'calendar_hour') return { kind: 'calendar', period: 'hour' };
  if (name === 'calendar_day') return { kind: 'calendar', period: 'day' };
  if (name === 'calendar_month') return { kind: 'calendar', period: 'month' };
  const match = ROLLING.exec(name);
  if (!match) return null;
  const seconds = Number(match[1]) * UNIT_SECONDS[match[2]!]!;
  return seconds > LONGEST_WINDOW_SECONDS ? null : { kind: 'rolling', seconds };
}

/** The longest a unit can stay in the window, in seconds. */
export function windowSpan(window: Window): number {
  if (window.kind === 'rolling') return window.seconds;
  if (window.kind === 'rate') return window.perSeconds;
  return window.period === 'hour' ? 3600 : window.period === 'day' ? DAY_SECONDS : 31 * DAY_SECONDS;
}

/** First second of the calendar period that holds `second`, `step` periods later. */
export function periodStart(period: 'hour' | 'day' | 'month', second: number, step = 0): number {
  if (period === 'month') return monthStart(second, step);
  const size = period === 'hour' ? 3600 : DAY_SECONDS;
  return (Math.floor(second / size) + step) * size;
}

/** The month asked for last: almost every look is in it. */
let month = { first: 0, next: 0 };

function monthStart(second: number, step: number): number {
  if (second < month.first || second >= month.next) {
    const date = new Date(second * 1000);
    const [year, index] = [date.getUTCFullYear(), date.getUTCMonth()];
    month = { first: Date.UTC(year, index, 1) / 1000, next: Date.UTC(year, index + 1, 1) / 1000 };
  }
  if (step === 0) return month.first;
  if (step === 1) return month.next;
  const date = new Date(month.first * 1000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + step, 1) / 1000;
}

/** The last second that no longer counts at `second` in a rolling window. */
function rollingEdge(seconds: number, second: number): number {
  const edge = second - seconds;
  return seconds > DAY_SECONDS ? Math.floor(edge / 60) * 60 : edge;
}

/** When a unit that departed at `second` leaves a rolling window. */
function leavesAt(seconds: number, second: number): number {
  return (seconds > DAY_SECONDS ? Math.ceil(second / 60) * 60 : second) + seconds;
}

type Counted = Exclude<Window, { kind: 'rate' }>;

/** Units that count in the window at `second`; `since` forgets everything up to that second (a reply came). */
export function usedAt(series: Series, window: Counted, second: number, since = 0): number {
  const after =
    window.kind === 'rolling' ? rollingEdge(window.seconds, second) : periodStart(window.period, second) - 1;
  const until = window.kind === 'rolling' ? second : periodStart(window.period, second, 1) - 1;
  return countBetween(series, Math.max(since, after), until);
}

/** The next second at which `remaining` grows, or null when nothing is used. */
export function resetsAt(series: Series, window: Counted, second: number, since = 0): number | null {
  if (window.kind === 'calendar') return periodStart(window.period, second, 1);
  const edge = rollingEdge(window.seconds, second);
  const oldest = nthAfter(series, Math.max(since, edge), 1);
  return oldest === null || oldest > second ? null : leavesAt(window.seconds, oldest);
}

/**
 * The earliest second at or after `from` at which `units` more fit without any window, past or future, holding more
 * than `max`; null when they never fit.
 */
export function earliestPlace(
  series: Series,
  window: Counted,
  max: number,
  units: number,
  from: number,
  since = 0,
): number | null {
  if (units > max) return null;
  return window.kind === 'calendar'
    ? earliestPeriod(series, window.period, max, units, from, since)
    : earliestRolling(series, window.seconds, max, units, from, since);
}

function earliestPeriod(
  series: Series,
  period: 'hour' | 'day' | 'month',
  max: number,
  units: number,
  from: number,
  since: number,
): number {
  const window = { kind: 'calendar', period } as const;
  let second = from;
  // Ends: each step enters a later period, and past the last entry every period is empty.
  while (usedAt(series, window, second, since) + units > max) second = periodStart(period, second, 1);
  return second;
}

function earliestRolling(
  series: Series,
  seconds: number,
  max: number,
  units: number,
  from: number,
  since: number,
): number {
  let second = from;
  const last = series.at.length === 0 ? 0 : series.at[series.at.length - 1]!;
  for (;;) {
    const edge = Math.max(since, rollingEdge(seconds, second));
    const used = countBetween(series, edge, second);
    const excess = used + units - max;
    if (excess > 0) {
      second = leavesAt(seconds, nthAfter(series, edge, excess)!);
      continue;
    }
    if (last <= second) return second;
    const conflict = firstConflict(series, seconds, max - units, second, since);
    if (conflict === null) return second;
    second = conflict + 1;
  }
}

/** The first reserved second after `second` whose own window, if it also held the new units, would overflow. */
function firstConflict(series: Series, seconds: number, room: number, second: number, since: number): number | null {
  for (let i = indexAfter(series, second); i < series.at.length; i += 1) {
    const end = series.at[i]!;
    const edge = rollingEdge(seconds, end);
    if (edge >= second) return null;
    if (countBetween(series, Math.max(since, edge), end) > room) return end;
  }
  return null;
}

/** The latest departure at or before `second`. */
export function lastDeparture(series: Series, second: number): number | null {
  return latestUpTo(series, second);
}

/** Microseconds between two units of a `rate` limit (GCRA's emission interval). */
export function emissionMicros(perSeconds: number, max: number): number {
  return Math.ceil((perSeconds * 1_000_000) / max);
}

/**
 * GCRA (as in ITU-T I.371 annex A): the earliest millisecond at or after `nowMs` at which `units` conform, or null
 * when they exceed the burst.
 */
export function rateFreeAt(
  tatMicros: number,
  intervalMicros: number,
  burst: number,
  units: number,
  nowMs: number,
): number | null {
  if (units > burst) return null;
  const allowed = tatMicros + (units - burst) * intervalMicros;
  return Math.max(nowMs, Math.ceil(allowed / 1000));
}

/** The theoretical arrival time after `units` departed at `nowMs`. */
export function nextTat(tatMicros: number, intervalMicros: number, units: number, nowMs: number): number {
  return Math.max(tatMicros, nowMs * 1000) + units * intervalMicros;
}

/** Whole units of the burst in use at `nowMs`. */
export function rateUsed(tatMicros: number, intervalMicros: number, burst: number, nowMs: number): number {
  const ahead = tatMicros - nowMs * 1000;
  return ahead <= 0 ? 0 : Math.min(burst, Math.ceil(ahead / intervalMicros));
}

/** When one more unit is free, in milliseconds; null when none is used. */
export function rateResetsAt(tatMicros: number, intervalMicros: number, nowMs: number): number | null {
  const ahead = tatMicros - nowMs * 1000;
  if (ahead <= 0) return null;
  const used = Math.ceil(ahead / intervalMicros);
  return Math.ceil((tatMicros - (used - 1) * intervalMicros) / 1000);
}
