/** Lists of contacts, suppressions and identities. */
import type { DatabaseSync } from 'node:sqlite';
import type { SuppressionFact } from '../../policy/suppression.ts';
import type { ContactRow, ContactsReads } from '../port/contacts.ts';
import type { IdentitiesReads } from '../port/identities.ts';
import type { PlanDocument } from '../port/management.ts';
import type { ReadCalls } from './calls.ts';
import { contactOf } from './contacts.ts';
import { managedIdentity, type Tiers } from './identities.ts';
import { type LedgerRow, unpackEntry } from './ledger-entry.ts';
import { below, pageOf } from './paging.ts';
import { type Row, suppressionOf } from './rows.ts';
import { nowIn } from './space-clock.ts';
import { spaceOf } from './spaces.ts';

type Reads = ContactsReads & IdentitiesReads;
function tiersOf(db: DatabaseSync, tenantNo: number): Tiers {
  const row = db
    .prepare('SELECT p.document AS document FROM tenant t JOIN plan p ON p.name = t.plan WHERE t.no = ?')
    .get(tenantNo) as { document: string } | undefined;
  return row === undefined ? {} : ((JSON.parse(row.document) as PlanDocument).tiers ?? {});
}

/** Counters of scopes and domains are entries too; only an address has something before its "@". */
const COUNTER = /^#(?:tenant$|[a-z_]+:)/;
const isContact = (key: string): boolean => key.indexOf('@') > 0 && !COUNTER.test(key);

const BATCH = 500;

/** Contacts of a space in the order of their hashes, from behind `after`. */
function contactRows(db: DatabaseSync, space: number, after: number, most: number): LedgerRow[] {
  const select = db.prepare(
    'SELECT hash, space, key, lsn, state FROM ledger WHERE space = ? AND hash > ? ORDER BY hash LIMIT ?',
  );
  const found: LedgerRow[] = [];
  for (let from = after; found.length < most; ) {
    const batch = select.all(space, from, BATCH) as unknown as LedgerRow[];
    for (const row of batch) if (found.length < most && isContact(row.key)) found.push(row);
    if (batch.length < BATCH) return found;
    from = batch[BATCH - 1]!.hash;
  }
  return found;
}

function domainSuppressions(db: DatabaseSync, space: number, key: string): SuppressionFact[] {
  const rows = db
    .prepare("SELECT * FROM suppression WHERE space = ? AND key = ? AND kind = 'domain'")
    .all(space, key.slice(key.lastIndexOf('@') + 1));
  return rows
    .map(suppressionOf)
    .map(({ id, reason, since, expiresAt }) => ({ id, reason, domain: true, since, expiresAt }));
}

export const CONTACT_READS: ReadCalls<Reads> = {
  contacts(db, { tenantNo, mode, limit, cursor }) {
    const space = spaceOf(tenantNo, mode);
    const now = nowIn(db, space);
    const page = pageOf(contactRows(db, space, Number(cursor ?? -1), limit + 1), limit, ({ hash }) => String(hash));
    const show = (row: LedgerRow): ContactRow =>
      contactOf(unpackEntry(row), domainSuppressions(db, space, row.key), now);
    return { rows: page.rows.map(show), next: page.next };
  },

  suppressions(db, { tenantNo, mode, kind, key, reason, limit, cursor }) {
    const space = spaceOf(tenantNo, mode);
    // A key leads to few rows; without one, rows are walked along their numbers.
    const path = key === null ? 'suppression_space' : 'suppression_key';
    const rows = db
      .prepare(
        `SELECT * FROM suppression INDEXED BY ${path} WHERE space = ? AND no < ? AND (? IS NULL OR reason = ?)
         AND (? IS NULL OR kind = ?) ${key === null ? '' : 'AND key = ?'} ORDER BY no DESC LIMIT ?`,
      )
      .all(space, below(cursor), reason, reason, kind, kind, ...(key === null ? [] : [key]), limit + 1);
    const page = pageOf(rows, limit, (row: Row) => String(row['no']));
    return { rows: page.rows.map(suppressionOf), next: page.next };
  },

  suppression(db, { tenantNo, mode, id }) {
    const row = db.prepare('SELECT * FROM suppression WHERE space = ? AND id = ?').get(spaceOf(tenantNo, mode), id);
    return row === undefined ? null : suppressionOf(row);
  },

  identities(db, { tenantNo, mode, limit, cursor }) {
    const tiers = tiersOf(db, tenantNo);
    const rows = db
      .prepare('SELECT * FROM identity WHERE space = ? AND deleted_at IS NULL AND no < ? ORDER BY no DESC LIMIT ?')
      .all(spaceOf(tenantNo, mode), below(cursor), limit + 1);
    const page = pageOf(rows, limit, (row: Row) => String(row['no']));
    return { rows: page.rows.map((row) => managedIdentity(db, row, tiers)), next: page.next };
  },

  identity(db, { tenantNo, mode, id }) {
    const row = db
      .prepare('SELECT * FROM identity WHERE space = ? AND (id = ? OR handle = ?) AND deleted_at IS NULL')
      .get(spaceOf(tenantNo, mode), id, id);
    return row === undefined ? null : managedIdentity(db, row, tiersOf(db, tenantNo));
  },
};
