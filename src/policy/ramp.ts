/**
 * The warm-up of one mailbox towards one family of destinations: places a UTC day, which grow from its first send on, and stand
 * still while the family defers much or its people complain. The days are counted as those of a policy's warm-up are.
 */
import { warmupDay } from './facts-warmup.ts';
import { DAY_SECONDS, type Series } from './series.ts';
import { type CountedWindow, usedAt } from './windows.ts';

/** How far ahead a place is looked for: what finds none until then is refused. */
const RAMP_HORIZON_SECONDS = 30 * DAY_SECONDS;

/** Days on which it did not grow, in UTC days. */
export type Stood = {
  /** Those that are over. */
  days: number;
  /** The day since which it stands, or null: it grows. */
  since: number | null;
};

export const NEVER_STOOD: Stood = { days: 0, since: null };

export const RAMP_WINDOW: CountedWindow = { kind: 'calendar', period: 'day' };

/** The day of the ramp, from 1, with its places; null once it is over. */
export function rampAt(
  places: readonly number[],
  firstAt: number | null,
  stood: Stood,
  second: number,
): { day: number; places: number } | null {
  const today = Math.floor(second / DAY_SECONDS);
  const still = stood.days + (stood.since === null ? 0 : Math.max(0, today - stood.since));
  const day = Math.max(0, warmupDay(firstAt, second) - still);
  const open = places[day];
  return open === undefined ? null : { day: day + 1, places: open };
}

/** The earliest second from `from` on that has a place, within the horizon after `start`; null: none has. */
export function rampPlace(
  places: readonly number[],
  firstAt: number | null,
  stood: Stood,
  series: Series,
  from: number,
  start: number,
): number | null {
  let second = from;
  while (second <= start + RAMP_HORIZON_SECONDS) {
    const today = rampAt(places, firstAt, stood, second);
    if (today === null || usedAt(series, RAMP_WINDOW, second) < today.places) return second;
    second = (Math.floor(second / DAY_SECONDS) + 1) * DAY_SECONDS;
  }
  return null;
}

/** What came of a mailbox's mail to a family lately: counters that halve each UTC day. */
export type RampSample = { day: number; tried: number; deferred: number; complained: number };

/** Fewer attempts say nothing. */
const LEAST_TRIED = 20;
const HOLD_DEFERRED_PERCENT = 20;
const GROW_DEFERRED_PERCENT = 10;
/** Google and Yahoo ask senders to stay below 0.3 %. */
const HOLD_COMPLAINED_PER_MILLE = 3;

/** The counters as they stand on a later day. */
export function faded(sample: RampSample, day: number): RampSample {
  if (day <= sample.day) return sample;
  const by = 2 ** Math.min(30, day - sample.day);
  const half = (n: number): number => Math.floor(n / by);
  return { day, tried: half(sample.tried), deferred: half(sample.deferred), complained: half(sample.complained) };
}

/** Whether the ramp should stand still, given what it does now: it grows again only well below the line. */
export function shouldStand({ tried, deferred, complained }: RampSample, stands: boolean): boolean {
  if (tried < LEAST_TRIED) return stands && tried > 0;
  if (complained * 1000 > tried * HOLD_COMPLAINED_PER_MILLE) return true;
  return deferred * 100 > tried * (stands ? GROW_DEFERRED_PERCENT : HOLD_DEFERRED_PERCENT);
}
