/** Rows of simulations. They run on real time, also those of test mode. */
import { draftOver } from '../../policy/shadow.ts';
import type { SimulationRow, SimulationSource, SimulationsWrites } from '../port/simulations.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { simulationOf } from './simulation-reads.ts';
import { spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** Of one tenant in one mode, waiting or running. */
const MOST_WAITING = 5;

function simulation(state: WriterState, id: string): SimulationRow | null {
  const row = prepared(state.db, 'SELECT * FROM simulation WHERE id = ?').get(id);
  return row === undefined ? null : simulationOf(state.db, row);
}

export const SIMULATION_WRITES: WriteCalls<SimulationsWrites> = {
  createSimulation(state, { tenantNo, mode, id, draft, source, onError, author }) {
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    const waiting = prepared(
      state.db,
      "SELECT count(*) AS n FROM simulation WHERE space = ? AND status IN ('queued', 'running')",
    ).get(space.no) as { n: number };
    if (waiting.n >= MOST_WAITING) return null;
    const { document: inForce } = space.policy;
    const now = space.now(state.realNow);
    const whole: SimulationSource =
      source.kind === 'traffic'
        ? source
        : { kind: 'history', since: source.since ?? 0, until: source.until ?? now + 1 };
    prepared(
      state.db,
      `INSERT INTO simulation (id, space, status, draft, document, in_force, source, on_error, author, created_at)
       VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      id,
      space.no,
      JSON.stringify(draft),
      JSON.stringify(draftOver(inForce, draft)),
      JSON.stringify(inForce),
      JSON.stringify(whole),
      onError,
      author,
      state.realNow,
    );
    return simulation(state, id);
  },
  startSimulation(state, { id }) {
    prepared(state.db, "UPDATE simulation SET status = 'running', started_at = ? WHERE id = ?").run(state.realNow, id);
    return simulation(state, id);
  },
  finishSimulation(state, { id, status, summary, error }) {
    prepared(state.db, 'UPDATE simulation SET status = ?, finished_at = ?, summary = ?, error = ? WHERE id = ?').run(
      status,
      state.realNow,
      summary === null ? null : JSON.stringify(summary),
      error,
      id,
    );
    return null;
  },
  deleteSimulation(state, { tenantNo, mode, id }) {
    const space = spaceOf(tenantNo, mode);
    return prepared(state.db, 'DELETE FROM simulation WHERE id = ? AND space = ?').run(id, space).changes === 1;
  },
  failUnfinished(state, { error }) {
    prepared(
      state.db,
      "UPDATE simulation SET status = 'failed', finished_at = ?, error = ? WHERE status IN ('queued', 'running')",
    ).run(state.realNow, error);
    return null;
  },
  forgetSimulations(state, { before }) {
    prepared(state.db, 'DELETE FROM simulation WHERE finished_at < ?').run(before);
    return prepared(state.db, 'SELECT id FROM simulation')
      .all()
      .map((row) => String(row['id']));
  },
};
