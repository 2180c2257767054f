/**
 * A series: how many units departed in each second, past and reserved, kept sorted by second. Every window of every
 * limit of one scope and unit is read from the same series, so a changed policy meets the same history.
 *
 * Cumulative counts make any window a subtraction of two binary searches. Appending at the end is O(1); inserting
 * before reservations costs the entries after it, which only scheduled mail has.
 * Seconds older than a day are folded into minutes (stored as the minute's end), so windows beyond 24 h are exact to
 * the minute and never let one unit too many through.
 */

export type Series = {
  /** Unix seconds, strictly ascending. */
  at: number[];
  /** Units departed up to and including `at[i]`, counted from the first entry kept. */
  cumulative: number[];
};

export const DAY_SECONDS = 86_400;

export function emptySeries(): Series {
  return { at: [], cumulative: [] };
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

/** Adds `units` (negative gives places back) in `second`. A second that falls to zero is removed. */
export function addUnits(series: Series, second: number, units: number): void {
  const { at, cumulative } = series;
  const index = indexAfter(series, second);
  const present = index > 0 && at[index - 1] === second;
  let from = present ? index - 1 : index;
  if (!present) {
    if (units < 0) return;
    at.splice(index, 0, second);
    cumulative.splice(index, 0, upTo(series, index));
  } else if (units < 0) {
    const here = cumulative[from]! - upTo(series, from);
    if (here + units <= 0) {
      at.splice(from, 1);
      cumulative.splice(from, 1);
      units = -here;
    }
  }
  for (; from < cumulative.length; from += 1) cumulative[from]! += units;
}

const FOLD_AT_LEAST = 4096;

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
  const foldUntil = now - DAY_SECONDS - 60;
  const foldable = indexAfter(series, foldUntil) - drop;
  if (drop * 2 < at.length && drop < FOLD_AT_LEAST && foldable < FOLD_AT_LEAST) return;
  const base = upTo(series, drop);
  const keptAt: number[] = [];
  const kept: number[] = [];
  for (let i = drop; i < at.length; i += 1) {
    const second = at[i]!;
    const bucket = second <= foldUntil ? Math.ceil(second / 60) * 60 : second;
    const total = series.cumulative[i]! - base;
    if (keptAt.length > 0 && keptAt[keptAt.length - 1] === bucket) kept[kept.length - 1] = total;
    else {
      keptAt.push(bucket);
      kept.push(total);
    }
  }
  series.at = keptAt;
  series.cumulative = kept;
}

/** The entries as [second, units] pairs, for storing. */
export function entriesOf(series: Series): [second: number, units: number][] {
  return series.at.map((second, i) => [second, series.cumulative[i]! - upTo(series, i)]);
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
