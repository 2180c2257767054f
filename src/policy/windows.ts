/**
 * Windows of limits, as pure arithmetic over a series. All times are Unix seconds, windows are half-open: a unit that
 * departs at t no longer counts at t + window.
 */
import { countBetween, DAY_SECONDS, indexAfter, nthAfter, type SearchedPlaces, type Series } from './series.ts';

export type Window =
  /** GCRA: `max` units in `perSeconds`, `burst` at once. */
  | { kind: 'rate'; perSeconds: number }
  /** The last `seconds`, exact to the second, beyond a day to the minute (rounded so that nothing leaves early). */
  | { kind: 'rolling'; seconds: number }
  /** A calendar period in UTC. */
  | { kind: 'calendar'; period: 'hour' | 'day' | 'month' };

const ROLLING = /^rolling_([1-9][0-9]{0,6})([smhd])$/;
const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: DAY_SECONDS };
const LONGEST_WINDOW_SECONDS = 366 * DAY_SECONDS;

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

let knownMonth = { start: 0, end: 0 };

/** Neighbouring calls mostly fall into one month, which is kept. */
function monthStart(second: number, step: number): number {
  if (second < knownMonth.start || second >= knownMonth.end) {
    knownMonth = { start: monthOf(second, 0), end: monthOf(second, 1) };
  }
  return step === 0 ? knownMonth.start : step === 1 ? knownMonth.end : monthOf(second, step);
}

function monthOf(second: number, step: number): number {
  const date = new Date(second * 1000);
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

export type CountedWindow = Exclude<Window, { kind: 'rate' }>;

/** Units that count in the window at `second`; `since` forgets everything up to that second (a reply came). */
export function usedAt(series: Series, window: CountedWindow, second: number, since = 0): number {
  if (series.at.length === 0) return 0;
  const after =
    window.kind === 'rolling' ? rollingEdge(window.seconds, second) : periodStart(window.period, second) - 1;
  const until = window.kind === 'rolling' ? second : periodStart(window.period, second, 1) - 1;
  return countBetween(series, Math.max(since, after), until);
}

/** When a unit that departs at `second` stops counting. */
export function releasedAt(window: CountedWindow, second: number): number {
  return window.kind === 'calendar' ? periodStart(window.period, second, 1) : leavesAt(window.seconds, second);
}

/** When the oldest unit counted at `second` stops counting, or null when nothing is used; `used` where it is known. */
export function resetsAt(
  series: Series,
  window: CountedWindow,
  second: number,
  since = 0,
  used = usedAt(series, window, second, since),
): number | null {
  if (used === 0) return null;
  if (window.kind === 'calendar') return periodStart(window.period, second, 1);
  const edge = rollingEdge(window.seconds, second);
  return leavesAt(window.seconds, nthAfter(series, Math.max(since, edge), 1)!);
}

/** When the `nth` oldest unit that counts at `second` stops counting; at least so many must count. */
export function nthLeavesAt(series: Series, window: CountedWindow, second: number, nth: number): number {
  if (window.kind === 'calendar') return periodStart(window.period, second, 1);
  return leavesAt(window.seconds, nthAfter(series, rollingEdge(window.seconds, second), nth)!);
}

/**
 * The earliest second at or after `from` at which `units` more fit without any window, past or future, holding more
 * than `max`; null when they never fit.
 *
 * A full schedule is long and is asked for one place after another, so a search that had to move on is remembered with
 * the series: the next one starts where it ended.
 */
export function earliestPlace(
  series: Series,
  window: CountedWindow,
  max: number,
  units: number,
  from: number,
  since = 0,
): number | null {
  const room = max - units;
  if (room < 0) return null;
  const known = series.searched?.find((one) => one.window === window && one.room === room && one.since === since);
  const useful = known !== undefined && known.from <= from && from <= known.place;
  const start = useful ? known.place : from;
  const place =
    window.kind === 'calendar'
      ? earliestPeriod(series, window, room, start, since)
      : earliestRolling(series, window.seconds, room, start, since);
  if (place === from) return place;
  if (known === undefined) remember(series, { window, room, since, from, place });
  else {
    if (!useful) known.from = from;
    known.place = place;
  }
  return place;
}

const MOST_REMEMBERED = 8;

function remember(series: Series, found: SearchedPlaces): void {
  series.searched ??= [];
  if (series.searched.length === MOST_REMEMBERED) series.searched.shift();
  series.searched.push(found);
}

type CalendarWindow = Extract<Window, { kind: 'calendar' }>;

function earliestPeriod(series: Series, window: CalendarWindow, room: number, from: number, since: number): number {
  let second = from;
  // Ends: each step enters a later period, and past the last entry every period is empty.
  while (usedAt(series, window, second, since) > room) second = periodStart(window.period, second, 1);
  return second;
}

/**
 * Two things stand in the way of a place: too many units before it that still count, and a later entry whose own window
 * reaches back over the place and has no room (a tight one). Every place up to a tight entry is taken by it, so the
 * search goes on where enough of its units have left; entries found with room are not looked at again.
 */
function earliestRolling(series: Series, seconds: number, room: number, from: number, since: number): number {
  let second = from;
  let checked = from;
  for (;;) {
    const reach = leavesAt(seconds, second) - 1;
    const first = indexAfter(series, Math.max(second, checked));
    const tight = lastTight(series, seconds, room, since, first, indexAfter(series, reach) - 1);
    checked = Math.max(checked, reach);
    const end = tight === null ? second : tight;
    const edge = Math.max(since, rollingEdge(seconds, end));
    const excess = countBetween(series, edge, end) - room;
    if (excess <= 0) return second;
    second = leavesAt(seconds, nthAfter(series, edge, excess)!);
  }
}

/**
 * The last of the entries `first` to `last` whose window holds more than `room`, or null. A stretch is left out as a whole
 * when all that its windows touch together has room.
 */
function lastTight(
  series: Series,
  seconds: number,
  room: number,
  since: number,
  first: number,
  last: number,
): number | null {
  if (first > last) return null;
  const end = series.at[last]!;
  const edge = Math.max(since, rollingEdge(seconds, series.at[first]!));
  if (countBetween(series, edge, end) <= room) return null;
  if (first === last) return end;
  const middle = (first + last) >>> 1;
  return (
    lastTight(series, seconds, room, since, middle + 1, last) ?? lastTight(series, seconds, room, since, first, middle)
  );
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
export function rateResetsAt(tatMicros: number, intervalMicros: number, burst: number, nowMs: number): number | null {
  const used = rateUsed(tatMicros, intervalMicros, burst, nowMs);
  return used === 0 ? null : Math.ceil((tatMicros - (used - 1) * intervalMicros) / 1000);
}
