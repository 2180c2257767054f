/** Where the platform's pause stands: a setting, which the writer reads when it starts and after a group that failed. */
import type { DatabaseSync } from 'node:sqlite';
import type { PlatformPause } from '../port/platform.ts';

const SETTING = 'platform_pause';

export function readPlatformPause(db: DatabaseSync): PlatformPause | null {
  const row = db.prepare('SELECT value FROM setting WHERE name = ?').get(SETTING);
  return row === undefined ? null : (JSON.parse(String(row['value'])) as PlatformPause);
}

/** Null: nothing is paused any more. */
export function writePlatformPause(db: DatabaseSync, pause: PlatformPause | null): void {
  if (pause === null) db.prepare('DELETE FROM setting WHERE name = ?').run(SETTING);
  else db.prepare('INSERT INTO setting (name, value) VALUES (?, ?)').run(SETTING, JSON.stringify(pause));
}
