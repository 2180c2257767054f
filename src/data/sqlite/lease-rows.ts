/** Rows of agents and leases, and what a space keeps of them in memory: its agents, and the leases that are open. */
import type { DatabaseSync } from 'node:sqlite';
import type { ApprovalMode } from '../../policy/facts-approval.ts';
import type { AgentRow, LeaseRow, LeaseRowState } from '../port/leases.ts';
import { prepared } from './database.ts';
import type { Row } from './rows.ts';

/** An open lease in memory. */
export type HeldLease = {
  id: string;
  contact: string;
  agent: string;
  token: string;
  purpose: string | null;
  acquiredAt: number;
  acquiredBy: string;
  /** For how long it was acquired. */
  ttlMs: number;
  /** As agreed: a heartbeat that fails to come ends it sooner. */
  expiresAt: number;
};

export class Leases {
  /** By contact. */
  readonly open = new Map<string, HeldLease>();
  /** By name and by id. */
  readonly agents = new Map<string, AgentRow>();
  /** No lease ends before. */
  nextEnd = Number.POSITIVE_INFINITY;

  /** When a lease ends as things stand. */
  endOf({ agent, expiresAt }: Pick<HeldLease, 'agent' | 'expiresAt'>): number {
    const known = this.agents.get(agent);
    if (known === undefined || known.heartbeatSeconds === null) return expiresAt;
    return Math.min(expiresAt, known.seenAt + known.heartbeatSeconds * 1000);
  }

  hold(lease: HeldLease): void {
    this.open.set(lease.contact, lease);
    this.nextEnd = Math.min(this.nextEnd, this.endOf(lease));
  }

  register(agent: AgentRow): void {
    this.agents.set(agent.name, agent);
    this.agents.set(agent.id, agent);
  }

  forgetAgent({ id, name }: AgentRow): void {
    this.agents.delete(id);
    this.agents.delete(name);
  }

  /** The name of an agent that may be named by its id. */
  nameOf(agent: string | null): string | null {
    return agent === null ? null : (this.agents.get(agent)?.name ?? agent);
  }
}

export function loadLeases(db: DatabaseSync, space: number): Leases {
  const leases = new Leases();
  for (const row of prepared(db, 'SELECT * FROM agent WHERE space = ? AND removed_at IS NULL').all(space)) {
    leases.register(agentOf(row));
  }
  for (const row of prepared(db, 'SELECT * FROM lease WHERE space = ? AND ended_at IS NULL').all(space)) {
    leases.hold(heldOf(row));
  }
  return leases;
}

export function agentOf(row: Row): AgentRow {
  return {
    id: row['id'] as string,
    name: row['name'] as string,
    heartbeatSeconds: row['heartbeat_seconds'] as number | null,
    approvals: row['approvals'] as ApprovalMode,
    seenAt: row['seen_at'] as number,
    createdAt: row['created_at'] as number,
  };
}

function heldOf(row: Row): HeldLease {
  return {
    id: row['id'] as string,
    contact: row['contact'] as string,
    agent: row['agent'] as string,
    token: row['token'] as string,
    purpose: row['purpose'] as string | null,
    acquiredAt: row['acquired_at'] as number,
    acquiredBy: row['acquired_by'] as string,
    ttlMs: row['ttl_ms'] as number,
    expiresAt: row['expires_at'] as number,
  };
}

/** A lease at a time; `row` has `ends_at`, the end as things stand. */
export function leaseOf(row: Row, now: number): LeaseRow {
  const endsAt = (row['ended_at'] ?? row['ends_at']) as number;
  const state = (row['ending'] as LeaseRowState | null) ?? (endsAt <= now ? 'expired' : 'active');
  const { id, contact, agent, purpose, acquiredAt } = heldOf(row);
  return { id, contact, agent, purpose, state, acquiredAt, expiresAt: endsAt };
}
