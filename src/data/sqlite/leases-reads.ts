/** Lists of leases and agents. */
import type { LeasesReads } from '../port/leases.ts';
import type { ReadCalls } from './calls.ts';
import { agentOf, leaseOf } from './lease-rows.ts';
import { below, pageOf } from './paging.ts';
import type { Row } from './rows.ts';
import { nowIn } from './space-clock.ts';
import { spaceOf } from './spaces.ts';

/** With the end as things stand: a heartbeat that fails to come ends a lease sooner than agreed. */
const LEASES = `SELECT * FROM (
  SELECT l.*, min(l.expires_at, coalesce(a.seen_at + a.heartbeat_seconds * 1000, l.expires_at)) AS ends_at
  FROM lease l LEFT JOIN agent a ON a.space = l.space AND a.name = l.agent AND a.removed_at IS NULL
  WHERE l.space = :space)`;
const STATE = "coalesce(ending, CASE WHEN ends_at <= :now THEN 'expired' ELSE 'active' END)";
const CHOSEN = `(:contact IS NULL OR contact = :contact) AND (:agent IS NULL OR agent = :agent)
  AND (:state IS NULL OR ${STATE} = :state)`;

export const LEASE_READS: ReadCalls<LeasesReads> = {
  leases(db, { tenantNo, mode, contact, agent, state, limit, cursor }) {
    const space = spaceOf(tenantNo, mode);
    const now = nowIn(db, space);
    const rows = db
      .prepare(`${LEASES} WHERE no < :below AND ${CHOSEN} ORDER BY no DESC LIMIT :limit`)
      .all({ space, now, contact, agent, state, below: below(cursor), limit: limit + 1 });
    const page = pageOf(rows, limit, (row: Row) => String(row['no']));
    return { rows: page.rows.map((row) => leaseOf(row, now)), next: page.next };
  },

  lease(db, { tenantNo, mode, id }) {
    const space = spaceOf(tenantNo, mode);
    const row = db.prepare(`${LEASES} WHERE id = :id`).get({ space, id });
    return row === undefined ? null : leaseOf(row, nowIn(db, space));
  },

  agents(db, { tenantNo, mode, limit, cursor }) {
    const rows = db
      .prepare('SELECT * FROM agent WHERE space = ? AND removed_at IS NULL AND no < ? ORDER BY no DESC LIMIT ?')
      .all(spaceOf(tenantNo, mode), below(cursor), limit + 1);
    const page = pageOf(rows, limit, (row: Row) => String(row['no']));
    return { rows: page.rows.map(agentOf), next: page.next };
  },

  agent(db, { tenantNo, mode, id }) {
    const row = db
      .prepare('SELECT * FROM agent WHERE space = ? AND (id = ? OR name = ?) AND removed_at IS NULL')
      .get(spaceOf(tenantNo, mode), id, id);
    return row === undefined ? null : agentOf(row);
  },
};
