/** What changes an account's risk state: accepted sends, refused attempts, and what comes back. Nothing else does. */
import { forgetGlance, type Glance, glance, type RiskRecipient, type RiskSend } from './glance.ts';
import { hashOf } from './hash.ts';
import type { RiskFacts } from './score.ts';
import {
  AT,
  type Counter,
  DAY_MS,
  forget as forgetUpTo,
  HOSTS,
  leftNow,
  ONE,
  REFUSED,
  type RiskState,
  SHAPES,
  TARGETS,
  type Target,
} from './state.ts';

const MINUTE_MS = 60_000;

/** What an accepted send did to the account's standing. */
export type RiskStep = {
  /** The score has risen past the warning level with this message. */
  elevated: boolean;
  /** The score is at the threshold, and enough warnings were given: the account comes into quarantine now. */
  quarantine: boolean;
};

/** Accepted messages that must carry the warning before a quarantine: the first, and two more. */
const WARNINGS_BEFORE = 3;
const NO_STEP: RiskStep = { elevated: false, quarantine: false };

/**
 * Counts one accepted recipient. `facts` are those it was decided on. The answer tells what follows for the account; only the
 * first recipient of a message is a warning given.
 */
export function observeAccepted(
  state: RiskState,
  send: RiskSend,
  recipient: RiskRecipient,
  facts: RiskFacts | null,
  now: number,
): RiskStep {
  const seen = glance(state, leftNow(state, now), send, recipient, now);
  const { shape } = seen;
  change(state, now);
  for (let i = 0; i < seen.delta.length; i += 1) state.counters[i]! += seen.delta[i]!;
  keepTarget(state, seen, now);
  if (send.isFirst) {
    keepShape(state, shape, send.content.signature, now);
    for (const host of send.content.hosts) if (host !== send.content.sender) keepHost(state, host, now);
  }
  keepPeak(state, now);
  state.lastAt = Math.max(state.lastAt, now);
  return facts === null ? NO_STEP : warn(state, facts, send.isFirst);
}

/** Lets the state forget up to `now`, before anything is counted in it. */
function change(state: RiskState, now: number): void {
  forgetGlance();
  forgetUpTo(state, now);
}

function warn(state: RiskState, facts: RiskFacts, isFirst: boolean): RiskStep {
  const step = stepAfter(state.warned, facts, isFirst);
  state.warned = step.warned;
  return step;
}

/** What an accepted recipient makes of so many warnings in a row. */
export function stepAfter(
  warned: number,
  { score, warnAt, threshold }: Pick<RiskFacts, 'score' | 'warnAt' | 'threshold'>,
  isFirst: boolean,
): RiskStep & { warned: number } {
  // One rise, one event: it ends well below the level, not when the score trembles around it.
  if (score < warnAt) return { elevated: false, quarantine: false, warned: score * 5 < warnAt * 4 ? 0 : warned };
  const elevated = warned === 0;
  const more = warned + (isFirst || elevated ? 1 : 0);
  return { elevated, quarantine: score >= threshold && more >= WARNINGS_BEFORE, warned: more };
}

/**
 * A refused attempt. Only repeated ones against the same person count, and they weigh so little that alone they never even reach the
 * warning level: a loop that is refused harms nobody.
 */
export function observeRefused(state: RiskState, recipient: { key: string }, now: number): void {
  const key = hashOf(recipient.key);
  if (!state.refused.includes(key)) {
    state.refused = [key, ...state.refused].slice(0, REFUSED);
    return;
  }
  change(state, now);
  state.counters[AT.refusedHour]! += ONE;
}

export type Return = {
  kind: 'reply' | 'bounce' | 'complaint' | 'unsubscribe';
  /** Class of a bounce, where it is known. */
  class: string | null;
  /** Key of the person's address. */
  key: string;
  /** The caller's own word for it: replies so reported say nothing. */
  isReported: boolean;
};

/** Classes that tell of the receiver's state, not of the sender's list or standing. */
const BLAMELESS: ReadonlySet<string> = new Set([
  'mailbox_full',
  'rate_limited',
  'greylisted',
  'infrastructure',
  'auth_failure',
  'tls_failure',
  'protocol_error',
  'message_too_large',
]);

export function observeReturn(state: RiskState, returned: Return, now: number): void {
  change(state, now);
  const { kind } = returned;
  if (kind === 'reply') {
    if (returned.isReported) return;
    add(state, 'repliesDay');
    add(state, 'repliesMonth');
    const key = hashOf(returned.key);
    state.targets = state.targets.filter((target) => target.key !== key);
    return;
  }
  if (kind === 'bounce') {
    if (returned.class !== null && BLAMELESS.has(returned.class)) return;
    add(state, 'bouncesDay');
    if (returned.class === 'unknown_user') add(state, 'unknownUsersDay');
  } else add(state, kind === 'complaint' ? 'complaintsDay' : 'unsubscribesDay');
  if (kind !== 'unsubscribe') add(state, 'harmMonth');
  if (kind === 'complaint') add(state, 'complaintsMonth');
}

/** After a review let the account go: what was recent is forgotten, what was learned in months stays. */
export function observeReleased(state: RiskState, now: number): void {
  change(state, now);
  for (const counter of RECENT) state.counters[AT[counter]] = 0;
  state.targets = [];
  state.warned = 0;
  state.likeness = 0;
}

const RECENT = (Object.keys(AT) as Counter[]).filter((name) => !name.endsWith('Month'));

/** How like other accounts' recent traffic this account's is: found elsewhere, in percent. */
export function observeLikeness(state: RiskState, percent: number, now: number): void {
  state.likeness = Math.max(0, Math.min(100, Math.floor(percent))) * ONE;
  state.likenessAt = now;
}

function add(state: RiskState, counter: Counter): void {
  state.counters[AT[counter]]! += ONE;
}

function keepTarget(state: RiskState, seen: Glance, now: number): void {
  const { key, repeats: count, same, short, own } = seen;
  const since = Math.floor(now / DAY_MS);
  if (seen.target === null && state.targets.length < TARGETS) {
    state.targets.push({ key, count, same, short, own, since });
    return;
  }
  const target = seen.target ?? leastWrittenTo(state);
  if (seen.target === null) {
    target.key = key;
    target.since = since;
  }
  target.count = count;
  target.same = same;
  target.short = short;
  target.own = own;
}

/** It gives its place. */
function leastWrittenTo({ targets }: RiskState): Target {
  let least = targets[0]!;
  for (const target of targets) if (target.count < least.count) least = target;
  return least;
}

function keepShape(state: RiskState, known: RiskState['shapes'][number] | null, signature: string, now: number): void {
  const minute = Math.floor(now / MINUTE_MS);
  if (known !== null) {
    known.count += 1;
    known.last = Math.max(known.last, minute);
    return;
  }
  const fresh = { signature, count: 1, first: minute, last: minute };
  if (state.shapes.length < SHAPES) state.shapes.push(fresh);
  else state.shapes[weakest(state.shapes)] = fresh;
}

function keepHost(state: RiskState, host: number, now: number): void {
  const day = Math.floor(now / DAY_MS);
  const known = state.hosts.find((one) => one.host === host);
  if (known !== undefined) {
    known.count += 1;
    known.last = Math.max(known.last, day);
    return;
  }
  const fresh = { host, count: 1, first: day, last: day };
  if (state.hosts.length < HOSTS) state.hosts.push(fresh);
  else state.hosts[weakest(state.hosts)] = fresh;
}

/** The place of the entry that is worth least: seldom seen, then longest ago. */
function weakest(entries: readonly { count: number; last: number }[]): number {
  let found = 0;
  for (let i = 1; i < entries.length; i += 1) {
    const one = entries[i]!;
    const least = entries[found]!;
    const rank = Math.min(one.count, 4) - Math.min(least.count, 4);
    if (rank < 0 || (rank === 0 && one.last < least.last)) found = i;
  }
  return found;
}

/** The greatest load of a day counts as usual from the next day on. */
function keepPeak(state: RiskState, now: number): void {
  const day = Math.floor(now / DAY_MS);
  if (day > state.lastDay) {
    const days = Math.min(60, day - state.lastDay);
    let before = Math.max(state.peakBefore, state.peakToday);
    for (let i = 0; i < days; i += 1) before = Math.floor((before * 98) / 100);
    state.peakBefore = before;
    state.peakToday = 0;
    state.lastDay = day;
  }
  state.peakToday = Math.max(state.peakToday, state.counters[AT.sendsQuarter]!);
}
