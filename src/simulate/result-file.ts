/** The lines of a simulation's results, written in pieces; past the bound nothing more is kept. */
import { closeSync, openSync, writeSync } from 'node:fs';

const PIECE = 64 * 1024;

export class ResultFile {
  private readonly file: number;
  private readonly maxBytes: number;
  private piece = '';
  private bytes = 0;
  /** Whether the bound was reached. */
  isFull = false;

  constructor(path: string, maxBytes = Number.POSITIVE_INFINITY) {
    this.file = openSync(path, 'w', 0o600);
    this.maxBytes = maxBytes;
  }

  add(body: object): void {
    if (this.isFull) return;
    this.piece += `${JSON.stringify(body)}\n`;
    if (this.piece.length >= PIECE) this.flush();
  }

  private flush(): void {
    const octets = Buffer.from(this.piece);
    this.piece = '';
    if (this.bytes + octets.length > this.maxBytes) {
      this.isFull = true;
      return;
    }
    for (let at = 0; at < octets.length; ) at += writeSync(this.file, octets, at);
    this.bytes += octets.length;
  }

  close(): void {
    if (!this.isFull) this.flush();
    closeSync(this.file);
  }
}
