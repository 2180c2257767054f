/**
 * One rate for many names, as GCRA (policy/windows.ts), in memory of fixed size: a name is forgotten as soon as it says nothing any
 * more, and where there are too many the oldest are.
 */
import { emissionMicros, nextTat, rateFreeAt } from '../policy/windows.ts';

export type Rate = { perMinute: number; burst: number };

export class RateTable {
  readonly #interval: number;
  readonly #burst: number;
  readonly #most: number;
  readonly #tats = new Map<string, number>();

  constructor({ perMinute, burst }: Rate, most: number) {
    this.#interval = emissionMicros(60, perMinute);
    this.#burst = burst;
    this.#most = most;
  }

  get size(): number {
    return this.#tats.size;
  }

  /** When one more is free, in milliseconds; null: now. */
  waitsUntil(name: string, now: number): number | null {
    const tat = this.#tats.get(name);
    if (tat === undefined) return null;
    // Where the clock was set back nobody waits for longer than a whole burst takes.
    const soon = Math.min(tat, now * 1000 + this.#burst * this.#interval);
    if (soon < tat) this.#tats.set(name, soon);
    const at = rateFreeAt(soon, this.#interval, this.#burst, 1, now)!;
    return at <= now ? null : at;
  }

  count(name: string, now: number): void {
    const tat = this.#tats.get(name) ?? 0;
    if (tat === 0 && this.#tats.size >= this.#most) this.#forget(now);
    this.#tats.set(name, nextTat(tat, this.#interval, 1, now));
  }

  #forget(now: number): void {
    for (const [name, tat] of this.#tats) if (tat <= now * 1000) this.#tats.delete(name);
    for (const name of this.#tats.keys()) {
      if (this.#tats.size <= this.#most / 2) return;
      this.#tats.delete(name);
    }
  }
}
