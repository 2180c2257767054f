/** Reads of providers and mailboxes. */
import { levelAt, newHealth, penaltiesOf, ratesOf, recoveryOf, scoreOf } from '../../policy/health.ts';
import { DEFAULT_PROVIDER_NAME } from '../../policy/pool.ts';
import type { HealthHour, ManagedProvider, ProviderSettings, SendersReads } from '../port/senders.ts';
import type { ReadCalls } from './calls.ts';
import { prepared } from './database.ts';
import { HOURS_KEPT } from './health-rows.ts';
import { healthAt, managedMailbox, managedProvider } from './managed-senders.ts';
import { below, pageOf } from './paging.ts';
import type { Row } from './rows.ts';
import { imapOf, mailboxRow, providerRow } from './sender-rows.ts';
import { nowIn } from './space-clock.ts';
import { spaceOf } from './spaces.ts';

const HOUR_MS = 3_600_000;

const numberOf = (row: Row): string => String(row['no']);

export const SENDERS_READS: ReadCalls<SendersReads> = {
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

  providers(db, { tenantNo, mode, limit, cursor }) {
    const space = spaceOf(tenantNo, mode);
    const rows = prepared(
      db,
      'SELECT * FROM provider WHERE space = ? AND deleted_at IS NULL AND no < ? ORDER BY no DESC LIMIT ?',
    ).all(space, below(cursor), limit + 1);
    const show = (row: Row): ManagedProvider => managedProvider(db, space, row);
    if (cursor !== null) {
      const page = pageOf<Row>(rows, limit, numberOf);
      return { rows: page.rows.map(show), next: page.next };
    }
    // The gateway's own has the first place of the first page.
    const shown = rows.slice(0, limit - 1);
    const next = rows[limit - 1];
    return {
      rows: [managedProvider(db, space, null), ...shown.map(show)],
      next: next === undefined ? null : String((next['no'] as number) + 1),
    };
  },

  provider(db, { tenantNo, mode, id }) {
    const space = spaceOf(tenantNo, mode);
    if (id === DEFAULT_PROVIDER_NAME) return managedProvider(db, space, null);
    const row = providerRow(db, space, id);
    return row === undefined ? null : managedProvider(db, space, row);
  },

  failingProviders(db, { before, most }) {
    const rows = prepared(
      db,
      `SELECT * FROM provider WHERE state = 'error' AND deleted_at IS NULL AND coalesce(tested_at, 0) <= ?
       ORDER BY tested_at LIMIT ?`,
    ).all(before, most);
    return rows.map((row) => managedProvider(db, row['space'] as number, row));
  },

  mailboxes(db, { tenantNo, mode, identity, provider, limit, cursor }) {
    const rows = prepared(
      db,
      `SELECT * FROM mailbox WHERE space = ? AND deleted_at IS NULL AND no < ? AND (? IS NULL OR identity = ?)
       AND (? IS NULL OR provider = ?) ORDER BY no DESC LIMIT ?`,
    ).all(spaceOf(tenantNo, mode), below(cursor), identity, identity, provider, provider, limit + 1);
    const page = pageOf<Row>(rows, limit, numberOf);
    return { rows: page.rows.map((row) => managedMailbox(db, row)), next: page.next };
  },

  mailbox(db, { tenantNo, mode, id }) {
    const row = mailboxRow(db, spaceOf(tenantNo, mode), id);
    return row === undefined ? null : managedMailbox(db, row);
  },

  mailboxHealth(db, { tenantNo, mode, no }) {
    const now = nowIn(db, spaceOf(tenantNo, mode));
    const health = healthAt(db, no, now) ?? newHealth(now);
    const row = prepared(db, 'SELECT excluded_since FROM mailbox WHERE no = ?').get(no);
    const hours = prepared(
      db,
      'SELECT * FROM mailbox_hour WHERE mailbox = ? AND hour > ? ORDER BY hour DESC LIMIT ?',
    ).all(no, Math.floor(now / HOUR_MS) - HOURS_KEPT, HOURS_KEPT);
    const level = levelAt(scoreOf(health), health.level);
    return {
      score: scoreOf(health),
      level,
      excludedSince: level === 'excluded' ? ((row?.['excluded_since'] as number | null) ?? null) : null,
      recoversAt: level === 'excluded' ? recoveryOf(health, now) : null,
      rates: ratesOf(health),
      penalties: penaltiesOf(health),
      hours: hours.map(hourOf),
    };
  },
};

function hourOf(row: Row): HealthHour {
  const count = (name: string): number => row[name] as number;
  return {
    at: count('hour') * HOUR_MS,
    delivered: count('delivered'),
    deferred: count('deferred'),
    bounced: count('bounced'),
    complained: count('complained'),
    auth_failed: count('auth_failed'),
    score: count('score'),
  };
}
