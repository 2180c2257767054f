/**
 * The health of mailboxes in the writer: counters in memory, written once a group, with a history by the hour.
 *
 * Invariants: a line that is crossed is told by an event in the transaction that crossed it; what is in memory is never ahead
 * of a transaction that failed (it is read anew then). A tenant without mailboxes costs nothing.
 */
import type { DatabaseSync } from 'node:sqlite';
import {
  BACK_FROM,
  EXCLUDED_BELOW,
  fade,
  type Health,
  type HealthLevel,
  type HealthOutcome,
  levelAt,
  newHealth,
  note,
  penaltiesOf,
  ratesOf,
  recoveryOf,
  scoreOf,
  tellsOfMailbox,
} from '../../policy/health.ts';
import type { Mailbox } from '../../policy/pool.ts';
import { prepared } from './database.ts';
import type { Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

const HOUR_MS = 3_600_000;
/** Hours of history that are kept of each mailbox. */
export const HOURS_KEPT = 30 * 24;
const HOLDING_BACK: ReadonlySet<string> = new Set(['rate_limited', 'reputation_block', 'policy_block']);
const MOST_IN_MEMORY = 5000;

type Hour = Record<HealthOutcome, number> & { hour: number; score: number };
type Kept = { space: number; health: Health; hour: Hour | null };

export class MailboxHealths {
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

/**
 * What became of an attempt through a mailbox; null: the implied one, which has no health. The class tells what is about the
 * sender from the receiver's own trouble.
 */
export function noteOutcome(
  state: WriterState,
  space: Space,
  mailboxNo: number | null,
  outcome: HealthOutcome,
  bounceClass: string | null,
  now: number,
): void {
  if (mailboxNo === null) return;
  const mailbox = space.pool?.mailboxes.get(mailboxNo);
  if (mailbox === undefined || !tellsOfMailbox(outcome, bounceClass)) return;
  const { health } = state.healths.open(mailboxNo, space.no, now);
  note(health, outcome, now);
  judge(state, space, mailbox, health, outcome, now);
}

/** A way that surely did not take a message: signing in failed, or the mailbox is held back. That a provider is down is not its fault. */
export function noteWayFault(
  state: WriterState,
  space: Space,
  mailboxNo: number | null,
  bounceClass: string | null,
  now: number,
): void {
  if (bounceClass === 'auth_failure') noteOutcome(state, space, mailboxNo, 'auth_failed', null, now);
  else if (bounceClass !== null && HOLDING_BACK.has(bounceClass)) {
    noteOutcome(state, space, mailboxNo, 'deferred', bounceClass, now);
  }
}

/** Lets bad signs age in a space: mailboxes that were left out come back. Cheap where none is due. */
export function reviewHealth(state: WriterState, space: Space, now: number): void {
  if (space.nextRecovery > now || space.pool === null) return;
  for (const mailbox of space.pool.mailboxes.values()) {
    if (mailbox.recoversAt === null || mailbox.recoversAt > now) continue;
    const { health } = state.healths.open(mailbox.no, space.no, now);
    fade(health, now);
    judge(state, space, mailbox, health, null, now);
  }
  space.nextRecovery = soonest(space);
}

/** Of all spaces in which a mailbox is left out. */
export function reviewAllHealth(state: WriterState): void {
  const rows = prepared(
    state.db,
    'SELECT DISTINCT space FROM mailbox WHERE excluded_since IS NOT NULL AND deleted_at IS NULL',
  ).all();
  for (const row of rows) {
    const space = state.spaces.get(row['space'] as number);
    reviewHealth(state, space, space.now(state.realNow));
  }
}

function soonest(space: Space): number {
  let soonest = Number.POSITIVE_INFINITY;
  for (const { recoversAt } of space.pool?.mailboxes.values() ?? []) {
    if (recoversAt !== null && recoversAt < soonest) soonest = recoversAt;
  }
  return soonest;
}

/** Gives a mailbox its new score, and tells where it crossed a line. */
function judge(
  state: WriterState,
  space: Space,
  mailbox: Mailbox,
  health: Health,
  outcome: HealthOutcome | null,
  now: number,
): void {
  const score = scoreOf(health);
  const before = health.level;
  const isNews = outcome !== null || score !== mailbox.health;
  health.level = levelAt(score, before);
  const isExcluded = health.level === 'excluded';
  mailbox.health = score;
  mailbox.recoversAt = isExcluded ? recoveryOf(health, now) : null;
  if (mailbox.recoversAt !== null && mailbox.recoversAt < space.nextRecovery) space.nextRecovery = mailbox.recoversAt;
  if (isExcluded !== (mailbox.excludedSince !== null)) {
    mailbox.excludedSince = isExcluded ? now : null;
    // What waits for it is looked at anew.
    if (!isExcluded) space.isPoolNew = true;
  }
  if (isNews) state.healths.count(mailbox, outcome, now);
  if (health.level !== before) tell(state, space, mailbox, health, before, now);
}

function tell(
  state: WriterState,
  space: Space,
  mailbox: Mailbox,
  health: Health,
  before: HealthLevel,
  now: number,
): void {
  const rates = ratesOf(health);
  state.emit(space, 'mailbox.health_changed', now, null, {
    ...{ mailbox_id: mailbox.id, address: mailbox.address, health: mailbox.health },
    ...{ level: health.level, previous_level: before, excluded: health.level === 'excluded' },
    ...{ excluded_below: EXCLUDED_BELOW, back_from: BACK_FROM, recovers_at: mailbox.recoversAt },
    because: penaltiesOf(health),
    rates: { ...rates, attempts: Math.round(rates.attempts) },
  });
}
