/** The part of the port with which the operator stops sending: for everybody, or for one tenant over an incident. */
import type { Actor } from './management.ts';
import type { Page, Paging } from './page.ts';

export type PlatformPause = {
  /** Milliseconds. */
  since: number;
  note: string;
  /** The name of the key. */
  by: string;
};

export type IncidentRow = {
  no: number;
  id: string;
  tenantId: string;
  note: string;
  openedAt: number;
  openedBy: string;
  closedAt: number | null;
  closedBy: string | null;
  closingNote: string | null;
  /** Whether the tenant's pause is this incident's. */
  isPausing: boolean;
};

export interface PlatformWrites {
  /** Refuses sends and claims nothing until it is resumed, over restarts too. Null: it is paused already. */
  pausePlatform(input: { note: string; actor: Actor }): Promise<PlatformPause | null>;
  /** What the pause was; null: there was none. */
  resumePlatform(input: { note: string | null; actor: Actor }): Promise<PlatformPause | null>;
  platformPause(input: null): Promise<PlatformPause | null>;
  /** Null: no such tenant. */
  openIncident(input: { tenantId: string; note: string; actor: Actor }): Promise<IncidentRow | null>;
  /** `closed`: it was closed before. */
  closeIncident(input: {
    tenantId: string;
    id: string;
    note: string | null;
    actor: Actor;
  }): Promise<{ outcome: 'closed_now' | 'closed'; incident: IncidentRow } | { outcome: 'missing' }>;
}

export interface PlatformReads {
  /** Newest first. */
  incidents(input: Paging & { tenantNo: number }): Promise<Page<IncidentRow>>;
  incidentById(input: { tenantNo: number; id: string }): Promise<IncidentRow | null>;
}
