/**
 * A series: how many units departed in each second, past and reserved, kept sorted by second. Every window of every
 * limit of one scope and unit is read from the same series, so a changed policy meets the same history.
 *
 * Cumulative counts make any window a subtraction of two binary searches. Appending at the end is O(1); inserting
 * before reservations costs the entries after it, which only scheduled mail has.
 * Once thousands of seconds are older than a day they are folded into minutes: what departed on a full minute stays
 * there, the rest moves to the last second of its minute. Windows beyond 24 h round a unit's leaving up to the minute, so
 * they count the same before and after, and no unit crosses the border of an hour, a day or a month.
 */

export type Series = {
  /** Unix seconds, strictly ascending. */
  at: number[];
  /** Units departed up to and including `at[i]`, counted from the first entry kept. */
  cumulative: number[];
  /** What earlier searches for a free place found; null where none is known. Units that are given back forget it. */
  searched: SearchedPlaces[] | null;
  /** Up to this second the entries are folded already. */
  foldedUntil: number;
};

/** No second from `from` until before `place` has room in `window`. Stays true while units are only added. */
export type SearchedPlaces = { window: object; room: number; since: number; from: number; place: number };

export const DAY_SECONDS = 86_400;

export function emptySeries(): Series {
  return { at: [], cumulative: [], searched: null, foldedUntil: 0 };
}

/** Index of the first entry later than `second`. */
export function indexAfter(series: Series, second: number): number {
  const at = series.at;
  let high = at.length;
  if (high === 0 || at[high - 1]! <= second) return high;
  let low = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at[middle]! <= second) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Units at index `i` and before. */
function upTo(series: Series, i: number): number {
  return i === 0 ? 0 : series.cumulative[i - 1]!;
}

/** Units in the half-open interval (after, until]. */
export function countBetween(series: Series, after: number, until: number): number {
  if (until <= after) return 0;
  return upTo(series, indexAfter(series, until)) - upTo(series, indexAfter(series, after));
}

/** Units departing in exactly this second. */
export function countAt(series: Series, second: number): number {
  return countBetween(series, second - 1, second);
}

/** The second in which the `nth` unit (1-based) after `after` departs, or null when there are fewer. */
export function nthAfter(series: Series, after: number, nth: number): number | null {
  const target = upTo(series, indexAfter(series, after)) + nth;
  const cumulative = series.cumulative;
  let low = 0;
  let high = cumulative.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle]! < target) low = middle + 1;
    else high = middle;
  }
  return low === cumulative.length ? null : series.at[low]!;
}

/** The latest second at or before `second` in which something departs, or null. */
export function latestUpTo(series: Series, second: number): number | null {
  const index = indexAfter(series, second);
  return index === 0 ? null : series.at[index - 1]!;
}

/** Whether nothing departs after `second`. */
export function isLast(series: Series, second: number): boolean {
  const { at } = series;
  return at.length === 0 || at[at.length - 1]! <= second;
}

/** Adds `units` (negative gives places back) in `second`. A second that falls to zero is removed. */
export function addUnits(series: Series, second: number, units: number): void {
  if (units < 0) {
    takeUnits(series, second, -units);
    return;
  }
  const { at, cumulative } = series;
  if (at.length === 0) {
    // Most series stay this short, and lists that were pushed to keep room for sixteen more.
    series.at = [second];
    series.cumulative = [units];
    return;
  }
  const index = indexAfter(series, second);
  let from = index - 1;
  if (index === 0 || at[from] !== second) {
    from = index;
    const before = upTo(series, index);
    if (index === at.length) {
      at.push(second);
      cumulative.push(before);
    } else {
      at.splice(index, 0, second);
      cumulative.splice(index, 0, before);
    }
  }
  for (; from < cumulative.length; from += 1) cumulative[from]! += units;
}

/** Takes up to `units` out of the entry that holds `second`, which may have been folded since. */
function takeUnits(series: Series, second: number, units: number): void {
  const { at, cumulative } = series;
  let index = indexAfter(series, second) - 1;
  if (index < 0 || at[index] !== second) {
    index = indexAfter(series, foldedSecond(second)) - 1;
    if (index < 0 || at[index] !== foldedSecond(second)) return;
  }
  series.searched = null;
  const here = cumulative[index]! - upTo(series, index);
  const taken = Math.min(here, units);
  if (taken === here) {
    at.splice(index, 1);
    cumulative.splice(index, 1);
  }
  for (; index < cumulative.length; index += 1) cumulative[index]! -= taken;
}

const FOLD_AT_LEAST = 4096;

/** Where a unit of this second stands once it is folded. */
function foldedSecond(second: number): number {
  const past = second % 60;
  return past === 0 ? second : second - past + 59;
}

/**
 * Forgets what departed `horizonSeconds` or more before `now`, and folds seconds older than a day into minutes.
 * The newest entry always stays, since cooldowns ask for it. Cheap to call often: it works only when the series has
 * grown past a bound or its oldest half is forgettable.
 */
export function prune(series: Series, now: number, horizonSeconds: number): void {
  const oldest = now - horizonSeconds - 60;
  const { at } = series;
  if (at.length === 0 || (at[0]! > oldest && at.length < FOLD_AT_LEAST)) return;
  const drop = Math.min(indexAfter(series, oldest), at.length - 1);
  // A full minute, so that what is folded stays before what is not.
  const foldUntil = Math.floor((now - DAY_SECONDS - 60) / 60) * 60;
  const foldable = indexAfter(series, foldUntil) - Math.max(drop, indexAfter(series, series.foldedUntil));
  const folds = foldable >= FOLD_AT_LEAST;
  if (drop * 2 < at.length && drop < FOLD_AT_LEAST && !folds) return;
  const base = upTo(series, drop);
  const keptAt: number[] = [];
  const kept: number[] = [];
  for (let i = drop; i < at.length; i += 1) {
    const second = at[i]!;
    const bucket = folds && second <= foldUntil ? foldedSecond(second) : second;
    const total = series.cumulative[i]! - base;
    if (keptAt.length > 0 && keptAt[keptAt.length - 1] === bucket) kept[kept.length - 1] = total;
    else {
      keptAt.push(bucket);
      kept.push(total);
    }
  }
  series.at = keptAt;
  series.cumulative = kept;
  series.searched = null;
  if (folds) series.foldedUntil = foldUntil;
}

export function seriesOf(entries: readonly (readonly [second: number, units: number])[]): Series {
  const series = emptySeries();
  let total = 0;
  for (const [second, units] of entries) {
    total += units;
    series.at.push(second);
    series.cumulative.push(total);
  }
  return series;
}
