/**
 * Keys that are wrong, by where they come from and by the public part that they name.
 *
 * What holds: whoever is wrong too often is told to wait; keys are still looked up for it, at a bounded pace, so that a client with a
 * right key beside it is not locked out, and beyond that pace none is that was not right before (authenticate.ts). Memory is bounded.
 */
import { type Rate, RateTable } from './rate-table.ts';

const TOLD: Rate = { perMinute: 20, burst: 20 };
const LOOKED_UP: Rate = { perMinute: 3000, burst: 100 };
const MOST_NAMES = 20_000;

export class WrongKeys {
  readonly #told = new RateTable(TOLD, MOST_NAMES);
  readonly #lookedUp = new RateTable(LOOKED_UP, MOST_NAMES);

  /** Until when none of these may be looked up for; null: now. */
  waitsUntil(names: readonly string[], now: number): number | null {
    return latest(this.#lookedUp, names, now);
  }

  /** Counts a wrong one; answers until when to wait where there were too many, and null where it is just wrong. */
  count(names: readonly string[], now: number): number | null {
    for (const name of names) this.#lookedUp.count(name, now);
    const until = latest(this.#told, names, now);
    if (until === null) for (const name of names) this.#told.count(name, now);
    return until;
  }
}

function latest(table: RateTable, names: readonly string[], now: number): number | null {
  let until: number | null = null;
  for (const name of names) {
    const at = table.waitsUntil(name, now);
    if (at !== null && (until === null || at > until)) until = at;
  }
  return until;
}
