/**
 * The health of mailboxes: counters in memory, written once a group, with a history by the hour. What is in memory is never ahead of
 * a transaction that failed: it is read anew then.
 */
import type { DatabaseSync } from 'node:sqlite';
import { type Health, type HealthOutcome, newHealth } from '../../policy/health.ts';
import type { Mailbox } from '../../policy/pool.ts';
import { prepared } from './database.ts';

const HOUR_MS = 3_600_000;
/** Hours of history that are kept of each mailbox. */
export const HOURS_KEPT = 30 * 24;
const MOST_IN_MEMORY = 5000;

type Hour = Record<HealthOutcome, number> & { hour: number; score: number };
type Kept = { space: number; health: Health; hour: Hour | null };

export class HealthRows {
  private readonly kept = new Map<number, Kept>();
  private readonly changed = new Map<number, Mailbox>();
  private readonly db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  open(mailbox: number, space: number, now: number): Kept {
    let kept = this.kept.get(mailbox);
    if (kept === undefined) {
      const row = prepared(this.db, 'SELECT state FROM mailbox_health WHERE mailbox = ?').get(mailbox);
      const health = row === undefined ? newHealth(now) : (JSON.parse(row['state'] as string) as Health);
      kept = { space, health, hour: null };
      this.kept.set(mailbox, kept);
    }
    return kept;
  }

  /** Counts it in the hour it happened in, and keeps the score for the mailbox's row. */
  count(mailbox: Mailbox, outcome: HealthOutcome | null, now: number): void {
    const kept = this.kept.get(mailbox.no)!;
    const hour = Math.floor(now / HOUR_MS);
    if (kept.hour !== null && kept.hour.hour !== hour) this.writeHour(mailbox.no, kept.hour);
    if (kept.hour?.hour !== hour) {
      kept.hour = { hour, score: 100, delivered: 0, deferred: 0, bounced: 0, complained: 0, auth_failed: 0 };
    }
    if (outcome !== null) kept.hour[outcome] += 1;
    kept.hour.score = Math.min(kept.hour.score, mailbox.health);
    this.changed.set(mailbox.no, mailbox);
  }

  /** Writes what has changed: at the end of each group, and before rows are read within one. */
  flush(): void {
    if (this.changed.size === 0) return;
    for (const [no, mailbox] of this.changed) {
      const kept = this.kept.get(no)!;
      prepared(this.db, 'INSERT OR REPLACE INTO mailbox_health (mailbox, space, state) VALUES (?, ?, ?)').run(
        no,
        kept.space,
        JSON.stringify(kept.health),
      );
      prepared(this.db, 'UPDATE mailbox SET health = ?, excluded_since = ? WHERE no = ?').run(
        mailbox.health,
        mailbox.excludedSince,
        no,
      );
      if (kept.hour !== null) this.writeHour(no, kept.hour);
      kept.hour = null;
    }
    this.changed.clear();
    if (this.kept.size > MOST_IN_MEMORY) this.kept.clear();
  }

  private writeHour(mailbox: number, hour: Hour): void {
    const { changes } = prepared(
      this.db,
      `UPDATE mailbox_hour SET delivered = delivered + ?, deferred = deferred + ?, bounced = bounced + ?,
        complained = complained + ?, auth_failed = auth_failed + ?, score = min(score, ?) WHERE mailbox = ? AND hour = ?`,
    ).run(
      ...[hour.delivered, hour.deferred, hour.bounced, hour.complained, hour.auth_failed],
      ...[hour.score, mailbox, hour.hour],
    );
    if (changes > 0) return;
    prepared(
      this.db,
      `INSERT INTO mailbox_hour (mailbox, hour, delivered, deferred, bounced, complained, auth_failed, score)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      ...[mailbox, hour.hour, hour.delivered, hour.deferred, hour.bounced, hour.complained, hour.auth_failed],
      hour.score,
    );
    prepared(this.db, 'DELETE FROM mailbox_hour WHERE mailbox = ? AND hour < ?').run(mailbox, hour.hour - HOURS_KEPT);
  }

  /** What was gathered of a group that was undone is gone. */
  clear(): void {
    this.kept.clear();
    this.changed.clear();
  }
}
