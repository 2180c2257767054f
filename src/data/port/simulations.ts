/** The part of the port that keeps simulations: what they try, how far they are, what they came to. */
import type { Mode } from '../../core/message.ts';
import type { EffectiveDocument, PolicyDocument } from '../../policy/document.ts';
import type { Page, Paging } from './page.ts';

export type SimulationSource =
  /** What is stored. Milliseconds on the tenant's clock. */
  | { kind: 'history'; since: number; until: number }
  /** An uploaded file. */
  | { kind: 'traffic'; bytes: number };

export type SimulationStatus = 'queued' | 'running' | 'done' | 'failed';

export type SimulationRow = {
  id: string;
  tenantNo: number;
  tenantId: string;
  mode: Mode;
  status: SimulationStatus;
  draft: PolicyDocument;
  /** The draft over what was in force when the simulation was asked for, and that itself. */
  document: EffectiveDocument;
  inForce: EffectiveDocument;
  source: SimulationSource;
  onError: 'stop' | 'skip';
  author: string;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  /** Null until it is done; of a failed one what lies before the fault, where something does. */
  summary: Record<string, unknown> | null;
  /** Why it failed. */
  error: string | null;
};

type Place = { tenantNo: number; mode: Mode };

export interface SimulationsWrites {
  /** Null: too many of the tenant's wait already. */
  createSimulation(
    input: Place & {
      id: string;
      draft: PolicyDocument;
      source: { kind: 'history'; since: number | null; until: number | null } | { kind: 'traffic'; bytes: number };
      onError: 'stop' | 'skip';
      author: string;
    },
  ): Promise<SimulationRow | null>;
  startSimulation(input: { id: string }): Promise<SimulationRow | null>;
  finishSimulation(input: {
    id: string;
    status: 'done' | 'failed';
    summary: Record<string, unknown> | null;
    error: string | null;
  }): Promise<null>;
  deleteSimulation(input: Place & { id: string }): Promise<boolean>;
  /** After a start: those that an earlier process left unfinished have failed. */
  failUnfinished(input: { error: string }): Promise<null>;
  /** Removes those that ended before this time, in real milliseconds; answers with all that are left. */
  forgetSimulations(input: { before: number }): Promise<string[]>;
}

export interface SimulationsReads {
  simulation(input: Place & { id: string }): Promise<SimulationRow | null>;
  /** Newest first. */
  simulations(input: Place & Paging): Promise<Page<SimulationRow>>;
}
