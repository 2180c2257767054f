/**
 * What a mailbox's health comes to in the writer: each outcome is weighed, and a line that is crossed is told by an event in the
 * transaction that crossed it. A tenant without mailboxes costs nothing.
 */
import {
  BACK_FROM,
  EXCLUDED_BELOW,
  fade,
  type Health,
  type HealthLevel,
  type HealthOutcome,
  levelAt,
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

const HOLDING_BACK: ReadonlySet<string> = new Set(['rate_limited', 'reputation_block', 'policy_block']);

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
