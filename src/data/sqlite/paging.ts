/** Pages of lists that run along a number: newest first, and the cursor is the last number shown. */
import type { Page } from '../store.ts';

const BEYOND = Number.MAX_SAFE_INTEGER;

/** Where a page begins: everything below this number. A cursor that is none of ours begins nowhere. */
export function below(cursor: string | null): number {
  if (cursor === null) return BEYOND;
  return /^[0-9]{1,15}$/.test(cursor) ? Number(cursor) : 0;
}

/** Makes a page of one row more than were asked for. */
export function pageOf<Row>(rows: Row[], limit: number, cursorOf: (row: Row) => string): Page<Row> {
  if (rows.length <= limit) return { rows, next: null };
  const shown = rows.slice(0, limit);
  return { rows: shown, next: cursorOf(shown[limit - 1]!) };
}
