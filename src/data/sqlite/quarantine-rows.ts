/** Rows of quarantines and appeals as the port shows them. Read by both threads. */
import type { DatabaseSync } from 'node:sqlite';
import type { Appeal, AppealState, Quarantine, QuarantineEvidence } from '../port/quarantine.ts';
import { prepared } from './database.ts';
import type { QuarantineRow } from './quarantine-standing.ts';
import { modeOf } from './spaces.ts';

export type WithTenant = QuarantineRow & { tenant_id: string; tenant_name: string };

type AppealRow = {
  id: string;
  state: AppealState;
  at: number;
  filed_by: string;
  statement: string;
  message_id: string | null;
  refused_id: string | null;
  content_hash: string | null;
};

function newestAppeal(db: DatabaseSync, quarantine: number): Appeal | null {
  const sql = 'SELECT * FROM appeal WHERE quarantine = ? ORDER BY no DESC LIMIT 1';
  const row = prepared(db, sql).get(quarantine) as unknown as AppealRow | undefined;
  if (row === undefined) return null;
  return {
    id: row.id,
    state: row.state,
    at: row.at,
    filedBy: row.filed_by,
    statement: row.statement,
    messageId: row.message_id,
    refusedId: row.refused_id,
    contentHash: row.content_hash,
  };
}

export const QUARANTINE_SELECT = `SELECT q.*, t.id AS tenant_id, t.name AS tenant_name
  FROM quarantine q JOIN tenant t ON t.no = q.space / 2`;

export function quarantineOfRow(db: DatabaseSync, row: WithTenant): Quarantine {
  const held = prepared(db, 'SELECT count(*) AS n FROM quarantine_hold WHERE quarantine = ?').get(row.no);
  return {
    no: row.no,
    id: row.id,
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    mode: modeOf(row.space),
    state: row.state,
    since: row.since,
    setBy: row.set_by,
    score: row.score,
    threshold: row.threshold,
    evidence: JSON.parse(row.evidence) as QuarantineEvidence,
    note: row.note,
    releaseAt: row.release_at,
    decision: decisionOf(row),
    probation:
      row.probation_until === null
        ? null
        : {
            factor: row.factor! / 1000,
            since: row.probation_since!,
            until: row.probation_until,
            baseline: row.baseline,
          },
    held: { waiting: Number(held?.['n'] ?? 0), decided: row.held },
    appeal: newestAppeal(db, row.no),
  };
}

function decisionOf(row: QuarantineRow): Quarantine['decision'] {
  const { decided_at: at, decided_by: by, decision_note: note } = row;
  if (at === null || by === null) return null;
  return { outcome: row.state === 'upheld' || row.state === 'under_review' ? 'upheld' : 'released', at, by, note };
}

export function quarantineByNo(db: DatabaseSync, no: number): Quarantine {
  return quarantineOfRow(db, prepared(db, `${QUARANTINE_SELECT} WHERE q.no = ?`).get(no) as unknown as WithTenant);
}

export function quarantineRowById(db: DatabaseSync, id: string): WithTenant | null {
  const row = prepared(db, `${QUARANTINE_SELECT} WHERE q.id = ?`).get(id);
  return (row as unknown as WithTenant | undefined) ?? null;
}
