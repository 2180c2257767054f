/**
 * Room set aside on the data's disk. When the disk is full it is given up, so that what is already on its way can still be
 * recorded; as long as it cannot be made again, nothing new is taken on.
 */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'reserve';
/** Settling one delivery takes about 40 KB of log, which is emptied after each group while the disk is full. */
export const RESERVE_BYTES = 8 * 1024 * 1024;
const CHUNK = new Uint8Array(1024 * 1024);
/** Less than this beside the reserve counts as full at a start. */
const ROOM_TO_START = 4 * 1024 * 1024;

export class Reserve {
  private readonly path: string;
  private readonly directory: string;
  private readonly bytes: number;

  constructor(directory: string, bytes: number) {
    this.directory = directory;
    this.path = join(directory, FILE);
    this.bytes = bytes;
  }

  /** True when the room is set aside, now or already. */
  make(): boolean {
    if (existsSync(this.path) && statSync(this.path).size === this.bytes) return true;
    try {
      const file = openSync(this.path, 'w', 0o600);
      try {
        for (let left = this.bytes; left > 0; left -= CHUNK.length) {
          const wanted = Math.min(left, CHUNK.length);
          if (writeSync(file, CHUNK, 0, wanted) < wanted) throw new Error('short write');
        }
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      return true;
    } catch {
      this.release();
      return false;
    }
  }

  release(): void {
    rmSync(this.path, { force: true });
  }

  /** Whether a start would run out of room at once. */
  isTight(): boolean {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize < Math.min(ROOM_TO_START, this.bytes);
  }
}
