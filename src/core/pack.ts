/**
 * Packing of small numbers and short strings into bytes: unsigned LEB128 varints (safe integers), zigzag for signed
 * ones, strings as length and UTF-8. Pure; the writer reuses one growing buffer.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The buffer that parts are given out of: a buffer of its own for each costs more than filling it. */
const PARTS_OCTETS = 32_768;

/** 2^28: four groups of seven bits. */
const FOUR_GROUPS = 0x1000_0000;

export class PackWriter {
  private buffer = new Uint8Array(1024);
  /** Where what is being written begins: before it lie the parts that were given out. */
  private start = 0;
  private length = 0;

  restart(): this {
    this.length = this.start;
    return this;
  }

  private room(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const written = this.buffer.subarray(this.start, this.length);
    // What was given out keeps its buffer.
    const size = this.start > 0 ? Math.max(PARTS_OCTETS, written.length + more) : this.buffer.length * 2;
    this.buffer = new Uint8Array(Math.max(size, written.length + more));
    this.buffer.set(written);
    this.start = 0;
    this.length = written.length;
  }

  byte(value: number): void {
    this.room(1);
    this.buffer[this.length++] = value;
  }

  /** A safe non-negative integer. */
  uint(value: number): void {
    this.room(8);
    const { buffer } = this;
    let at = this.length;
    let rest = value;
    if (value >= FOUR_GROUPS) {
      // In two halves, so that each is a matter of 32-bit integers.
      rest = Math.floor(value / FOUR_GROUPS);
      const low = value - rest * FOUR_GROUPS;
      buffer[at++] = low | 128;
      buffer[at++] = (low >>> 7) | 128;
      buffer[at++] = (low >>> 14) | 128;
      buffer[at++] = (low >>> 21) | 128;
    }
    while (rest >= 128) {
      buffer[at++] = rest | 128;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    this.length = at;
  }

  int(value: number): void {
    this.uint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** A non-negative integer or null. */
  optional(value: number | null): void {
    this.uint(value === null ? 0 : value + 1);
  }

  text(value: string): void {
    this.room(value.length * 3 + 8);
    if (value === '') {
      this.buffer[this.length++] = 0;
      return;
    }
    if (value.length < 128 && this.ascii(value)) return;
    const bytes = encoder.encode(value);
    this.uint(bytes.length);
    this.room(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Short ASCII, written unit by unit: calling the encoder costs more. False, and nothing written, for other text. */
  private ascii(value: string): boolean {
    const { buffer } = this;
    let at = this.length;
    buffer[at++] = value.length;
    for (let i = 0; i < value.length; i += 1) {
      const unit = value.charCodeAt(i);
      if (unit > 127) return false;
      buffer[at++] = unit;
    }
    this.length = at;
    return true;
  }

  blob(value: Uint8Array): void {
    this.uint(value.length);
    this.room(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  get size(): number {
    return this.length - this.start;
  }

  copyTo(target: Uint8Array, at: number): void {
    target.set(this.view(), at);
  }

  /** What was written, true until the next writing. */
  view(): Uint8Array {
    return this.buffer.subarray(this.start, this.length);
  }

  /** What was written, which is not written over; many parts share a buffer, so none should be kept for long. */
  part(): Uint8Array {
    const part = this.view();
    this.start = this.length;
    return part;
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.buffer.slice(this.start, this.length);
  }
}

export class PackReader {
  private offset: number;
  private readonly end: number;
  private readonly buffer: Uint8Array;

  /** Reads from `start` up to `end`, else all of it. */
  constructor(buffer: Uint8Array, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.offset = start;
    this.end = end;
  }

  /** Where the next octet stands. */
  get position(): number {
    return this.offset;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  byte(): number {
    if (this.offset >= this.end) throw new Error('packed bytes end too early');
    const value = this.buffer[this.offset]!;
    this.offset += 1;
    return value;
  }

  uint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    for (let scale = FOUR_GROUPS; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  int(): number {
    const value = this.uint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  optional(): number | null {
    const value = this.uint();
    return value === 0 ? null : value - 1;
  }

  text(): string {
    const length = this.uint();
    if (length === 0) return '';
    return decoder.decode(this.take(length));
  }

  /** Whether this ASCII text comes next, which is then past: to read a text only to compare it costs more. */
  skipsText(text: string): boolean {
    const { buffer, offset } = this;
    if (text.length > 127 || offset + text.length >= this.end || buffer[offset] !== text.length) return false;
    for (let i = 0; i < text.length; i += 1) if (buffer[offset + 1 + i] !== text.charCodeAt(i)) return false;
    this.offset = offset + 1 + text.length;
    return true;
  }

  blob(): Uint8Array {
    return this.take(this.uint()).slice();
  }

  private take(length: number): Uint8Array {
    if (this.offset + length > this.end) throw new Error('packed bytes end too early');
    const part = this.buffer.subarray(this.offset, this.offset + length);
    this.offset += length;
    return part;
  }
}
