/** Simulations as they are read. */
import type { DatabaseSync } from 'node:sqlite';
import type { SimulationRow, SimulationsReads } from '../port/simulations.ts';
import type { Page } from '../store.ts';
import { prepared, type SQLInputValue } from './database.ts';
import { modeOf, spaceOf, tenantNoOf } from './spaces.ts';

export function simulationOf(db: DatabaseSync, row: Record<string, SQLInputValue>): SimulationRow {
  const space = Number(row['space']);
  const tenantNo = tenantNoOf(space);
  const tenant = prepared(db, 'SELECT id FROM tenant WHERE no = ?').get(tenantNo);
  const numberOrNull = (name: string): number | null => (row[name] === null ? null : Number(row[name]));
  return {
    id: String(row['id']),
    tenantNo,
    tenantId: String(tenant?.['id']),
    mode: modeOf(space),
    status: row['status'] as SimulationRow['status'],
    draft: JSON.parse(String(row['draft'])),
    document: JSON.parse(String(row['document'])),
    inForce: JSON.parse(String(row['in_force'])),
    source: JSON.parse(String(row['source'])),
    onError: row['on_error'] as SimulationRow['onError'],
    author: String(row['author']),
    createdAt: Number(row['created_at']),
    startedAt: numberOrNull('started_at'),
    finishedAt: numberOrNull('finished_at'),
    summary: row['summary'] === null ? null : JSON.parse(String(row['summary'])),
    error: row['error'] as string | null,
  };
}

export const SIMULATION_READS = {
  simulation(db: DatabaseSync, { tenantNo, mode, id }: Parameters<SimulationsReads['simulation']>[0]) {
    const row = prepared(db, 'SELECT * FROM simulation WHERE id = ? AND space = ?').get(id, spaceOf(tenantNo, mode));
    return row === undefined ? null : simulationOf(db, row);
  },
  simulations(
    db: DatabaseSync,
    { tenantNo, mode, limit, cursor }: Parameters<SimulationsReads['simulations']>[0],
  ): Page<SimulationRow> {
    const before = cursor === null ? Number.MAX_SAFE_INTEGER : Number(cursor);
    const rows = prepared(db, 'SELECT * FROM simulation WHERE space = ? AND no < ? ORDER BY no DESC LIMIT ?').all(
      spaceOf(tenantNo, mode),
      before,
      limit + 1,
    );
    const shown = rows.slice(0, limit);
    return {
      rows: shown.map((row) => simulationOf(db, row)),
      next: rows.length > limit ? String(shown.at(-1)?.['no']) : null,
    };
  },
};
