/**
 * Opening and migrating the SQLite file, and inserting many rows in a bounded number of statements.
 *
 * Durability: the log is flushed after every commit, by flusher.ts; SQLite itself flushes around checkpoints. Pages of 8 kB hold three messages with a body
 * of 2 kB; 4 kB pages held one and cost 1.7 times the processor time.
 */
import { closeSync, copyFileSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { MOST_PAGES } from './checkpoints.ts';

export type { SQLInputValue } from 'node:sqlite';

export const MAIN_FILE = 'postern.db';
const MIGRATIONS = new URL('./migrations/', import.meta.url);

export type Migration = { number: number; name: string; sql: string };

export function migrations(): Migration[] {
  return readdirSync(MIGRATIONS)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({
      number: Number(file.slice(0, 4)),
      name: file.slice(5, -4),
      sql: readFileSync(new URL(file, MIGRATIONS), 'utf8'),
    }));
}

export function openWriter(directory: string): DatabaseSync {
  const db = new DatabaseSync(join(directory, MAIN_FILE));
  db.exec(`
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = OFF;
    PRAGMA busy_timeout = 5000;
    PRAGMA cache_size = -16000;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = ${MOST_PAGES};
  `);
  return db;
}

export function openReader(directory: string): DatabaseSync {
  const db = new DatabaseSync(join(directory, MAIN_FILE), { readOnly: true });
  db.exec('PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8000;');
  return db;
}

export type MigrationResult = { ok: true; applied: string[] } | { ok: false; message: string };

/** Brings the file to the newest schema, each step whole; an existing older file is copied beside itself first. */
export function migrate(db: DatabaseSync, directory: string, now: number, all = migrations()): MigrationResult {
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
  const newest = all.at(-1)?.number ?? 0;
  if (row.user_version > newest) {
    return {
      ok: false,
      message: `The data in ${directory} has schema ${row.user_version}, newer than this version's ${newest}: start the newer version, or restore the backup made before it migrated.`,
    };
  }
  const pending = all.filter((migration) => migration.number > row.user_version);
  if (pending.length > 0 && row.user_version > 0) backup(db, directory, row.user_version, now);
  for (const migration of pending) {
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(migration.sql);
      db.exec(`PRAGMA user_version = ${migration.number}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
  return { ok: true, applied: pending.map((migration) => migration.name) };
}

/** Migrates a folder that nobody has open. */
export function migrateFolder(
  directory: string,
): { ok: true; applied: string[]; schema: number } | { ok: false; message: string } {
  const db = openWriter(directory);
  try {
    const result = migrate(db, directory, Date.now());
    if (!result.ok) return result;
    const { user_version: schema } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    return { ...result, schema };
  } finally {
    db.close();
  }
}

/** Named only once it is whole and on the disk. */
function backup(db: DatabaseSync, directory: string, version: number, now: number): void {
  const { busy } = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number };
  if (busy !== 0) throw new Error('the data is in use by another process, so no backup of it can be made');
  const target = join(directory, `postern-schema-${version}-${now}.backup.db`);
  copyFileSync(join(directory, MAIN_FILE), `${target}.part`);
  flush(`${target}.part`);
  renameSync(`${target}.part`, target);
  flush(directory);
}

function flush(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const statements = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

/** A statement, prepared once a connection. */
export function prepared(db: DatabaseSync, sql: string): StatementSync {
  let known = statements.get(db);
  if (known === undefined) {
    known = new Map();
    statements.set(db, known);
  }
  let statement = known.get(sql);
  if (statement === undefined) {
    statement = db.prepare(sql);
    known.set(sql, statement);
  }
  return statement;
}

/**
 * Rows of one table, gathered and then inserted in at most nine statements whatever their number: 256 rows at a time,
 * the rest in powers of two. Columns that are seldom given are left out where no row has a value for them.
 */
export class BulkInsert {
  private readonly whole: Inserts;
  private readonly brief: Inserts;
  /** Places of the columns that are seldom given, and of the others. */
  private readonly seldom: readonly number[];
  private readonly usual: readonly number[];
  /** Kept from group to group; those in use are the first. */
  private readonly values: SQLInputValue[] = [];
  private used = 0;
  private isBrief = true;

  /** `tail`: what follows the values, such as what to do where a row is there already. `seldom`: columns that are null without a value. */
  constructor(db: DatabaseSync, table: string, columns: readonly string[], tail = '', seldom: readonly string[] = []) {
    const places = columns.map((_, i) => i);
    this.seldom = places.filter((i) => seldom.includes(columns[i]!));
    this.usual = places.filter((i) => !seldom.includes(columns[i]!));
    this.whole = new Inserts(db, table, columns, tail);
    this.brief = new Inserts(
      db,
      table,
      this.usual.map((i) => columns[i]!),
      tail,
    );
  }

  add(...row: SQLInputValue[]): void {
    const { values } = this;
    let at = this.used;
    for (let i = 0; i < row.length; i += 1) values[at++] = row[i]!;
    this.used = at;
    if (!this.isBrief) return;
    for (const i of this.seldom) if (row[i] !== null) this.isBrief = false;
  }

  get count(): number {
    return this.used / this.whole.width;
  }

  clear(): void {
    this.values.fill(null, 0, this.used);
    this.used = 0;
    this.isBrief = true;
  }

  flush(): void {
    const { count } = this;
    if (count === 0) return;
    if (this.isBrief && this.seldom.length > 0) {
      this.leaveOut(count);
      this.brief.run(this.values, count);
    } else this.whole.run(this.values, count);
    this.clear();
  }

  /** Moves the values of the usual columns together. */
  private leaveOut(count: number): void {
    const { values, usual } = this;
    const { width } = this.whole;
    let to = 0;
    for (let row = 0; row < count; row += 1) for (const i of usual) values[to++] = values[row * width + i]!;
  }
}

/**
 * Inserts into some columns of a table, prepared as they are needed.
 *
 * With OR FAIL: by default SQLite copies each page before a statement of many rows changes it, to be able to undo that statement
 * alone. Here a failure undoes the whole group.
 */
class Inserts {
  readonly width: number;
  private readonly statements: (StatementSync | undefined)[] = [];
  private readonly db: DatabaseSync;
  private readonly head: string;
  private readonly tail: string;

  constructor(db: DatabaseSync, table: string, columns: readonly string[], tail: string) {
    this.db = db;
    this.width = columns.length;
    this.head = `INSERT OR FAIL INTO ${table} (${columns.join(', ')}) VALUES `;
    this.tail = tail;
  }

  /** The first `count` rows of `values`. */
  run(values: SQLInputValue[], count: number): void {
    let rest = count;
    let offset = 0;
    for (let power = 8; rest > 0; ) {
      const rows = 1 << power;
      if (rows > rest) {
        power -= 1;
        continue;
      }
      this.statement(power).run(...values.slice(offset, offset + rows * this.width));
      offset += rows * this.width;
      rest -= rows;
    }
  }

  private statement(power: number): StatementSync {
    const known = this.statements[power];
    if (known !== undefined) return known;
    const row = `(${new Array(this.width).fill('?').join(',')})`;
    const made = this.db.prepare(`${this.head}${new Array(1 << power).fill(row).join(',')} ${this.tail}`);
    this.statements[power] = made;
    return made;
  }
}
