/** The writer's state in this thread: groups run one by one under the test's eyes, and can be undone as a crash would. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Sweep, Swept } from '../../src/data/port/sweeps.ts';
import { openArchives } from '../../src/data/sqlite/archives.ts';
import { migrate, openReader, openWriter } from '../../src/data/sqlite/database.ts';
import { READER_CALLS } from '../../src/data/sqlite/reader-calls.ts';
import { sweep } from '../../src/data/sqlite/sweeps.ts';
import { WRITER_CALLS } from '../../src/data/sqlite/writer-calls.ts';
import { type WriterOptions, WriterState } from '../../src/data/sqlite/writer-state.ts';
import type { Store, StoreWrites } from '../../src/data/store.ts';
import { START } from './sqlite-store.ts';

export class TestWriter {
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-writer-'));
  readonly db: DatabaseSync;
  readonly reader: DatabaseSync;
  state: WriterState;
  now = START;
  private readonly options: WriterOptions;

  constructor(options: Partial<WriterOptions> = {}) {
    this.options = { directory: this.directory, domain: 'postern.localhost', ...options };
    this.db = openWriter(this.directory);
    this.db.exec('PRAGMA synchronous = OFF');
    migrate(this.db, this.directory, this.now);
    this.reader = openReader(this.directory);
    openArchives(this.reader, this.directory, false);
    this.state = new WriterState(this.db, this.options);
  }

  /** One group. `lost`: its commit does not reach the disk. */
  group<T>(work: (state: WriterState) => T, lost = false): T {
    this.state.startGroup(this.now);
    this.db.exec('BEGIN IMMEDIATE');
    this.state.begin();
    const result = work(this.state);
    this.state.endGroup();
    this.db.exec(lost ? 'ROLLBACK' : 'COMMIT');
    if (lost) this.state.recover();
    this.state.afterCommit();
    return result;
  }

  /** The store's methods, each call a group of its own. */
  get store(): Store {
    const calls: Record<string, unknown> = {};
    for (const name of Object.keys(WRITER_CALLS) as (keyof StoreWrites)[]) {
      const call = WRITER_CALLS[name] as (state: WriterState, input: unknown) => unknown;
      calls[name] = async (input: unknown) => this.group((state) => call(state, input));
    }
    for (const [name, call] of Object.entries(READER_CALLS)) {
      calls[name] = async (input: unknown) =>
        (call as (db: DatabaseSync, input: unknown) => unknown)(this.reader, input);
    }
    return calls as unknown as Store;
  }

  /** All slices of a sweep; answers with what they did in sum. */
  sweep(kind: Sweep, lost = false): Swept {
    const sum: Swept = { count: 0, more: false, unused: [] };
    for (let slices = 0; slices < 1000; slices += 1) {
      const { count, more, unused } = this.group((state) => sweep(state, { kind }), lost);
      sum.count += count;
      sum.unused.push(...unused);
      if (!more || lost) return sum;
    }
    throw new Error(`the sweep of ${kind} does not end`);
  }

  /** Opens the state anew on what was committed. */
  restart(): void {
    this.state.archives.close();
    this.state = new WriterState(this.db, this.options);
  }

  rows(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return this.db.prepare(sql).all(...values);
  }

  close(): void {
    this.state.archives.close();
    this.reader.close();
    this.db.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
