/** The part of the port about canaries: secret markers that must never stand in a message. */
import type { Canary } from '../../policy/content/canaries.ts';
import type { Actor, Refused } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export type CanaryRow = {
  id: string;
  label: string;
  createdAt: number;
  createdBy: string;
};

/** All markers of a tenant and mode, those of its policy included; another version has others. */
export type KnownCanaries = { version: string; canaries: Canary[] };

export interface CanariesWrites {
  /** `taken`: another one has the label; `full`: there are as many as there may be. */
  createCanary(
    input: Space & { id: string; label: string; marker: string; actor: Actor },
  ): Promise<{ outcome: 'done'; canary: CanaryRow } | { outcome: 'taken' | 'full' }>;
  /** Needs a person: without it the marker may leave. */
  deleteCanary(
    input: Space & { id: string; note: string | null; actor: Actor },
  ): Promise<{ outcome: 'done'; canary: CanaryRow } | { outcome: 'missing' } | Refused>;
}

export interface CanariesReads {
  canaries(input: Space & Paging): Promise<Page<CanaryRow>>;
  canary(input: Space & { id: string }): Promise<CanaryRow | null>;
}
