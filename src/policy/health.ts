/**
 * The health of a mailbox: 0 to 100, from what became of its own mail. Pure; the time is an argument.
 *
 * It is reckoned from rates over what is remembered, and what is remembered halves every day. A rate is never taken over less
 * than a minimum sample, so that one bounce of a new mailbox says little, and so that bad signs fade where nothing is sent any
 * more: then a mailbox that was left out comes back by itself. A mailbox below `EXCLUDED_BELOW` is left out until its score is
 * back at `BACK_FROM`; the gap keeps it from coming and going.
 *
 * Deliberately absent: raw counts as thresholds, and what other mailboxes do.
 */
import type { BounceClass } from '../core/bounce.ts';
import { isBadSign } from '../core/returns.ts';
import { leftAfter, tickOf } from './risk/decay.ts';

export const HEALTH_OUTCOMES = ['delivered', 'deferred', 'bounced', 'complained', 'auth_failed'] as const;
export type HealthOutcome = (typeof HEALTH_OUTCOMES)[number];

export const HEALTH_LEVELS = ['good', 'weak', 'excluded'] as const;
export type HealthLevel = (typeof HEALTH_LEVELS)[number];

export const EXCLUDED_BELOW = 20;
export const BACK_FROM = 40;
const WEAK_BELOW = 60;
const GOOD_FROM = 70;

const HOUR_MS = 3_600_000;
const HALF_LIFE_MS = 24 * HOUR_MS;
/** More than this says nothing more about a rate, and would only keep it from changing. */
const MOST_REMEMBERED = 1000;
/** Nothing is left to fade after so long. */
const LONGEST_FADING_MS = 20 * 24 * HOUR_MS;

/** Counters that forget. */
export type Health = Record<HealthOutcome, number> & {
  /** When they were last brought up to date. */
  tick: number;
  level: HealthLevel;
};

/** How a rate lowers the score: by nothing up to `from`, by `most` from `to` on. `sample`: what it is taken over at least. */
type Penalty = { from: number; to: number; most: number; sample: number };

const PENALTIES: Record<Exclude<HealthOutcome, 'delivered'>, Penalty> = {
  deferred: { from: 0.2, to: 1, most: 85, sample: 50 },
  bounced: { from: 0.02, to: 0.2, most: 90, sample: 50 },
  complained: { from: 0.001, to: 0.01, most: 90, sample: 500 },
  // Never enough to leave it out: its breaker tries it again, and would not see a password that was mended.
  auth_failed: { from: 0.1, to: 0.6, most: 75, sample: 10 },
};

/** Classes of a temporary "no" that are about who sends; what else defers is the recipient's or the receiver's own trouble. */
const TELLING_DEFERRALS: ReadonlySet<string> = new Set<BounceClass>([
  'rate_limited',
  'reputation_block',
  'policy_block',
  'content_block',
  'auth_failure',
  'unknown',
]);

/** Whether an outcome says something of the mailbox it went through. */
export function tellsOfMailbox(outcome: HealthOutcome, bounceClass: string | null): boolean {
  if (outcome === 'deferred') return bounceClass === null || TELLING_DEFERRALS.has(bounceClass);
  if (outcome === 'bounced') return bounceClass !== 'message_too_large' && isBadSign(bounceClass);
  return true;
}

export function newHealth(now: number): Health {
  const counters = { delivered: 0, deferred: 0, bounced: 0, complained: 0, auth_failed: 0 };
  return { ...counters, tick: tickOf(now, HALF_LIFE_MS), level: 'good' };
}

/** Attempts that are remembered. A complaint is about mail that was delivered. */
function attempts({ delivered, deferred, bounced, auth_failed }: Health): number {
  return delivered + deferred + bounced + auth_failed;
}

/** Brings the counters up to a time. One that runs backwards changes nothing. */
export function fade(health: Health, now: number): void {
  const tick = tickOf(now, HALF_LIFE_MS);
  if (tick <= health.tick) return;
  scale(health, leftAfter(tick - health.tick));
  health.tick = tick;
}

function scale(health: Health, factor: number): void {
  for (const outcome of HEALTH_OUTCOMES) health[outcome] *= factor;
}

/** Notes what became of one attempt. */
export function note(health: Health, outcome: HealthOutcome, now: number): void {
  fade(health, now);
  health[outcome] += 1;
  const sum = attempts(health);
  if (sum > MOST_REMEMBERED) scale(health, MOST_REMEMBERED / sum);
}

export type HealthRates = { attempts: number } & Record<Exclude<HealthOutcome, 'delivered'>, number>;

/** Shares of what is remembered, as it stands; over the minimum sample where it is less. */
export function ratesOf(health: Health): HealthRates {
  const sum = attempts(health);
  const share = (outcome: keyof typeof PENALTIES): number => health[outcome] / Math.max(sum, PENALTIES[outcome].sample);
  return {
    attempts: sum,
    deferred: share('deferred'),
    bounced: share('bounced'),
    complained: share('complained'),
    auth_failed: share('auth_failed'),
  };
}

/** What each kind of bad sign takes off the score. */
export function penaltiesOf(health: Health): Record<keyof typeof PENALTIES, number> {
  const rates = ratesOf(health);
  const penalty = (outcome: keyof typeof PENALTIES): number => {
    const { from, to, most } = PENALTIES[outcome];
    return Math.round(most * Math.min(1, Math.max(0, (rates[outcome] - from) / (to - from))));
  };
  return {
    deferred: penalty('deferred'),
    bounced: penalty('bounced'),
    complained: penalty('complained'),
    auth_failed: penalty('auth_failed'),
  };
}

/** 0 to 100, as the counters stand. */
export function scoreOf(health: Health): number {
  const { deferred, bounced, complained, auth_failed } = penaltiesOf(health);
  return Math.max(0, 100 - deferred - bounced - complained - auth_failed);
}

/** The level of a score, for one that was at `level` before. */
export function levelAt(score: number, level: HealthLevel): HealthLevel {
  if (score < EXCLUDED_BELOW) return 'excluded';
  if (level === 'excluded' && score < BACK_FROM) return 'excluded';
  if (score < WEAK_BELOW) return 'weak';
  return level !== 'good' && score < GOOD_FROM ? 'weak' : 'good';
}

/** When a mailbox that is left out will be back if nothing new happens, on the clock of `now`. */
export function recoveryOf(health: Health, now: number): number {
  let early = 0;
  let late = LONGEST_FADING_MS / HOUR_MS;
  while (late - early > 1) {
    const middle = (early + late) >> 1;
    if (scoreOf(fadedCopy(health, now + middle * HOUR_MS)) >= BACK_FROM) late = middle;
    else early = middle;
  }
  return now + late * HOUR_MS;
}

function fadedCopy(health: Health, now: number): Health {
  const copy = { ...health };
  fade(copy, now);
  return copy;
}
