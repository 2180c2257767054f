/**
 * The risk states of spaces in the writer's memory. What a group does to them goes into the ledger's journal, in its transaction:
 * a few dozen octets a recipient, from which the same pure functions make the same state again after a crash. Rows lag behind and
 * are written when the ledger's are: with many busy accounts in a group, a row for each would be one more page for each.
 *
 * Invariants: a row holds every step up to its `lsn`, the journal every later one; a state that differs from its row is never
 * evicted. Absent: the score itself (policy/risk).
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { PackReader, PackWriter } from '../../core/pack.ts';
import type { RiskRecipient, RiskSend } from '../../policy/risk/glance.ts';
import { observeAccepted, observeRefused, observeReleased, type RiskStep } from '../../policy/risk/observe.ts';
import type { RiskFacts } from '../../policy/risk/score.ts';
import { newRisk, packRisk, type RiskState, unpackRisk } from '../../policy/risk/state.ts';
import type { TenantRow } from '../store.ts';
import { BulkInsert } from './database.ts';
import type { Journaled } from './ledger-cache.ts';
import { type LoggedScore, type LoggedStep, readStep, writeStep } from './risk-log.ts';

/** States kept in memory; each takes some kilobytes. */
const MOST_KEPT = 8192;
/** States looked at for one to evict, a group. */
const MOST_LOOKS = 1000;

type Trusted = Pick<TenantRow, 'trust' | 'createdAt'>;

type Kept = {
  risk: RiskState;
  /** The last group that its row holds. */
  lsn: number;
  /** Neither row nor journal has it yet. */
  isUnheard: boolean;
};

/** A new account is as old as its tenant; one that the operator vouches for has its good history from now on. */
function begun({ trust, createdAt }: Trusted, now: number): RiskState {
  return newRisk(trust, trust === 'established' ? Math.max(createdAt, now) : createdAt);
}

export class RiskStates implements Journaled {
  private readonly kept = new Map<number, Kept>();
  /** Spaces whose rows lag behind. */
  private dirty = new Set<number>();
  /** Spaces whose whole state goes into the journal with the group. */
  private whole = new Set<number>();
  private readonly log = new PackWriter();
  private readonly rows: BulkInsert;
  private readonly select: StatementSync;
  private realNow = 0;

  constructor(db: DatabaseSync) {
    this.select = db.prepare('SELECT state, lsn FROM risk WHERE space = ?');
    const tail = 'ON CONFLICT (space) DO UPDATE SET at = excluded.at, lsn = excluded.lsn, state = excluded.state';
    this.rows = new BulkInsert(db, 'risk', ['space', 'at', 'lsn', 'state'], tail);
  }

  /** The state of a space; one that has none yet begins with what its tenant is known for. */
  get(space: number, tenant: Trusted, now: number): RiskState {
    const kept = this.kept.get(space);
    // It is asked for several times a recipient.
    if (kept !== undefined) return kept.risk;
    return this.keptOf(space, () => begun(tenant, now)).risk;
  }

  private keptOf(space: number, make: () => RiskState): Kept {
    let kept = this.kept.get(space);
    if (kept === undefined) {
      const row = this.select.get(space) as { state: Uint8Array; lsn: number } | undefined;
      kept =
        row === undefined
          ? { risk: make(), lsn: 0, isUnheard: true }
          : { risk: unpackRisk(row.state), lsn: row.lsn, isUnheard: false };
      this.kept.set(space, kept);
    }
    return kept;
  }

  /** Counts an accepted recipient. */
  accepted(
    space: number,
    risk: RiskState,
    step: { send: RiskSend; recipient: RiskRecipient; facts: RiskFacts | null; now: number },
  ): RiskStep {
    const { send, recipient, facts, now } = step;
    this.write(space, { kind: 'accepted', space, now, send, recipient, score: facts });
    return observeAccepted(risk, send, recipient, facts, now);
  }

  /** Counts a refused one. */
  refused(space: number, risk: RiskState, recipient: { key: string }, now: number): void {
    this.write(space, { kind: 'refused', space, now, key: recipient.key });
    observeRefused(risk, recipient, now);
  }

  private write(space: number, step: LoggedStep): void {
    const kept = this.kept.get(space);
    // What it began with depends on when it was first looked at: said once, before its first step.
    if (kept?.isUnheard) {
      kept.isUnheard = false;
      writeStep(this.log, { kind: 'state', space, packed: packRisk(kept.risk) });
    }
    this.dirty.add(space);
    // A whole state that follows says it all.
    if (!this.whole.has(space)) writeStep(this.log, step);
  }

  /** To be called after every other change of a state. */
  changed(space: number): void {
    this.dirty.add(space);
    this.whole.add(space);
  }

  /** After a review let the account go: the score is low enough not to bring it back at once. */
  released(space: number, tenant: Trusted, now: number): void {
    observeReleased(this.get(space, tenant, now), now);
    this.changed(space);
  }

  /** The operator has said anew how far the tenant is trusted: its history begins with that. */
  restart(space: number, tenant: Trusted, now: number): void {
    this.keptOf(space, () => begun(tenant, now)).risk = begun(tenant, now);
    this.changed(space);
  }

  /** Its test data was emptied, rows and all. */
  forget(space: number): void {
    this.drop(space);
    writeStep(this.log, { kind: 'forgotten', space });
  }

  private drop(space: number): void {
    this.kept.delete(space);
    this.dirty.delete(space);
    this.whole.delete(space);
  }

  startGroup(realNow: number): void {
    this.realNow = realNow;
  }

  /** Between groups: keeps memory bounded. */
  evict(): void {
    let looks = MOST_LOOKS;
    for (const [space] of this.kept) {
      if (this.kept.size <= MOST_KEPT || looks === 0) return;
      looks -= 1;
      if (!this.dirty.has(space)) this.kept.delete(space);
    }
  }

  takeLog(): Uint8Array | null {
    for (const space of this.whole) {
      const kept = this.kept.get(space)!;
      kept.isUnheard = false;
      writeStep(this.log, { kind: 'state', space, packed: packRisk(kept.risk) });
    }
    if (this.whole.size > 0) this.whole = new Set();
    if (this.log.size === 0) return null;
    const log = this.log.view();
    this.log.restart();
    return log;
  }

  flushRows(lsn: number): void {
    for (const space of this.dirty) {
      const kept = this.kept.get(space)!;
      kept.lsn = lsn;
      this.rows.add(space, this.realNow, lsn, packRisk(kept.risk));
    }
    this.dirty = new Set();
    this.rows.flush();
  }

  /** What is in memory may be ahead of rows and journal: both are read anew. */
  recover(): void {
    this.kept.clear();
    this.dirty = new Set();
    this.whole = new Set();
    this.log.restart();
    this.rows.clear();
  }

  replay(lsn: number, bytes: Uint8Array): void {
    const reader = new PackReader(bytes);
    while (!reader.done) this.again(lsn, readStep(reader));
  }

  private again(lsn: number, step: LoggedStep): void {
    if (step.kind === 'forgotten') {
      if ((this.kept.get(step.space)?.lsn ?? 0) < lsn) this.drop(step.space);
      return;
    }
    const kept = this.keptOf(step.space, () => newRisk('new', 0));
    if (kept.lsn >= lsn) return;
    kept.isUnheard = false;
    this.dirty.add(step.space);
    if (step.kind === 'state') kept.risk = unpackRisk(step.packed);
    else if (step.kind === 'refused') observeRefused(kept.risk, step, step.now);
    else observeAccepted(kept.risk, step.send, step.recipient, factsOf(step.score), step.now);
  }
}

/** As much of the facts as counting reads. */
function factsOf(score: LoggedScore): RiskFacts | null {
  return score === null ? null : { ...score, level: 'normal', repliesVisible: false, signals: [] };
}
