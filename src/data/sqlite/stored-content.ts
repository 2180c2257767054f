/** The stored content of one message, as readers of it have it. */
import type { DatabaseSync } from 'node:sqlite';
import { type BodyRow, openBody } from './bodies.ts';
import { prepared } from './database.ts';

/** Null where it was removed, or cannot be read any more. */
export function contentOf(db: DatabaseSync, message: number): ReturnType<typeof openBody> {
  const row = prepared(db, 'SELECT body_form, body FROM message WHERE id = ?').get(message) as BodyRow | undefined;
  return row === undefined ? null : openBody(row);
}
