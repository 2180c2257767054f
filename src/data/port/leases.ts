/** The part of the port about agents and their leases on contacts. */
import type { ApprovalMode } from '../../policy/facts-approval.ts';
import type { Actor, Refused } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export type AgentRow = {
  id: string;
  name: string;
  /** After so long without a heartbeat its leases end; null: none is asked for. */
  heartbeatSeconds: number | null;
  /** Which of its messages wait for a person; the strictest of it, the policy and the identity holds. */
  approvals: ApprovalMode;
  /** Its last heartbeat; at first its registration. */
  seenAt: number;
  createdAt: number;
};

export type AgentFields = Pick<AgentRow, 'name' | 'heartbeatSeconds' | 'approvals'>;

/** `superseded`: the same agent acquired it anew. */
export const LEASE_STATES = ['active', 'released', 'expired', 'superseded'] as const;
export type LeaseRowState = (typeof LEASE_STATES)[number];

export type LeaseRow = {
  id: string;
  /** Key of the address. */
  contact: string;
  agent: string;
  purpose: string | null;
  state: LeaseRowState;
  acquiredAt: number;
  /** When it ends or has ended; sooner than agreed where the agent's heartbeat is due before. */
  expiresAt: number;
};

/** A lease as its holder sees it. */
export type OwnLease = LeaseRow & { token: string };

/** Who asks, of those who might hold a lease. */
export type LeaseCaller = {
  /** The agent that the caller speaks for, or null. */
  agent: string | null;
  token: string | null;
  actor: Actor;
};

export type LeaseConflict = {
  outcome: 'conflict';
  problem: 'held_by_other' | 'stale_token';
  lease: LeaseRow;
  /** The space's time. */
  now: number;
};

export type AcquireAnswer =
  | { outcome: 'acquired'; lease: OwnLease }
  | LeaseConflict
  /** An id of an agent that is not registered. */
  | { outcome: 'unknown_agent' }
  | { outcome: 'too_many'; most: number };

export type RenewAnswer =
  | { outcome: 'renewed'; lease: OwnLease }
  | LeaseConflict
  | { outcome: 'ended'; state: LeaseRowState }
  | { outcome: 'missing' };

export type ReleaseAnswer =
  | { outcome: 'released'; lease: LeaseRow }
  | { outcome: 'ended'; state: LeaseRowState }
  | { outcome: 'missing' }
  | Refused;

export type AgentAnswer =
  | { outcome: 'done'; agent: AgentRow }
  | { outcome: 'missing' }
  | { outcome: 'taken' }
  | { outcome: 'too_many'; most: number }
  | Refused;

export interface LeasesWrites {
  /** One agent's exclusive hold on a contact for a time. The same agent gets a new token, and its old one is stale. */
  acquireLease(
    input: Space & {
      id: string;
      token: string;
      contact: string;
      agent: string;
      purpose: string | null;
      ttlMs: number;
      actor: Actor;
    },
  ): Promise<AcquireAnswer>;
  /** Puts the end off; null: by as long as it was acquired for. */
  renewLease(input: Space & LeaseCaller & { id: string; ttlMs: number | null }): Promise<RenewAnswer>;
  /** Another agent's lease is released by a person alone, who says why. */
  releaseLease(input: Space & LeaseCaller & { id: string; note: string | null }): Promise<ReleaseAnswer>;
  registerAgent(input: Space & { id: string; fields: AgentFields; actor: Actor }): Promise<AgentAnswer>;
  /** By id or name. Holding fewer of its messages needs a person. */
  changeAgent(
    input: Space & { id: string; change: Partial<AgentFields>; note: string | null; actor: Actor },
  ): Promise<AgentAnswer>;
  /** Its leases are released. */
  removeAgent(input: Space & { id: string; note: string | null; actor: Actor }): Promise<AgentAnswer>;
  agentHeartbeat(input: Space & { id: string }): Promise<AgentAnswer>;
}

export interface LeasesReads {
  leases(
    input: Space & Paging & { contact: string | null; agent: string | null; state: LeaseRowState | null },
  ): Promise<Page<LeaseRow>>;
  lease(input: Space & { id: string }): Promise<LeaseRow | null>;
  agents(input: Space & Paging): Promise<Page<AgentRow>>;
  agent(input: Space & { id: string }): Promise<AgentRow | null>;
}
