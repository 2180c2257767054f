import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, it } from 'node:test';
import { schemaSql } from '../../scripts/render/schema-sql.ts';
import { MAIN_FILE, type Migration, migrate, migrations, openWriter } from '../../src/data/sqlite/database.ts';
import { openSqliteStore } from '../../src/data/sqlite/store.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-migrations-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const all = migrations();
const newest = all.at(-1)!.number;
const next: Migration = { number: newest + 1, name: 'more', sql: 'CREATE TABLE more (no INTEGER PRIMARY KEY);' };
const backups = (): string[] => readdirSync(directory).filter((name) => name.includes('backup'));

it('numbers migrations from 1 without gaps', () => {
  assert.deepEqual(
    all.map(({ number }) => number),
    all.map((_, i) => i + 1),
  );
});

it('brings an empty folder to the newest schema, without a backup', () => {
  const db = openWriter(directory);
  assert.deepEqual(migrate(db, directory, 0), { ok: true, applied: all.map(({ name }) => name) });
  assert.equal(Number(db.prepare('PRAGMA user_version').get()?.['user_version']), newest);
  assert.deepEqual(migrate(db, directory, 0), { ok: true, applied: [] });
  assert.deepEqual(backups(), []);
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all();
  for (const { name } of tables) assert.ok(schemaSql().includes(`CREATE TABLE ${name} `), String(name));
  db.close();
});

it('copies older data beside itself before it migrates them, with what only the log held', () => {
  const db = openWriter(directory);
  migrate(db, directory, 0);
  db.exec("INSERT INTO setting (name, value) VALUES ('kept', 'yes')");
  assert.deepEqual(migrate(db, directory, 1234, [...all, next]), { ok: true, applied: ['more'] });
  assert.equal(db.prepare("SELECT value FROM setting WHERE name = 'kept'").get()?.['value'], 'yes');
  assert.deepEqual(backups(), [`postern-schema-${newest}-1234.backup.db`]);
  db.close();
  const copy = new DatabaseSync(join(directory, backups()[0]!));
  assert.equal(Number(copy.prepare('PRAGMA user_version').get()?.['user_version']), newest);
  assert.equal(copy.prepare("SELECT value FROM setting WHERE name = 'kept'").get()?.['value'], 'yes');
  assert.equal(copy.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
  copy.close();
});

it('leaves the data as they were when a migration fails, and does it anew the next time', () => {
  const db = openWriter(directory);
  migrate(db, directory, 0);
  const broken = { ...next, sql: 'CREATE TABLE half (no INTEGER); INSERT INTO nowhere VALUES (1);' };
  assert.throws(() => migrate(db, directory, 1, [...all, broken]), /nowhere/);
  assert.equal(Number(db.prepare('PRAGMA user_version').get()?.['user_version']), newest);
  assert.equal(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'half'").get(), undefined);
  assert.ok(migrate(db, directory, 2, [...all, next]).ok);
  db.close();
});

it('stops before newer data with one sentence, and touches nothing', async () => {
  const db = openWriter(directory);
  migrate(db, directory, 0, [...all, next]);
  db.close();
  const opened = await openSqliteStore({ directory, domain: 'postern.localhost', reserveBytes: 0 });
  assert.ok(!opened.ok);
  assert.match(opened.message, new RegExp(`schema ${next.number}, newer than this version's ${newest}: .*\\.$`));
  assert.ok(!opened.message.includes('\n'));
  const again = new DatabaseSync(join(directory, MAIN_FILE));
  assert.equal(Number(again.prepare('PRAGMA user_version').get()?.['user_version']), next.number);
  again.close();
});

it('opens a backup in place of the data', async () => {
  const db = openWriter(directory);
  migrate(db, directory, 0);
  migrate(db, directory, 99, [...all, next]);
  db.close();
  const restored = mkdtempSync(join(tmpdir(), 'postern-restored-'));
  try {
    copyFileSync(join(directory, backups()[0]!), join(restored, MAIN_FILE));
    const opened = await openSqliteStore({ directory: restored, domain: 'postern.localhost', reserveBytes: 0 });
    assert.ok(opened.ok);
    assert.equal(await opened.store.health(), null);
    await opened.store.close();
  } finally {
    rmSync(restored, { recursive: true, force: true });
  }
});
