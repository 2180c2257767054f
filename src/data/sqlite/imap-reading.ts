/** How the reading of mailboxes goes, as people see it. */
import type { DatabaseSync } from 'node:sqlite';
import type { ImapReading } from '../port/senders.ts';
import { prepared } from './database.ts';

/** Null before the first try. */
export function readingOf(db: DatabaseSync, mailbox: number): ImapReading | null {
  const row = prepared(db, 'SELECT state, error, since, seen_at FROM imap_place WHERE mailbox = ?').get(mailbox);
  if (row === undefined) return null;
  return {
    state: row['state'] as ImapReading['state'],
    error: row['error'] as string | null,
    since: row['since'] as number,
    lastSeenAt: row['seen_at'] as number | null,
  };
}
