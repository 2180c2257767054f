/**
 * The risk states of spaces in the writer's memory. A group writes those that it changed in a bounded number of statements in its
 * own transaction, so a state survives whatever the messages that made it survive.
 *
 * Invariant: a state that differs from its row is never evicted. Absent: the score itself (policy/risk).
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { observeReleased } from '../../policy/risk/observe.ts';
import { newRisk, packRisk, type RiskState, unpackRisk } from '../../policy/risk/state.ts';
import type { TenantRow } from '../store.ts';
import { BulkInsert } from './database.ts';

/** States kept in memory; each takes some kilobytes. */
const MOST_KEPT = 8192;

type Trusted = Pick<TenantRow, 'trust' | 'createdAt'>;

/** A new account is as old as its tenant; one that the operator vouches for has its good history from now on. */
function begun({ trust, createdAt }: Trusted, now: number): RiskState {
  return newRisk(trust, trust === 'established' ? Math.max(createdAt, now) : createdAt);
}

export class RiskStates {
  private readonly kept = new Map<number, RiskState>();
  private readonly dirty = new Set<number>();
  private readonly rows: BulkInsert;
  private readonly select: StatementSync;

  constructor(db: DatabaseSync) {
    this.select = db.prepare('SELECT state FROM risk WHERE space = ?');
    const tail = 'ON CONFLICT (space) DO UPDATE SET at = excluded.at, state = excluded.state';
    this.rows = new BulkInsert(db, 'risk', ['space', 'at', 'state'], tail);
  }

  /** The state of a space; one that has none yet begins with what its tenant is known for. */
  get(space: number, tenant: Trusted, now: number): RiskState {
    let risk = this.kept.get(space);
    if (risk === undefined) {
      const row = this.select.get(space) as { state: Uint8Array } | undefined;
      risk = row === undefined ? begun(tenant, now) : unpackRisk(row.state);
      this.kept.set(space, risk);
    }
    return risk;
  }

  /** To be called after every change of a state. */
  changed(space: number): void {
    this.dirty.add(space);
  }

  /** After a review let the account go: the score is low enough not to bring it back at once. */
  released(space: number, tenant: Trusted, now: number): void {
    observeReleased(this.get(space, tenant, now), now);
    this.changed(space);
  }

  /** The operator has said anew how far the tenant is trusted: its history begins with that. */
  restart(space: number, tenant: Trusted, now: number): void {
    this.kept.set(space, begun(tenant, now));
    this.changed(space);
  }

  /** Its test data was emptied, rows and all. */
  forget(space: number): void {
    this.kept.delete(space);
    this.dirty.delete(space);
  }

  /** Inside the transaction of the group. */
  endGroup(realNow: number): void {
    if (this.dirty.size === 0) return;
    for (const space of this.dirty) this.rows.add(space, realNow, packRisk(this.kept.get(space)!));
    this.dirty.clear();
    this.rows.flush();
  }

  /** Between groups: every state is in its row, so the oldest here may go. */
  evict(): void {
    for (const space of this.kept.keys()) {
      if (this.kept.size <= MOST_KEPT) return;
      this.kept.delete(space);
    }
  }

  /** After a failed commit: what is in memory may be ahead of the rows. */
  recover(): void {
    this.kept.clear();
    this.dirty.clear();
    this.rows.clear();
  }
}
