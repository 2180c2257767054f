/** An SQLite store in a folder of its own, on a clock that the test moves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EVENT_TYPES } from '../../src/core/events.ts';
import { spaceOf } from '../../src/data/sqlite/spaces.ts';
import { openSqliteStore, type SqliteStore } from '../../src/data/sqlite/store.ts';
import type { WriterOptions } from '../../src/data/sqlite/writer-state.ts';
import type { Space } from '../../src/data/store.ts';

/** Noon of a day in the middle of a month, so that calendar windows are cut only where a test means it. */
export const START = Date.UTC(2026, 10, 18, 12, 0, 0);

export class MovedClock {
  readonly cells = new SharedArrayBuffer(16);
  private readonly times = new Float64Array(this.cells);

  constructor(now = START) {
    this.times[0] = now;
  }

  get now(): number {
    return this.times[0]!;
  }

  /** Time goes by. */
  advance(ms: number): void {
    this.times[0]! += ms;
    this.times[1]! += ms;
  }

  /** The wall clock alone is set. */
  leap(ms: number): void {
    this.times[0]! += ms;
  }
}

export type OpenedStore = {
  readonly store: SqliteStore;
  readonly directory: string;
  clock: MovedClock;
  /** Sequence number, type and time of every event of a space, in order. */
  events(space: Space): { seq: number; type: string; at: number }[];
  /** Ends it as the end of the process would; `reopen` starts it again on the same data. */
  crash(): Promise<void>;
  reopen(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
};

export async function openTestStore(options: Partial<WriterOptions> = {}): Promise<OpenedStore> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'postern-store-'));
  const clock = new MovedClock();
  const start = async (): Promise<SqliteStore> => {
    const opened = await openSqliteStore({
      domain: 'postern.localhost',
      reserveBytes: 0,
      ...options,
      directory,
      clock: clock.cells,
    });
    if (!opened.ok) throw new Error(opened.message);
    return opened.store;
  };
  let store = await start();
  // Tests of the store send the same again and again: what the score makes of that is told elsewhere.
  const document = { quarantine: { mode: 'off' as const } };
  const by = { author: 'test', note: null };
  await store.putPolicy({ owner: 'default', tenantNo: 0, mode: null, document, ...by });
  let open = true;
  return {
    get store() {
      return store;
    },
    directory,
    clock,
    events({ tenantNo, mode }) {
      const db = new DatabaseSync(join(directory, 'postern.db'), { readOnly: true });
      try {
        const rows = db
          .prepare('SELECT seq, type, at FROM event WHERE space = ? ORDER BY seq')
          .all(spaceOf(tenantNo, mode));
        return rows.map((row) => ({
          seq: Number(row['seq']),
          type: EVENT_TYPES[Number(row['type'])]!,
          at: Number(row['at']),
        }));
      } finally {
        db.close();
      }
    },
    async crash() {
      open = false;
      await store.abandon();
    },
    async reopen() {
      if (open) await store.close();
      store = await start();
      open = true;
    },
    async close() {
      if (open) await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
