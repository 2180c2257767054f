/**
 * Archives: closed messages with their recipients, compressed, a file for each ISO week in which they were put away.
 *
 * A message is committed to its archive first and only then deleted from the main file: a crash in between leaves it in
 * both, never in neither, and readers prefer the main file. Events stay in the log until their own retention ends, since they
 * are numbered without gaps there. Retention of messages is the removal of a file.
 *
 * The writer brings a message back before it changes it (`recall`): what finds it there finds it in the main file again.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { prepared, type SQLInputValue } from './database.ts';

/** A whole row by column, as the table had it when it was archived. */
export type WholeRow = Record<string, SQLInputValue>;
export type Archived = { message: WholeRow; recipients: WholeRow[] };

type ArchiveRow = { week: string; file: string };

const LAYOUT = 1;
const MOST_OPEN = 4;
/** Recipients of one message are numbered on from its own number. */
const MOST_RECIPIENTS = 128;

const OPENING = `
  PRAGMA journal_mode = TRUNCATE;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  PRAGMA cache_size = -2000;
`;
const SCHEMA = `
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, space INTEGER NOT NULL, packed BLOB NOT NULL);
  PRAGMA user_version = ${LAYOUT};
  COMMIT;
`;

export class Archives {
  private readonly main: DatabaseSync;
  private readonly directory: string;
  /** Connections by file, the one used last at the end. */
  private readonly open = new Map<string, DatabaseSync>();
  /** Whether messages that are found are brought back. */
  readonly recalls: boolean;

  constructor(main: DatabaseSync, directory: string, recalls: boolean) {
    this.main = main;
    this.directory = directory;
    this.recalls = recalls;
  }

  /** The message with this number. */
  find(message: number): Archived | null {
    return this.newest(message, message, 'id = ?1', (found) => found.message['id'] === message);
  }

  /** The message that a recipient belongs to: its number is the recipient's or a few below. */
  findByRecipient(recipient: number): Archived | null {
    const has = (found: Archived): boolean => found.recipients.some((row) => row['id'] === recipient);
    return this.newest(recipient - MOST_RECIPIENTS, recipient, 'id <= ?1 ORDER BY id DESC LIMIT 1', has);
  }

  /** Looks through the archives that may hold a number from `low` to `high`, the newest first. */
  private newest(low: number, high: number, where: string, is: (found: Archived) => boolean): Archived | null {
    const rows = prepared(
      this.main,
      'SELECT week, file FROM archive WHERE first_message <= ? AND last_message >= ? ORDER BY week DESC',
    ).all(high, low) as ArchiveRow[];
    for (const { file } of rows) {
      const db = this.connection(file);
      const row = db === null ? undefined : prepared(db, `SELECT packed FROM message WHERE ${where}`).get(high);
      const found = row === undefined ? null : unpack(row['packed'] as Uint8Array);
      if (found !== null && is(found)) return found;
    }
    return null;
  }

  /** Commits messages to the archive of a week, and answers with its file. */
  put(week: string, messages: readonly Archived[]): string {
    const file = `archive-${week}.db`;
    const db = this.connection(file, true)!;
    const insert = db.prepare('INSERT OR REPLACE INTO message (id, space, packed) VALUES (?, ?, ?)');
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const one of messages) insert.run(one.message['id']!, one.message['space']!, pack(one));
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
    return file;
  }

  /**
   * Removes messages of some spaces from a file, numbered after `after` and below `until`, looking at `most` of them. Answers with the
   * last number looked at; null where there is nothing to look at.
   */
  prune(
    file: string,
    look: { after: number; until: number; most: number; isOver: (space: number) => boolean },
  ): { count: number; upTo: number | null } {
    const db = this.connection(file);
    if (db === null) return { count: 0, upTo: null };
    const rows = prepared(db, 'SELECT id, space FROM message WHERE id > ? AND id < ? ORDER BY id LIMIT ?').all(
      look.after,
      look.until,
      look.most,
    ) as { id: number; space: number }[];
    const gone = rows.filter(({ space }) => look.isOver(space));
    this.removeFrom(
      db,
      gone.map(({ id }) => id),
    );
    return { count: gone.length, upTo: rows.at(-1)?.id ?? null };
  }

  private removeFrom(db: DatabaseSync, ids: readonly number[]): void {
    if (ids.length === 0) return;
    const remove = prepared(db, 'DELETE FROM message WHERE id = ?');
    db.exec('BEGIN IMMEDIATE');
    for (const id of ids) remove.run(id);
    db.exec('COMMIT');
  }

  /** Removes every archived copy of a message of a space. */
  forgetMessage(message: number, space: number): void {
    const files = prepared(this.main, 'SELECT file FROM archive WHERE first_message <= ?1 AND last_message >= ?1').all(
      message,
    ) as { file: string }[];
    for (const { file } of files) {
      const db = this.connection(file);
      const found = db && prepared(db, 'SELECT space FROM message WHERE id = ?').get(message);
      if (found?.['space'] === space) this.removeFrom(db!, [message]);
    }
  }

  /** Removes what archives hold of a space (test data being emptied). */
  forgetSpace(space: number): void {
    for (const { file } of this.main.prepare('SELECT week, file FROM archive').all() as ArchiveRow[]) {
      this.connection(file, true)?.prepare('DELETE FROM message WHERE space = ?').run(space);
    }
  }

  /** Removes the file of an archive; one that is gone already is no fault. */
  remove(file: string): void {
    this.open.get(file)?.close();
    this.open.delete(file);
    for (const suffix of ['', '-journal']) rmSync(join(this.directory, file + suffix), { force: true });
  }

  close(): void {
    for (const db of this.open.values()) db.close();
    this.open.clear();
  }

  /** Null where the file is missing and none may be made. */
  private connection(file: string, write = false): DatabaseSync | null {
    const path = join(this.directory, file);
    const known = this.open.get(file);
    this.open.delete(file);
    if (known !== undefined && existsSync(path)) {
      this.open.set(file, known);
      return known;
    }
    known?.close();
    if (!write && !existsSync(path)) return null;
    for (const [oldest, db] of this.open) {
      if (this.open.size < MOST_OPEN) break;
      db.close();
      this.open.delete(oldest);
    }
    // A reader opens for writing too: it may meet a journal that a crash left, and must roll it back.
    const db = new DatabaseSync(path);
    db.exec(OPENING);
    const { user_version: layout } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (layout === 0) db.exec(SCHEMA);
    else if (layout !== LAYOUT) throw new Error(`${file} has layout ${layout}, this version reads ${LAYOUT}`);
    this.open.set(file, db);
    return db;
  }
}

const registered = new WeakMap<DatabaseSync, Archives>();

/** The archives beside a connection to the main file, or null where it has none. */
export function archivesOf(db: DatabaseSync): Archives | null {
  return registered.get(db) ?? null;
}

export function openArchives(db: DatabaseSync, directory: string, recalls: boolean): Archives {
  const archives = new Archives(db, directory, recalls);
  registered.set(db, archives);
  return archives;
}

function pack(archived: Archived): Uint8Array {
  const text = JSON.stringify(archived, (_name, value: unknown) =>
    value instanceof Uint8Array ? { $octets: Buffer.from(value).toString('base64') } : value,
  );
  return zstdCompressSync(text);
}

function unpack(packed: Uint8Array): Archived {
  return JSON.parse(zstdDecompressSync(packed).toString(), (_name, value: unknown) =>
    typeof value === 'object' && value !== null && '$octets' in value
      ? new Uint8Array(Buffer.from(String(value.$octets), 'base64'))
      : value,
  ) as Archived;
}

/** The ISO 8601 week that holds a time: `2026-W47`. Its year is that of its Thursday. */
export function isoWeek(ms: number): string {
  const day = 86_400_000;
  const weekday = (new Date(ms).getUTCDay() + 6) % 7;
  const thursday = new Date(Math.floor(ms / day) * day + (3 - weekday) * day);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * day));
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/** The first instant after an ISO week. */
export function endOfWeek(week: string): number {
  const day = 86_400_000;
  const [year, number] = week.split('-W').map(Number);
  const january4 = Date.UTC(year!, 0, 4);
  const monday = january4 - ((new Date(january4).getUTCDay() + 6) % 7) * day;
  return monday + number! * 7 * day;
}
