/**
 * The store's clock: the wall clock, believed only while it keeps step with the monotonic one. After a leap of more than
 * ten minutes time goes on by the monotonic clock, until the wall clock is back or somebody accepts it.
 */

export const CLOCK_STEP_MS = 600_000;

/** Both in milliseconds; the monotonic one from any start. */
export type ClockSource = { wall(): number; monotonic(): number };

const SYSTEM: ClockSource = { wall: () => Date.now(), monotonic: () => performance.now() };

/** A clock that another thread sets: two float64, the wall clock and the monotonic one. */
function sharedClock(cells: SharedArrayBuffer): ClockSource {
  const times = new Float64Array(cells);
  return { wall: () => times[0]!, monotonic: () => times[1]! };
}

export class StoreClock {
  private readonly source: ClockSource;
  /** Wall clock less monotonic clock, as last believed. */
  private offset: number;

  constructor(cells?: SharedArrayBuffer) {
    this.source = cells === undefined ? SYSTEM : sharedClock(cells);
    this.offset = this.source.wall() - this.source.monotonic();
  }

  read(): { now: number; leapt: boolean } {
    const wall = this.source.wall();
    const leap = wall - this.source.monotonic() - this.offset;
    if (Math.abs(leap) > CLOCK_STEP_MS) return { now: Math.floor(wall - leap), leapt: true };
    this.offset += leap;
    return { now: wall, leapt: false };
  }

  /** Believes the wall clock as it stands. */
  accept(): void {
    this.offset = this.source.wall() - this.source.monotonic();
  }
}
