/** What the ledger keeps of the quarantine that is open in a space, read from its row. */
import type { DatabaseSync } from 'node:sqlite';
import {
  QUARANTINED,
  type QuarantinedState,
  type QuarantineSignal,
  type QuarantineStanding,
} from '../../policy/facts-quarantine.ts';
import type { QuarantineEvidence, QuarantineState } from '../port/quarantine.ts';
import { prepared } from './database.ts';

export type QuarantineRow = {
  no: number;
  id: string;
  space: number;
  state: QuarantineState;
  since: number;
  set_by: 'score' | 'operator';
  score: number;
  threshold: number;
  evidence: string;
  note: string | null;
  release_at: number | null;
  decided_at: number | null;
  decided_by: string | null;
  decision_note: string | null;
  held: 'send' | 'drop' | null;
  work: number;
  factor: number | null;
  probation_since: number | null;
  probation_until: number | null;
  baseline: number | null;
};

/** Signals and characters of the note that go into the facts of each refused send. */
const MOST_SIGNALS = 4;
const MOST_NOTE = 100;

/** The quarantine or probation that is open in a space; null where none is. */
export function openQuarantine(db: DatabaseSync, space: number): QuarantineRow | null {
  const sql = "SELECT * FROM quarantine WHERE space = ? AND state <> 'released'";
  return (prepared(db, sql).get(space) as unknown as QuarantineRow | undefined) ?? null;
}

export function standingOf(row: QuarantineRow | null): QuarantineStanding {
  if (row === null) return null;
  if (isQuarantinedState(row.state)) {
    const { signals } = JSON.parse(row.evidence) as QuarantineEvidence;
    return {
      state: row.state,
      since: row.since,
      byOperator: row.set_by === 'operator',
      score: row.score,
      threshold: row.threshold,
      signals: signals.slice(0, MOST_SIGNALS).map(factOf),
      releaseAt: row.release_at,
      note: (row.note ?? '').slice(0, MOST_NOTE),
    };
  }
  if (row.state !== 'probation') return null;
  const { probation_since, probation_until, factor, baseline } = row;
  return { state: 'probation', since: probation_since!, until: probation_until!, factor: factor!, baseline };
}

/** Facts hold thousandths. */
function factOf({ name, value, threshold, contribution }: QuarantineSignal): QuarantineSignal {
  const exact = (number: number): number => Math.round(number * 1000) / 1000;
  return { name, value: exact(value), threshold: exact(threshold), contribution: exact(contribution) };
}

export function isQuarantinedState(state: QuarantineState): state is QuarantinedState {
  return (QUARANTINED as readonly QuarantineState[]).includes(state);
}

/** When a quarantine changes by itself: it is released, or its probation is over. */
export function changesAt(standing: QuarantineStanding): number {
  if (standing === null) return Number.POSITIVE_INFINITY;
  return (standing.state === 'probation' ? standing.until : standing.releaseAt) ?? Number.POSITIVE_INFINITY;
}
