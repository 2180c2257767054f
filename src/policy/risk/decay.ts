/**
 * Exponential forgetting in integers. Time runs in ticks of a sixteenth of a half-life, counted from the epoch, so that a
 * counter forgets the same however often it is looked at, and no floating-point function whose last bit may differ is needed.
 */

/** 2^(-n/16) for n in 0..15, in units of 2^-32. */
const SIXTEENTHS = [
  4294967296, 4112874773, 3938502376, 3771522796, 3611622603, 3458501653, 3311872529, 3171459999, 3037000500,
  2908241642, 2784941738, 2666869345, 2553802834, 2445529972, 2341847524, 2242560872,
] as const;
const ONE = 4294967296;
/** Beyond so many half-lives nothing is left of any counter. */
const MOST_HALVINGS = 48;

const HALVES: readonly number[] = Array.from({ length: MOST_HALVINGS }, (_, n) => {
  let half = 1;
  for (let i = 0; i < n; i += 1) half /= 2;
  return half;
});

/** The tick that `timeMs` lies in, for a half-life. */
export function tickOf(timeMs: number, halfLifeMs: number): number {
  return Math.floor((timeMs * 16) / halfLifeMs);
}

/** What is left of 1 after so many ticks: between 0 and 1. Time never runs backwards here. */
export function leftAfter(ticks: number): number {
  if (ticks <= 0) return 1;
  const halvings = ticks >> 4;
  if (halvings >= MOST_HALVINGS) return 0;
  return (SIXTEENTHS[ticks & 15]! / ONE) * HALVES[halvings]!;
}
