/** Providers and mailboxes as people see them. */
import type { DatabaseSync } from 'node:sqlite';
import type { Ramp } from '../../policy/document.ts';
import { fade, type Health, recoveryOf, scoreOf } from '../../policy/health.ts';
import { DEFAULT_PROVIDER_NAME, type ProviderState } from '../../policy/pool.ts';
import type { ManagedMailbox, ManagedProvider } from '../port/senders.ts';
import { prepared } from './database.ts';
import { readingOf } from './imap-reading.ts';
import type { Row } from './rows.ts';
import { defaultOff, defaultProvider, imapOf, mailboxOf, providerOf } from './sender-rows.ts';
import { nowIn } from './space-clock.ts';

/** Of an own provider, or of the gateway's where `row` is null. */
export function managedProvider(db: DatabaseSync, space: number, row: Row | null): ManagedProvider {
  const provider = row === null ? defaultProvider(defaultOff(db, space)) : providerOf(row);
  const used = prepared(
    db,
    'SELECT count(*) AS n FROM mailbox WHERE provider = ? AND space = ? AND deleted_at IS NULL',
  ).get(provider.no, space) as { n: number };
  return {
    ...provider,
    url: (row?.['url'] as string | undefined) ?? null,
    ehloName: (row?.['ehlo_name'] as string | undefined) ?? null,
    hasCredentials: row !== null && row['sealed'] !== null,
    testedAt: (row?.['tested_at'] as number | undefined) ?? null,
    mailboxes: used.n,
    createdAt: (row?.['created_at'] as number | undefined) ?? null,
    updatedAt: (row?.['updated_at'] as number | undefined) ?? null,
  };
}

/** The health of a mailbox as it has faded until now; null: nothing has happened through it yet. */
export function healthAt(db: DatabaseSync, no: number, now: number): Health | null {
  const row = prepared(db, 'SELECT state FROM mailbox_health WHERE mailbox = ?').get(no);
  if (row === undefined) return null;
  const health = JSON.parse(row['state'] as string) as Health;
  fade(health, now);
  return health;
}

/** With its health as it is by now: bad signs fade also where nothing happens. */
export function managedMailbox(db: DatabaseSync, row: Row): ManagedMailbox {
  const mailbox = mailboxOf(row);
  const now = nowIn(db, row['space'] as number);
  const health = healthAt(db, mailbox.no, now);
  if (health !== null) mailbox.health = scoreOf(health);
  if (mailbox.excludedSince !== null && health !== null) mailbox.recoversAt = recoveryOf(health, now);
  const provider = prepared(db, 'SELECT id, name, state FROM provider WHERE no = ?').get(mailbox.provider);
  const identity = prepared(db, 'SELECT id, handle FROM identity WHERE no = ?').get(mailbox.identity);
  const imap = imapOf(row);
  const ramp = row['warmup'] as string | null;
  return {
    ...mailbox,
    ramp: ramp === null ? null : (JSON.parse(ramp) as Ramp),
    providerId: (provider?.['id'] as string | undefined) ?? DEFAULT_PROVIDER_NAME,
    providerName: (provider?.['name'] as string | undefined) ?? DEFAULT_PROVIDER_NAME,
    providerState:
      (provider?.['state'] as ProviderState | undefined) ??
      defaultProvider(defaultOff(db, row['space'] as number)).state,
    identityId: (identity?.['id'] as string | undefined) ?? null,
    identityHandle: (identity?.['handle'] as string | undefined) ?? null,
    stateNote: row['state_note'] as string | null,
    hasCredentials: row['sealed'] !== null,
    imap:
      imap === null
        ? null
        : {
            ...{ url: imap.url, appendToSent: imap.appendToSent, hasCredentials: imap.sealed !== null },
            reading: readingOf(db, mailbox.no),
          },
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  };
}
