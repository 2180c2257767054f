/** The clock of a space, as a reader sees it. */
import type { DatabaseSync } from 'node:sqlite';

/** Where its test clock stands, in milliseconds; null: it has real time. */
export function frozenIn(db: DatabaseSync, space: number): number | null {
  const clock = db.prepare('SELECT now FROM test_clock WHERE space = ?').get(space) as { now: number } | undefined;
  return clock?.now ?? null;
}

/** The space's time, as near as a reader knows it. */
export function nowIn(db: DatabaseSync, space: number): number {
  return frozenIn(db, space) ?? Date.now();
}
