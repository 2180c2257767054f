/**
 * Weighted spreading over providers: start-time fair queueing with one unit a recipient. Each provider has the time at which its
 * last recipient is paid for; the one that would be paid for first takes the next. It is smooth (3:1 gives AAAB AAAB), and a
 * provider that was away takes its share from then on and does not catch up.
 */

/** Explicit, and changed by `spend` alone. */
export type Spread = {
  clock: number;
  paidUntil: Map<number, number>;
  /** How many were spread. */
  turn: number;
};

export function emptySpread(): Spread {
  return { clock: 0, paidUntil: new Map(), turn: 0 };
}

export type Weighted = { no: number; weight: number };

const UNIT = 1_000_000;

function stride({ weight }: Weighted): number {
  return Math.max(1, Math.floor(UNIT / Math.max(1, weight)));
}

function startOf(spread: Spread, one: Weighted): number {
  return Math.max(spread.paidUntil.get(one.no) ?? 0, spread.clock - stride(one));
}

/** When the next recipient of this provider would be paid for: the lowest is next, of equal ones the lowest number. */
export function paidAfter(spread: Spread, one: Weighted): number {
  return startOf(spread, one) + stride(one);
}

/** Takes one recipient's share. */
export function spend(spread: Spread, one: Weighted): void {
  const start = startOf(spread, one);
  spread.paidUntil.set(one.no, start + stride(one));
  spread.clock = Math.max(spread.clock, start);
  spread.turn += 1;
}
