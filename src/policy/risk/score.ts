/**
 * The risk score: what an account's counters say now, and with one more send. In points in thousandths, 0 or more; the policy
 * says from where on it warns and where it stops.
 */
import type { Policy } from '../document.ts';
import { type Glance, glance, type RiskRecipient, type RiskSend } from './glance.ts';
import { SIGNAL_AT, SIGNALS, signalAt } from './signals.ts';
import { AT, countsNow, DAY_MS, leftNow, ONE, OWN_GROUP, type RiskState, TARGET_GROUP } from './state.ts';

export const RISK_LEVELS = ['normal', 'elevated', 'high', 'quarantined'] as const;
export type RiskLevel = (typeof RISK_LEVELS)[number];
export const TRENDS = ['steady', 'rising', 'falling'] as const;
export type Trend = (typeof TRENDS)[number];

/** One signal that contributes. `value` is in thousandths of its unit, `contribution` in thousandths of a point. */
export type RiskSignal = {
  name: string;
  value: number;
  weight: number;
  /** From where on it counts, in its unit. */
  threshold: number;
  window: string;
  trend: Trend;
  contribution: number;
};

/** Scores are in thousandths of a point. */
export type RiskFacts = {
  score: number;
  level: RiskLevel;
  warnAt: number;
  threshold: number;
  /** Whether a reply could be seen: if not, silence weighs half. */
  repliesVisible: boolean;
  /** What contributes, the greatest first; only where the score is at the warning level. */
  signals: readonly RiskSignal[];
};

export type RiskInput = {
  state: RiskState;
  send: RiskSend;
  recipient: RiskRecipient;
  repliesVisible: boolean;
  policy: Policy;
  /** Milliseconds. */
  now: number;
};

/** The facts of a send as if it were accepted; null where the policy has the score off. Changes nothing. */
export function riskFacts(input: RiskInput): RiskFacts | null {
  const { state, policy, now, repliesVisible } = input;
  const tuning = tuningOf(policy);
  if (tuning === null) return null;
  const left = leftNow(state, now);
  const seen = glance(state, left, input.send, input.recipient, now);
  const score = weigh(state, left, seen, repliesVisible, tuning, now);
  const { warnAt, threshold } = tuning;
  const level = levelOf(score, tuning);
  const signals = score < warnAt ? NO_SIGNALS : listSignals(state, seen, repliesVisible, tuning, now);
  return { score, level, warnAt, threshold, repliesVisible, signals };
}

export type RiskReport = RiskFacts & { fallsBy: readonly string[] };

/** The score as it stands without a further send, with every signal that contributes. Where the score is off it is reported all the same. */
export function riskReport(state: RiskState, repliesVisible: boolean, policy: Policy, now: number): RiskReport {
  const tuning = tuningOf(policy) ?? tune(policy);
  const score = weigh(state, leftNow(state, now), null, repliesVisible, tuning, now);
  const signals = listSignals(state, null, repliesVisible, tuning, now);
  const { warnAt, threshold } = tuning;
  return {
    score,
    level: levelOf(score, tuning),
    warnAt,
    threshold,
    repliesVisible,
    signals,
    fallsBy: fallsBy(signals),
  };
}

const MOST_FALLS = 3;

/** What would bring the score down, for the signals that weigh most. */
export function fallsBy(signals: readonly RiskSignal[]): string[] {
  return signals
    .filter(({ contribution }) => contribution > 0)
    .slice(0, MOST_FALLS)
    .map(({ name }) => SIGNALS[signalAt(name)]!.falls);
}

const NO_SIGNALS: readonly RiskSignal[] = [];

function levelOf(score: number, { warnAt, threshold }: Tuning): RiskLevel {
  if (score < warnAt) return 'normal';
  return score * 2 < warnAt + threshold ? 'elevated' : 'high';
}

/** A score as it was made, judged by another policy's levels; null where that has the score off. */
export function rejudged(facts: RiskFacts, policy: Policy): RiskFacts | null {
  const tuning = tuningOf(policy);
  if (tuning === null) return null;
  const { warnAt, threshold } = tuning;
  return { ...facts, warnAt, threshold, level: levelOf(facts.score, tuning) };
}

/** The signals with a policy's numbers in them, in thousandths. */
type Tuning = { warnAt: number; threshold: number; weights: Float64Array; froms: Float64Array; spans: Float64Array };

const tunings = new WeakMap<Policy, Tuning>();

function tuningOf(policy: Policy): Tuning | null {
  if (policy.document.quarantine.mode === 'off') return null;
  let tuning = tunings.get(policy);
  if (tuning === undefined) {
    tuning = tune(policy);
    tunings.set(policy, tuning);
  }
  return tuning;
}

function tune(policy: Policy): Tuning {
  const { quarantine } = policy.document;
  const own = (quarantine.signals ?? {}) as Record<string, { weight?: number; threshold?: number }>;
  const tuning: Tuning = {
    warnAt: (quarantine.warn_at ?? 60) * ONE,
    threshold: (quarantine.threshold ?? 100) * ONE,
    weights: new Float64Array(SIGNALS.length),
    froms: new Float64Array(SIGNALS.length),
    spans: new Float64Array(SIGNALS.length),
  };
  SIGNALS.forEach(({ name, weight, from, to }, i) => {
    const changed = Object.hasOwn(own, name) ? own[name] : undefined;
    const points = changed?.weight ?? Math.abs(weight);
    tuning.weights[i] = (weight < 0 ? -points : points) * ONE;
    tuning.froms[i] = Math.round((changed?.threshold ?? from) * ONE);
    tuning.spans[i] = Math.round((to - from) * ONE);
  });
  return tuning;
}

/** Reused: counters as they are now, with the send that is looked at. */
const counts = new Float64Array(Object.keys(AT).length);
/** Reused: values are computed and weighed at once. */
const values = new Float64Array(SIGNALS.length);
const contributions = new Float64Array(SIGNALS.length);

function weigh(
  state: RiskState,
  left: Float64Array,
  seen: Glance | null,
  repliesVisible: boolean,
  tuning: Tuning,
  now: number,
): number {
  measure(state, left, seen, now);
  let score = 0;
  for (let i = 0; i < SIGNALS.length; i += 1) {
    const contribution = contributionOf(i, repliesVisible, tuning);
    contributions[i] = contribution;
    score += contribution;
  }
  return Math.max(0, score);
}

const SILENT = [SIGNAL_AT.recipient_repeats, SIGNAL_AT.personal_repeats];

function weightOf(i: number, repliesVisible: boolean, tuning: Tuning): number {
  const weight = tuning.weights[i]!;
  return !repliesVisible && SILENT.includes(i) ? weight / 2 : weight;
}

function contributionOf(i: number, repliesVisible: boolean, tuning: Tuning): number {
  const excess = values[i]! - tuning.froms[i]!;
  if (excess <= 0) return 0;
  const span = tuning.spans[i]! * SIGNALS[i]!.most;
  const weight = weightOf(i, repliesVisible, tuning);
  return Math.floor((weight * Math.min(excess, span)) / tuning.spans[i]!);
}

function listSignals(
  state: RiskState,
  seen: Glance | null,
  repliesVisible: boolean,
  tuning: Tuning,
  now: number,
): RiskSignal[] {
  const signals: RiskSignal[] = [];
  for (let i = 0; i < SIGNALS.length; i += 1) {
    if (contributions[i] === 0) continue;
    const { name, window } = SIGNALS[i]!;
    const weight = weightOf(i, repliesVisible, tuning) / ONE;
    const threshold = tuning.froms[i]! / ONE;
    const contribution = contributions[i]!;
    signals.push({ name, value: values[i]!, weight, threshold, window, trend: 'steady', contribution });
  }
  // With a send: against the score without it. Without one: against the score in an hour.
  const other = seen === null ? now + HOUR_MS : now;
  weigh(state, leftNow(state, other), null, repliesVisible, tuning, other);
  for (const signal of signals) {
    const then = contributions[signalAt(signal.name)]!;
    if (signal.contribution !== then)
      signal.trend = signal.contribution > then === (seen !== null) ? 'rising' : 'falling';
  }
  return signals.sort((a, b) => b.contribution - a.contribution);
}

const HOUR_MS = 3_600_000;

const FEW = 5 * ONE;
const SOME = 12 * ONE;
const QUITE_A_FEW = 20 * ONE;
const MANY = 50 * ONE;
/** Fewer bounces or complaints than so many are chance. */
const LEAST_HARM = 1.5 * ONE;
/** Sends in a quarter of an hour that no history is needed for. */
const FREE_QUARTER = 20 * ONE;
/** Active days, forgotten by half in thirty, at which an account is fully known. */
const KNOWN_DAYS = 10;
/** Share of harmful sends, one in so many, at which history counts for nothing. */
const HARM_IN = 20;

const percent = (part: number, whole: number): number => Math.floor((part * 100 * ONE) / whole);

/** The value of every signal, with the send that is looked at where there is one. */
function measure(state: RiskState, left: Float64Array, seen: Glance | null, now: number): void {
  countsNow(state, left, counts);
  if (seen !== null) for (let i = 0; i < counts.length; i += 1) counts[i]! += seen.delta[i]!;
  const sends = get(AT.sendsDay);
  // Of those who never answered nor consented: good mail to others does not hide what these get.
  const unfamiliar = sends - get(AT.familiarDay);
  const thisHour = get(AT.sendsHour) - get(AT.familiarHour);
  const trust = trustOf(get(AT.activeDaysMonth), get(AT.sendsMonth), get(AT.harmMonth));
  measureTargets(state, left, seen, Math.floor(now / DAY_MS));
  values[SIGNAL_AT.gibberish] = get(AT.gibberishHour);
  values[SIGNAL_AT.similar_content] = percent(get(AT.similarDay), sends + FEW);
  values[SIGNAL_AT.burst] = Math.floor((get(AT.sendsQuarter) * ONE) / Math.max(FREE_QUARTER, 2 * state.peakBefore));
  values[SIGNAL_AT.new_recipients] = percent(get(AT.strangersDay), sends + FEW);
  values[SIGNAL_AT.new_account] = 100 * ONE - trust;
  values[SIGNAL_AT.foreign_links] = share(AT.foreignLinksDay, unfamiliar, AT.foreignLinksHour, thisHour);
  values[SIGNAL_AT.suspicious_phrases] = share(AT.phrasesDay, unfamiliar, AT.phrasesHour, thisHour);
  // A day's worth tells half as much as an hour's.
  values[SIGNAL_AT.unsolicited_bulk] = Math.max(get(AT.bulkHour), Math.floor(get(AT.bulkDay) / 2));
  // Only an account that is known has a usual content to differ from.
  const known = Math.max(0, 2 * trust - 100 * ONE);
  values[SIGNAL_AT.unusual_content] = Math.floor((get(AT.novelHour) * known) / (100 * ONE));
  const bounces = get(AT.bouncesDay);
  const harm = get(AT.harmMonth);
  values[SIGNAL_AT.bounces] = Math.max(
    percent(beyondChance(bounces), sends + SOME),
    percent(beyondChance(harm), get(AT.sendsMonth) + QUITE_A_FEW),
  );
  values[SIGNAL_AT.unknown_users] = bounces < LEAST_HARM ? 0 : percent(get(AT.unknownUsersDay), sends + SOME);
  const complaints = get(AT.complaintsDay);
  const everComplained = get(AT.complaintsMonth);
  values[SIGNAL_AT.complaints] = Math.max(
    complaints < LEAST_HARM ? 0 : percent(complaints, sends + MANY),
    everComplained < LEAST_HARM ? 0 : percent(everComplained, get(AT.sendsMonth) + MANY),
  );
  const unsubscribes = get(AT.unsubscribesDay);
  values[SIGNAL_AT.unsubscribes] = unsubscribes < LEAST_HARM ? 0 : percent(unsubscribes, sends + MANY);
  values[SIGNAL_AT.deceptive_links] = percent(get(AT.deceptiveDay), sends + FEW);
  values[SIGNAL_AT.sender_mismatch] = percent(get(AT.mismatchDay), sends + FEW);
  values[SIGNAL_AT.unusual_attachments] = unusualAttachments();
  values[SIGNAL_AT.likeness] = now - state.likenessAt < DAY_MS ? state.likeness : 0;
  values[SIGNAL_AT.refused_attempts] = get(AT.refusedHour);
  values[SIGNAL_AT.changing_links] = share(AT.changingHostsDay, unfamiliar, AT.changingHostsHour, thisHour);
  values[SIGNAL_AT.empty_content] = percent(get(AT.emptyDay), sends + FEW);
  values[SIGNAL_AT.good_history] = trust;
  values[SIGNAL_AT.replies] = percent(get(AT.repliesDay), sends + FEW);
  values[SIGNAL_AT.familiar_recipients] = percent(get(AT.familiarDay), sends + FEW);
}

function get(counter: number): number {
  return counts[counter]!;
}

/** The greater share, of the day's sends and of the hour's. */
function share(day: number, ofDay: number, hour: number, ofHour: number): number {
  return Math.max(percent(get(day), ofDay + FEW), percent(get(hour), ofHour + FEW));
}

/** One that bounces is chance, whenever it comes. */
function beyondChance(bounces: number): number {
  return bounces < LEAST_HARM ? 0 : bounces - ONE;
}

/** How far an account is known to be good, in thousandths of a percent. */
function trustOf(activeDays: number, sends: number, harm: number): number {
  const known = Math.min(100 * ONE, Math.floor((activeDays * 100) / KNOWN_DAYS));
  const good = Math.max(0, sends + MANY - harm * HARM_IN);
  return Math.floor((known * good) / (sends + MANY));
}

/** Sends to one person that come to be usual with each day on which they are written to, and the most of them. */
const USUAL_A_DAY = 2 * ONE;
const MOST_USUAL = 12 * ONE;
/** Of those to a second person, what is beyond so many counts three quarters. */
const FREE_REPEATS = 3 * ONE;

/** The person written to most, of those remembered and of the send that is looked at. */
function measureTargets(state: RiskState, left: Float64Array, seen: Glance | null, today: number): void {
  const hour = left[TARGET_GROUP]!;
  let repeats = 0;
  let second = 0;
  let same = 0;
  let short = 0;
  let own = 0;
  for (const target of state.targets) {
    const isSeen = seen !== null && target === seen.target;
    const usual = Math.min(MOST_USUAL, (today - target.since) * USUAL_A_DAY);
    const count = (isSeen ? seen.repeats : Math.floor(target.count * hour)) - usual;
    second = Math.max(second, Math.min(count, repeats));
    repeats = Math.max(repeats, count);
    same = Math.max(same, (isSeen ? seen.same : Math.floor(target.same * hour)) - usual);
    short = Math.max(short, (isSeen ? seen.short : Math.floor(target.short * hour)) - usual);
    own = Math.max(own, (isSeen ? seen.own : Math.floor(target.own * left[OWN_GROUP]!)) - usual);
  }
  if (seen !== null && seen.target === null) repeats = Math.max(repeats, seen.repeats);
  values[SIGNAL_AT.recipient_repeats] = repeats + Math.floor((Math.max(0, second - FREE_REPEATS) * 3) / 4);
  values[SIGNAL_AT.repeated_content] = same;
  values[SIGNAL_AT.short_content] = short;
  values[SIGNAL_AT.personal_repeats] = own;
}

/** Share of sends with odd attachments, beyond what is the account's habit. */
function unusualAttachments(): number {
  const today = percent(get(AT.attachmentsDay), get(AT.sendsDay) + FEW);
  const habit = percent(get(AT.attachmentsMonth), get(AT.sendsMonth) + FEW);
  return Math.max(0, today - Math.floor(habit / 2));
}
