/** Canaries as people manage them: more is a tightening, fewer a person's decision. */
import type { CanariesReads, CanariesWrites, CanaryRow } from '../port/canaries.ts';
import { audit, by } from './audit.ts';
import type { ReadCalls, WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { below, pageOf } from './paging.ts';
import { refuseLoosening } from './policies.ts';
import type { Row } from './rows.ts';
import { spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const MOST_CANARIES = 100;

function canaryOf(row: Row): CanaryRow {
  return {
    id: row['id'] as string,
    label: row['label'] as string,
    createdAt: row['created_at'] as number,
    createdBy: row['created_by'] as string,
  };
}

function forget(state: WriterState, space: number): void {
  state.flushRows();
  state.spaces.forget(space);
}

export const CANARY_WRITES: WriteCalls<CanariesWrites> = {
  createCanary(state, { tenantNo, mode, id, label, marker, actor }) {
    const space = spaceOf(tenantNo, mode);
    const rows = state.db.prepare('SELECT label FROM canary WHERE space = ?').all(space);
    if (rows.some((row) => row['label'] === label)) return { outcome: 'taken' };
    if (rows.length >= MOST_CANARIES) return { outcome: 'full' };
    state.db
      .prepare('INSERT INTO canary (id, space, label, marker, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, space, label, marker, state.realNow, actor.name);
    forget(state, space);
    audit(state, { tenantNo, mode, ...by(actor), action: 'canary.created', target: id, after: { label } });
    return { outcome: 'done', canary: { id, label, createdAt: state.realNow, createdBy: actor.name } };
  },

  deleteCanary(state, { tenantNo, mode, id, note, actor }) {
    const space = spaceOf(tenantNo, mode);
    const row = state.db.prepare('SELECT * FROM canary WHERE space = ? AND id = ?').get(space, id);
    if (row === undefined) return { outcome: 'missing' };
    const refused = refuseLoosening(['canary'], note, actor);
    if (refused !== null) return refused;
    const canary = canaryOf(row);
    state.db.prepare('DELETE FROM canary WHERE id = ?').run(id);
    forget(state, space);
    const before = { label: canary.label };
    audit(state, { tenantNo, mode, ...by(actor), action: 'canary.deleted', target: id, note, before });
    return { outcome: 'done', canary };
  },
};

export const CANARY_READS: ReadCalls<CanariesReads> = {
  canaries(db, { tenantNo, mode, limit, cursor }) {
    const rows = prepared(db, 'SELECT * FROM canary WHERE space = ? AND no < ? ORDER BY no DESC LIMIT ?').all(
      spaceOf(tenantNo, mode),
      below(cursor),
      limit + 1,
    );
    const page = pageOf(rows, limit, (row) => String(row['no']));
    return { rows: page.rows.map(canaryOf), next: page.next };
  },

  canary(db, { tenantNo, mode, id }) {
    const row = prepared(db, 'SELECT * FROM canary WHERE space = ? AND id = ?').get(spaceOf(tenantNo, mode), id);
    return row === undefined ? null : canaryOf(row);
  },
};
