/** What the writer tells the flusher, in memory that both see: the number of the last commit, and that no more will come. */

const COMMITTED = 0;
const ENDS = 1;

export class CommitMarks {
  private readonly cells: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.cells = new Int32Array(shared);
  }

  static shared(): SharedArrayBuffer {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Counts a commit. Its number begins anew after 2^32 of them. */
  commit(): void {
    Atomics.add(this.cells, COMMITTED, 1);
    Atomics.notify(this.cells, COMMITTED);
  }

  get last(): number {
    return Atomics.load(this.cells, COMMITTED);
  }

  end(): void {
    Atomics.store(this.cells, ENDS, 1);
    this.commit();
  }

  /** Blocks the thread until there is a commit after `seen`; the last one's number, or null at the end. */
  awaitCommit(seen: number): number | null {
    Atomics.wait(this.cells, COMMITTED, seen);
    return Atomics.load(this.cells, ENDS) === 1 ? null : this.last;
  }
}

/** Whether a commit is the other or came before it: numbers are few apart, wherever they begin anew. */
export function isUpTo(commit: number, other: number): boolean {
  return ((other - commit) | 0) >= 0;
}
