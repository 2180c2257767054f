/**
 * Recipients of live mode that were accepted for now and that no worker has taken yet.
 *
 * Most recipients leave at once, so they never enter the index of what is due: it lies by space and time, and each of them
 * would touch a page of its own twice. Their `due` is `AT_ONCE` instead of a time, and their numbers stand here, by space and
 * in order of arrival. A start finds them again by an index in order of arrival, which holds them alone and ends where they do.
 *
 * Invariants: what has `due = AT_ONCE` in the table stands here; what stands here may have been changed since, and whoever takes
 * it looks at its row and gives it another `due`, or ends it. At most `MOST` stand here: beyond, a recipient gets a time, and the index.
 */
import type { DatabaseSync } from 'node:sqlite';

/** In place of a time: due since it arrived. Any other `due` takes a row out of here. */
export const AT_ONCE = -1;

/** Eight octets each. */
const MOST = 1_000_000;
/** Taken numbers are cut off a list when so many stand before the first that waits. */
const CUT_AT = 1024;

type Waiting = { rows: number[]; first: number };

export class FreshRows {
  private readonly spaces = new Map<number, Waiting>();
  private readonly most: number;
  private count = 0;

  constructor(most = MOST) {
    this.most = most;
  }

  /** False where there is no room: the recipient then needs a time of its own. */
  add(space: number, row: number): boolean {
    if (this.count >= this.most) return false;
    this.push(space, row);
    return true;
  }

  private push(space: number, row: number): void {
    const waiting = this.spaces.get(space);
    if (waiting === undefined) this.spaces.set(space, { rows: [row], first: 0 });
    else waiting.rows.push(row);
    this.count += 1;
  }

  get size(): number {
    return this.count;
  }

  has(space: number): boolean {
    return this.spaces.has(space);
  }

  /** The recipient of a space that has waited longest, or null. */
  first(space: number): number | null {
    const waiting = this.spaces.get(space);
    return waiting === undefined ? null : waiting.rows[waiting.first]!;
  }

  /** Takes that recipient off. */
  shift(space: number): void {
    const waiting = this.spaces.get(space);
    if (waiting === undefined) return;
    this.count -= 1;
    waiting.first += 1;
    if (waiting.first === waiting.rows.length) this.spaces.delete(space);
    else if (waiting.first >= CUT_AT && waiting.first * 2 >= waiting.rows.length) {
      waiting.rows = waiting.rows.slice(waiting.first);
      waiting.first = 0;
    }
  }

  /** Reads anew what waits; answers with the spaces in which something does. */
  load(db: DatabaseSync): Iterable<number> {
    this.clear();
    const rows = db
      .prepare('SELECT id, space FROM recipient INDEXED BY recipient_fresh WHERE due < 0 ORDER BY id')
      .iterate() as IterableIterator<unknown> as IterableIterator<{ id: number; space: number }>;
    for (const { id, space } of rows) this.push(space, id);
    return this.spaces.keys();
  }

  clear(): void {
    this.spaces.clear();
    this.count = 0;
  }
}
