/**
 * Packing of small numbers and short strings into bytes: unsigned LEB128 varints (safe integers), zigzag for signed
 * ones, strings as length and UTF-8. Pure; the writer reuses one growing buffer.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class PackWriter {
  private buffer = new Uint8Array(1024);
  private length = 0;

  restart(): this {
    this.length = 0;
    return this;
  }

  private room(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + more));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  byte(value: number): void {
    this.room(1);
    this.buffer[this.length++] = value;
  }

  /** A safe non-negative integer. */
  uint(value: number): void {
    this.room(8);
    while (value >= 128) {
      this.buffer[this.length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.buffer[this.length++] = value;
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
    return this.length;
  }

  copyTo(target: Uint8Array, at: number): void {
    target.set(this.buffer.subarray(0, this.length), at);
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}

export class PackReader {
  private offset = 0;
  private readonly buffer: Uint8Array;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
  }

  /** Octets read. */
  get position(): number {
    return this.offset;
  }

  get done(): boolean {
    return this.offset >= this.buffer.length;
  }

  byte(): number {
    const value = this.buffer[this.offset];
    if (value === undefined) throw new Error('packed bytes end too early');
    this.offset += 1;
    return value;
  }

  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
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
    if (text.length > 127 || buffer[offset] !== text.length) return false;
    for (let i = 0; i < text.length; i += 1) if (buffer[offset + 1 + i] !== text.charCodeAt(i)) return false;
    this.offset = offset + 1 + text.length;
    return true;
  }

  blob(): Uint8Array {
    return this.take(this.uint()).slice();
  }

  private take(length: number): Uint8Array {
    if (this.offset + length > this.buffer.length) throw new Error('packed bytes end too early');
    const part = this.buffer.subarray(this.offset, this.offset + length);
    this.offset += length;
    return part;
  }
}
