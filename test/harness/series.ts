import type { Series } from '../../src/policy/series.ts';

/** The entries as [second, units] pairs. */
export function entriesOf({ at, cumulative }: Series): [second: number, units: number][] {
  return at.map((second, i) => [second, cumulative[i]! - (i === 0 ? 0 : cumulative[i - 1]!)]);
}
