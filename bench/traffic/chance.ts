/** Seeded chance: the same seed gives the same traffic on every machine. */
export class Chance {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to, but not, 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  is(share: number): boolean {
    return this.next() < share;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.next() * values.length)]!;
  }

  /** A gap of a stream without memory, with this mean. */
  gap(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  some<Value>(values: readonly Value[], count: number): Value[] {
    return Array.from({ length: count }, () => this.pick(values));
  }

  letters(length: number): string {
    return this.some([...'abcdefghijklmnopqrstuvwxyz'], length).join('');
  }
}
