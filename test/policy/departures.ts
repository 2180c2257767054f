/** Brute-force models for tests of windows: a plain list of departures, counted one by one. */
import fc from 'fast-check';
import { addUnits, emptySeries, type Series } from '../../src/policy/series.ts';
import type { CountedWindow } from '../../src/policy/windows.ts';

export type Departure = { second: number; units: number };

export function seriesFrom(departures: readonly Departure[]): Series {
  const series = emptySeries();
  for (const { second, units } of departures) addUnits(series, second, units);
  return series;
}

/** When a unit that departed at `second` no longer counts, read off the calendar or the definition. */
export function leaves(window: CountedWindow, second: number): number {
  if (window.kind === 'rolling') {
    let from = second;
    if (window.seconds > 86_400) while (from % 60 !== 0) from += 1;
    return from + window.seconds;
  }
  const cut = { hour: 13, day: 10, month: 7 }[window.period];
  const period = (at: number): string => new Date(at * 1000).toISOString().slice(0, cut);
  const step = window.period === 'hour' ? 60 : 3600;
  let at = second - (second % step) + step;
  while (period(at) === period(second)) at += step;
  return at;
}

/** Whether a unit that departed at `departed` counts at `second`: in a calendar window also one that leaves later in it. */
export function counts(window: CountedWindow, departed: number, second: number): boolean {
  if (window.kind === 'rolling') return departed <= second && second < leaves(window, departed);
  return leaves(window, departed) === leaves(window, second);
}

export function used(departures: readonly Departure[], window: CountedWindow, second: number, since = 0): number {
  let total = 0;
  for (const one of departures) if (one.second > since && counts(window, one.second, second)) total += one.units;
  return total;
}

/** Whether no window ever holds more than `max`: it is fullest at a departure. */
export function holds(departures: readonly Departure[], window: CountedWindow, max: number): boolean {
  return departures.every(({ second }) => used(departures, window, second) <= max);
}

export const departuresUpTo = (last: number, most = 25): fc.Arbitrary<Departure[]> =>
  fc.array(fc.record({ second: fc.integer({ min: 1, max: last }), units: fc.integer({ min: 1, max: 3 }) }), {
    maxLength: most,
  });
