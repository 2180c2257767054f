/** Every place in which something sealed stands: a new one is one line here, and a test holds the schema against it. */
import type { DatabaseSync } from 'node:sqlite';
import type { SealedReads, SealedRow, SealedWrites } from '../port/sealed.ts';
import type { ReadCalls, WriteCalls } from './calls.ts';

type Place = {
  table: string;
  column: string;
  /** What values are sealed for, as SQL. */
  context: string;
  join?: string;
};

export const SEALED_PLACES: Readonly<Record<string, Place>> = {
  provider: { table: 'provider', column: 'sealed', context: "'provider/' || t.id" },
  mailbox: { table: 'mailbox', column: 'sealed', context: "'mailbox/' || t.id" },
  imap: { table: 'mailbox', column: 'imap_sealed', context: "'mailbox/' || t.id || '/imap'" },
  hook: { table: 'return_hook', column: 'sealed', context: "'return-hook/' || t.id" },
  webhook: { table: 'webhook', column: 'sealed', context: "'webhook/' || t.id" },
  webhook_old: { table: 'webhook', column: 'old_sealed', context: "'webhook/' || t.id" },
  dkim: {
    table: 'domain_key',
    column: 'sealed',
    context: "'domain/' || d.id || '/dkim/' || t.generation || '/' || t.algorithm",
    join: 'JOIN domain d ON d.no = t.domain',
  },
};

/** Settings are text: those with this beginning hold a sealed value in base64, for their own name. */
const SETTING = 'setting';
const SEALED_SETTINGS = 'dkim:%';

function currentOf(db: DatabaseSync, { place, key }: Pick<SealedRow, 'place' | 'key'>): Uint8Array | null {
  if (place === SETTING) {
    const value = settingOf(db, key as string);
    return value === null ? null : Buffer.from(value, 'base64');
  }
  const { table, column } = SEALED_PLACES[place]!;
  const row = db.prepare(`SELECT ${column} AS sealed FROM ${table} WHERE no = ?`).get(key);
  return (row?.['sealed'] as Uint8Array | null | undefined) ?? null;
}

function settingOf(db: DatabaseSync, name: string): string | null {
  const row = db.prepare('SELECT value FROM setting WHERE name = ?').get(name);
  return (row?.['value'] as string | undefined) ?? null;
}

function put(db: DatabaseSync, { place, key }: Pick<SealedRow, 'place' | 'key'>, sealed: Uint8Array): void {
  if (place === SETTING) {
    db.prepare('UPDATE setting SET value = ? WHERE name = ?').run(Buffer.from(sealed).toString('base64'), key);
    return;
  }
  const { table, column } = SEALED_PLACES[place]!;
  db.prepare(`UPDATE ${table} SET ${column} = ? WHERE no = ?`).run(sealed, key);
}

export const SEALED_READS: ReadCalls<SealedReads> = {
  sealedRows(db) {
    const found: SealedRow[] = [];
    for (const [place, { table, column, context, join = '' }] of Object.entries(SEALED_PLACES)) {
      const rows = db
        .prepare(
          `SELECT t.no AS key, t.${column} AS sealed, ${context} AS context FROM ${table} t ${join} WHERE t.${column} IS NOT NULL`,
        )
        .all();
      for (const { key, sealed, context: made } of rows) {
        found.push({ place, key: key as number, context: made as string, sealed: sealed as Uint8Array });
      }
    }
    for (const { name, value } of db
      .prepare('SELECT name, value FROM setting WHERE name LIKE ?')
      .all(SEALED_SETTINGS)) {
      const sealed = Buffer.from(value as string, 'base64');
      found.push({ place: SETTING, key: name as string, context: name as string, sealed });
    }
    return found;
  },
};

export const SEALED_WRITES: WriteCalls<SealedWrites> = {
  reseal({ db }, { rows, setting }) {
    const isAsBefore = rows.every((row) => {
      const current = currentOf(db, row);
      return current !== null && Buffer.compare(current, row.before) === 0;
    });
    if (!isAsBefore || (setting !== null && settingOf(db, setting.name) !== setting.before)) return false;
    for (const row of rows) put(db, row, row.after);
    if (setting !== null) {
      db.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)').run(setting.name, setting.after);
    }
    return true;
  },
};
