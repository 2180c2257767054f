/**
 * Checkpoints: the log is put into the main file every so many pages, after the answers of a group are out.
 *
 * By itself SQLite would do it inside a commit, whose group would wait for it, and would pass over a flush that failed there.
 * A thread of its own for it was measured and gave nothing: the longest groups were as long, and the log grew tenfold.
 */
import type { DatabaseSync } from 'node:sqlite';

/** 96 MB of log: pages that change in every group are written to the main file a third as often as with SQLite's usual measure. */
const PAGES = 12_000;
/** Beyond so many pages SQLite does it inside a commit after all. */
export const MOST_PAGES = 32_000;
const MOST_GROUPS = 4096;

export class Checkpoints {
  private readonly db: DatabaseSync;
  private groups = 0;
  /** Groups until the log has about its pages, as the last ones wrote. */
  private every = 16;

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  /** After a group's answers. Throws what the disk reports. */
  afterGroup(): void {
    this.groups += 1;
    if (this.groups >= this.every) this.run();
  }

  run(): void {
    const { log } = this.db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as { log: number };
    const wanted = Math.floor((this.groups * PAGES) / Math.max(1, log));
    // Groups grow at once when load comes: never more than twice as far ahead as the last time.
    this.every = Math.max(1, Math.min(wanted, this.every * 2, MOST_GROUPS));
    this.groups = 0;
  }
}
