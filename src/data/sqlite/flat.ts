/**
 * Flat arrays of strings and numbers, in which what crosses the threads often lies. Each string in one costs about 60 ns, anything
 * else 28, written, sent and read, so what is mostly absent, zero or known to the other side is told by a bit and not sent: bits
 * stand in a number at the front of each section. Written and read in the same order, section by section.
 */
export type FlatValue = string | number | null;
export type Flat = FlatValue[];

export class FlatWriter {
  readonly flat: Flat = [];
  private bitsAt = 0;
  private bit = 1;

  /** A section: at most 30 bits. */
  open(): void {
    this.bitsAt = this.flat.push(0) - 1;
    this.bit = 1;
  }

  flag(isSo: boolean): void {
    if (isSo) this.flat[this.bitsAt] = (this.flat[this.bitsAt] as number) | this.bit;
    this.bit <<= 1;
  }

  /** Null and undefined are read as null. */
  optional(value: FlatValue | undefined): void {
    this.unlessKnown(value ?? null, null);
  }

  /** The reader is given the same `known`. */
  unlessKnown(value: FlatValue, known: FlatValue): void {
    this.flag(value !== known);
    if (value !== known) this.flat.push(value);
  }
}

export class FlatReader {
  private at = 0;
  private bits = 0;
  private bit = 1;
  private readonly flat: Flat;

  constructor(flat: Flat) {
    this.flat = flat;
  }

  open(): void {
    this.bits = this.number();
    this.bit = 1;
  }

  flag(): boolean {
    const isSo = (this.bits & this.bit) !== 0;
    this.bit <<= 1;
    return isSo;
  }

  text(): string {
    return this.flat[this.at++] as string;
  }

  number(): number {
    return this.flat[this.at++] as number;
  }

  numberOrNull(): number | null {
    return this.flat[this.at++] as number | null;
  }

  optionalText(): string | null {
    return this.flag() ? this.text() : null;
  }

  optionalNumber(): number | null {
    return this.flag() ? this.number() : null;
  }

  textUnless(known: string): string {
    return this.flag() ? this.text() : known;
  }

  numberUnless(known: number): number {
    return this.flag() ? this.number() : known;
  }
}
