/**
 * What a decision knows of the account's quarantine: that it is in one and why, or that it was released on probation, which makes
 * its limits smaller. Times in milliseconds; shares in thousandths.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';

/** The states in which nothing is sent. */
export const QUARANTINED = ['active', 'under_review', 'upheld'] as const;
export type QuarantinedState = (typeof QUARANTINED)[number];

/** One of the signals that led to it, frozen as it was. Numbers have three decimals at most. */
export type QuarantineSignal = { name: string; value: number; threshold: number; contribution: number };

export type QuarantinedFacts = {
  state: QuarantinedState;
  since: number;
  /** Set by hand, not by the score. */
  byOperator: boolean;
  score: number;
  threshold: number;
  signals: readonly QuarantineSignal[];
  /** When it ends by itself, or null. */
  releaseAt: number | null;
  /** What the operator said of it, cut short; empty: nothing. */
  note: string;
};

export type ProbationFacts = {
  state: 'probation';
  /** The release. What left before it does not count in the limit that `baseline` gives. */
  since: number;
  /** When the limits are whole again. */
  until: number;
  /** Hundredths of each limit that are open now: 1 to 99. */
  share: number;
  /** Recipients a day that count as a whole limit, for an account whose policy sets none; null where it sets one. */
  baseline: number | null;
};

/** Null: neither in quarantine nor on probation. */
export type QuarantineFacts = QuarantinedFacts | ProbationFacts | null;

/** The life of a quarantine as the ledger keeps it. */
export type QuarantineStanding = QuarantinedFacts | ProbationStanding | null;

export type ProbationStanding = {
  state: 'probation';
  since: number;
  until: number;
  /** Thousandths of each limit that were open at its start: 1 to 999. */
  factor: number;
  baseline: number | null;
};

/** How a quarantine stands at `now`: one whose time is over is none. */
export function quarantineFacts(standing: QuarantineStanding, now: number): QuarantineFacts {
  if (standing === null) return null;
  if (standing.state !== 'probation') {
    return standing.releaseAt !== null && standing.releaseAt <= now ? null : standing;
  }
  const { since, until, factor, baseline } = standing;
  if (now >= until) return null;
  // Linear from the factor to the whole, in steps of a hundredth: so many policies at most are made of one.
  const grown = Math.floor(((1000 - factor) * Math.max(0, now - since)) / (until - since));
  const share = Math.min(99, Math.max(1, Math.floor((factor + grown) / 10)));
  return { state: 'probation', since, until, share, baseline };
}

export function isQuarantined(facts: QuarantineFacts): facts is QuarantinedFacts {
  return facts !== null && facts.state !== 'probation';
}

/** The probation in facts, or null. */
export function probationIn(facts: QuarantineFacts): ProbationFacts | null {
  return facts !== null && facts.state === 'probation' ? facts : null;
}

const ABSENT = 0;
const PROBATION = 4;

export function packQuarantine(w: PackWriter, facts: QuarantineFacts): void {
  if (facts === null) {
    w.byte(ABSENT);
    return;
  }
  if (facts.state === 'probation') {
    w.byte(PROBATION);
    w.uint(facts.since);
    w.uint(facts.until);
    w.byte(facts.share);
    w.optional(facts.baseline);
    return;
  }
  w.byte(1 + QUARANTINED.indexOf(facts.state));
  w.uint(facts.since);
  w.byte(facts.byOperator ? 1 : 0);
  w.uint(facts.score);
  w.uint(facts.threshold);
  w.uint(facts.signals.length);
  for (const { name, value, threshold, contribution } of facts.signals) {
    w.text(name);
    w.int(Math.round(value * 1000));
    w.int(Math.round(threshold * 1000));
    w.int(Math.round(contribution * 1000));
  }
  w.optional(facts.releaseAt);
  w.text(facts.note);
}

export function unpackQuarantine(r: PackReader): QuarantineFacts {
  const tag = r.byte();
  if (tag === ABSENT) return null;
  if (tag === PROBATION) {
    return { state: 'probation', since: r.uint(), until: r.uint(), share: r.byte(), baseline: r.optional() };
  }
  const state = QUARANTINED[tag - 1];
  if (state === undefined) throw new Error(`facts know no quarantine of the kind ${tag}`);
  const since = r.uint();
  const byOperator = r.byte() === 1;
  const score = r.uint();
  const threshold = r.uint();
  const signals: QuarantineSignal[] = [];
  for (let n = r.uint(); n > 0; n -= 1) {
    const name = r.text();
    signals.push({ name, value: r.int() / 1000, threshold: r.int() / 1000, contribution: r.int() / 1000 });
  }
  return { state, since, byOperator, score, threshold, signals, releaseAt: r.optional(), note: r.text() };
}
