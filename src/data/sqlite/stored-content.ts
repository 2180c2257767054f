/** The stored content of one message, as readers of it have it. */
import type { DatabaseSync } from 'node:sqlite';
import type { MessagesReads } from '../port/messages.ts';
import { BODY_BLOB, BODY_JSON, BODY_ZSTD, unpackBody } from './bodies.ts';
import { prepared } from './database.ts';

/** Null where it was removed, or cannot be read any more. */
export function contentOf(db: DatabaseSync, message: number): Awaited<ReturnType<MessagesReads['messageContent']>> {
  const row = prepared(db, 'SELECT body_form, body FROM message WHERE id = ?').get(message) as
    | { body_form: number; body: Uint8Array | string | null }
    | undefined;
  if (row === undefined || row.body === null) return null;
  if (row.body_form === BODY_BLOB) return { blob: String(row.body) };
  const { body } = row;
  if (row.body_form === BODY_JSON) return { inline: typeof body === 'string' ? Buffer.from(body) : body };
  const unpacked = row.body_form === BODY_ZSTD ? unpackBody(body as Uint8Array) : null;
  return unpacked === null ? null : { inline: unpacked };
}
