/** Sender domains: lists, what is due for a look, and what signs. */
import type { DatabaseSync } from 'node:sqlite';
import { dkimKey, settledState } from '../../core/sender-records.ts';
import { type DomainsReads, keyContext, type SigningDomain } from '../port/domains.ts';
import type { ReadCalls } from './calls.ts';
import { domainOf, findingOf, namesAbove } from './domain-rows.ts';
import { below, pageOf } from './paging.ts';
import type { Row } from './rows.ts';
import { nowIn } from './space-clock.ts';
import { modeOf, spaceOf, tenantNoOf } from './spaces.ts';

export const DOMAIN_READS: ReadCalls<DomainsReads> = {
  domains(db, { tenantNo, mode, name, limit, cursor }) {
    const rows = db
      .prepare('SELECT * FROM domain WHERE space = ? AND no < ? AND (? IS NULL OR name = ?) ORDER BY no DESC LIMIT ?')
      .all(spaceOf(tenantNo, mode), below(cursor), name, name, limit + 1);
    const page = pageOf(rows, limit, (row: Row) => String(row['no']));
    return { rows: page.rows.map((row) => domainOf(db, row)), next: page.next };
  },

  domain(db, { tenantNo, mode, id }) {
    const row = db
      .prepare('SELECT * FROM domain WHERE space = ? AND (id = ? OR name = ?)')
      .get(spaceOf(tenantNo, mode), id, id);
    return row === undefined ? null : domainOf(db, row);
  },

  domainToCheck(db, { no }) {
    const row = db.prepare('SELECT * FROM domain WHERE no = ?').get(no);
    if (row === undefined) return null;
    const space = row['space'] as number;
    const tenantNo = tenantNoOf(space);
    const { id } = db.prepare('SELECT id FROM tenant WHERE no = ?').get(tenantNo) as { id: string };
    return { ...domainOf(db, row), tenantNo, mode: modeOf(space), tenantId: id };
  },

  domainsDue(db, { now, most }) {
    const rows = db
      .prepare('SELECT no, space, next_check_at AS at FROM domain ORDER BY next_check_at LIMIT ?')
      .all(most + 1) as { no: number; space: number; at: number }[];
    const due = rows.slice(0, most).filter(({ at }) => at <= now);
    return {
      due: due.map(({ no, space }) => ({ no, tenantNo: tenantNoOf(space) })),
      nextAt: rows[due.length]?.at ?? null,
    };
  },

  signingDomain(db, { tenantNo, mode, domain: asked }) {
    const space = spaceOf(tenantNo, mode);
    const find = db.prepare('SELECT * FROM domain WHERE space = ? AND name = ?');
    for (const name of namesAbove(asked)) {
      const row = find.get(space, name);
      if (row !== undefined) return signingOf(db, row, nowIn(db, space));
    }
    return null;
  },
};

/** Null where the domain speaks for nobody now: it was never verified, or its grace is over. */
function signingOf(db: DatabaseSync, row: Row, now: number): SigningDomain | null {
  const domain = domainOf(db, row);
  const { state, blocksAt, id, no, name } = domain;
  if (state === 'pending' || (blocksAt !== null && blocksAt <= now)) return null;
  const isFound = (key: string): boolean => settledState(findingOf(domain, key)) === 'found';
  const rows = db
    .prepare("SELECT * FROM domain_key WHERE domain = ? AND state = 'signing' AND sealed IS NOT NULL")
    .all(no) as unknown as {
    no: number;
    generation: number;
    algorithm: 'rsa' | 'ed25519';
    selector: string;
    sealed: Uint8Array;
  }[];
  const keys = rows
    .filter(({ selector }) => isFound(dkimKey(selector)))
    .map(({ no: key, generation, algorithm, selector, sealed }) => ({
      no: key,
      algorithm,
      selector,
      sealed,
      context: keyContext(id, generation, algorithm),
    }))
    .sort((a, b) => (a.algorithm === b.algorithm ? 0 : a.algorithm === 'rsa' ? -1 : 1));
  return { domain: name, hasReturnPath: isFound('return_path'), keys };
}
