/** The schema that all migrations together give, as SQLite keeps it. */
import { DatabaseSync } from 'node:sqlite';
import { migrations } from '../../src/data/sqlite/database.ts';

export function schemaSql(): string {
  const all = migrations();
  const db = new DatabaseSync(':memory:');
  for (const { sql } of all) db.exec(sql);
  const rows = db
    .prepare(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY tbl_name, type DESC, name",
    )
    .all() as { sql: string }[];
  db.close();
  const head = `-- Generated: the tables after migration ${all.at(-1)?.number ?? 0}. Changes go into a new migration.\n`;
  return `${head}\n${rows.map(({ sql }) => `${sql};\n`).join('\n')}`;
}
