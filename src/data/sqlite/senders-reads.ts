/** Reads of providers and mailboxes. */
import type { DatabaseSync } from 'node:sqlite';
import type { ProviderSettings, SendersReads } from '../port/senders.ts';
import { prepared } from './database.ts';
import { imapOf } from './sender-rows.ts';

type Calls = {
  [Name in keyof SendersReads]: (
    db: DatabaseSync,
    input: Parameters<SendersReads[Name]>[0],
  ) => Awaited<ReturnType<SendersReads[Name]>>;
};

export const SENDERS_READS: Calls = {
  providerSettings(db, { no }) {
    const row = prepared(db, 'SELECT * FROM provider WHERE no = ? AND deleted_at IS NULL').get(no);
    if (row === undefined) return null;
    return {
      id: row['id'] as string,
      kind: row['kind'] as ProviderSettings['kind'],
      url: row['url'] as string,
      sealed: row['sealed'] as Uint8Array | null,
      ehloName: row['ehlo_name'] as string | null,
      version: row['version'] as number,
    };
  },

  mailboxSettings(db, { no }) {
    const row = prepared(db, 'SELECT * FROM mailbox WHERE no = ? AND deleted_at IS NULL').get(no);
    if (row === undefined) return null;
    return {
      id: row['id'] as string,
      address: row['address'] as string,
      provider: row['provider'] as number,
      imap: imapOf(row),
      sealed: row['sealed'] as Uint8Array | null,
      version: row['version'] as number,
    };
  },
};
