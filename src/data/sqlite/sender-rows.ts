/** Providers and mailboxes as rows, and the pool that a space is loaded with. */
import type { DatabaseSync } from 'node:sqlite';
import { type Ramp, warmupPlaces } from '../../policy/document.ts';
import {
  DEFAULT_PROVIDER,
  DEFAULT_PROVIDER_NAME,
  type Mailbox,
  type Pool,
  type Provider,
  type ProviderCaps,
} from '../../policy/pool.ts';
import type { ImapSettings } from '../port/imap.ts';
import { prepared } from './database.ts';
import type { Row } from './rows.ts';

export function providerOf(row: Row): Provider {
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    name: row['name'] as string,
    kind: row['kind'] as Provider['kind'],
    state: row['state'] as Provider['state'],
    stateNote: row['state_note'] as string | null,
    weight: row['weight'] as number,
    priority: row['priority'] as number,
    caps: JSON.parse(row['caps'] as string) as ProviderCaps,
    version: row['version'] as number,
  };
}

export type DefaultOff = { note: string | null; off_by: string; since: number };

/** The row that turns the gateway's own provider off in a space, or null. */
export function defaultOff(db: DatabaseSync, space: number): DefaultOff | null {
  const row = prepared(db, 'SELECT note, off_by, since FROM default_provider_off WHERE space = ?').get(space);
  return (row as DefaultOff | undefined) ?? null;
}

export function defaultProvider(off: DefaultOff | null): Provider {
  return {
    no: DEFAULT_PROVIDER,
    id: DEFAULT_PROVIDER_NAME,
    name: DEFAULT_PROVIDER_NAME,
    kind: 'default',
    state: off === null ? 'active' : 'inactive',
    stateNote: off?.note ?? null,
    weight: 1,
    priority: 0,
    caps: {},
    version: 1,
  };
}

export function mailboxOf(row: Row): Mailbox {
  const warmup = row['warmup'] as string | null;
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    address: row['address'] as string,
    provider: row['provider'] as number,
    identity: row['identity'] as number | null,
    dailyCap: row['daily_cap'] as number | null,
    warmup: warmup === null ? null : { places: warmupPlaces(JSON.parse(warmup) as Ramp) },
    state: row['state'] as Mailbox['state'],
    pausedBy: row['paused_by'] === 'person' ? 'tenant' : (row['paused_by'] as Mailbox['pausedBy']),
    health: row['health'] as number,
    excludedSince: row['excluded_since'] as number | null,
    // Reckoned at the first look; until then it may be at any time.
    recoversAt: row['excluded_since'] === null ? null : 0,
    version: row['version'] as number,
  };
}

/** Where its mail is read, or null. */
export function imapOf(row: Row): ImapSettings | null {
  const url = row['imap_url'] as string | null;
  if (url === null) return null;
  return { url, appendToSent: row['imap_append'] === 1, sealed: row['imap_sealed'] as Uint8Array | null };
}

/** Null where the tenant has neither providers nor mailboxes of its own and uses the gateway's. */
export function loadPool(db: DatabaseSync, space: number): Pool | null {
  const own = prepared(db, 'SELECT * FROM provider WHERE space = ? AND deleted_at IS NULL ORDER BY no').all(space);
  const rows = prepared(db, 'SELECT * FROM mailbox WHERE space = ? AND deleted_at IS NULL ORDER BY no').all(space);
  const off = defaultOff(db, space);
  if (own.length === 0 && rows.length === 0 && off === null) return null;
  const providers = new Map<number, Provider>([[DEFAULT_PROVIDER, defaultProvider(off)]]);
  for (const row of own) providers.set(row['no'] as number, providerOf(row));
  const mailboxes = new Map<number, Mailbox>();
  const byIdentity = new Map<number, Mailbox[]>();
  for (const row of rows) {
    const mailbox = mailboxOf(row);
    mailboxes.set(mailbox.no, mailbox);
    if (mailbox.identity === null) continue;
    const siblings = byIdentity.get(mailbox.identity);
    if (siblings === undefined) byIdentity.set(mailbox.identity, [mailbox]);
    else siblings.push(mailbox);
  }
  return { providers, mailboxes, byIdentity };
}

/** Ids of an identity's mailboxes, in the order they were made. */
export function mailboxesOf(db: DatabaseSync, identityNo: number): string[] {
  const rows = prepared(db, 'SELECT id FROM mailbox WHERE identity = ? AND deleted_at IS NULL ORDER BY no').all(
    identityNo,
  );
  return rows.map(({ id }) => id as string);
}

/** A row of `provider` by id or name; `default` has none. */
export function providerRow(db: DatabaseSync, space: number, id: string): Row | undefined {
  return prepared(db, 'SELECT * FROM provider WHERE space = ? AND (id = ? OR name = ?) AND deleted_at IS NULL').get(
    space,
    id,
    id,
  );
}

/** A row of `mailbox` by id or address key. */
export function mailboxRow(db: DatabaseSync, space: number, id: string): Row | undefined {
  return prepared(
    db,
    'SELECT * FROM mailbox WHERE space = ? AND (id = ? OR address_key = ?) AND deleted_at IS NULL',
  ).get(space, id, id);
}
