/**
 * The search for a place: the earliest time at which a recipient fits into every window of every limit, past and future, and its
 * cooldown is over. Nothing is taken here; what a departure counts is `countDeparture`'s.
 */
import type { Limit, Policy } from './document.ts';
import { warmupAt } from './facts-warmup.ts';
import { type ContactState, type Counters, isCounted, type ScopeState, seriesIn, stateOf } from './ledger.ts';
import type { Send, SendRecipient } from './send.ts';
import { countAt, latestUpTo } from './series.ts';
import { type CountedWindow, earliestPlace, emissionMicros, rateFreeAt, releasedAt, usedAt } from './windows.ts';

/** One recipient before its counters. */
export type CountersInput = {
  view: Counters;
  send: Send;
  recipient: SendRecipient;
  /** Milliseconds. */
  now: number;
  /** Where and when the message counts already (unit `message`). */
  counted: ReadonlyMap<ScopeState, number>;
};

/** What a search for a place asks beside the limits that all sends share: of a way out, or of a sender's own pace. */
export type WaySearch = {
  limits: [Limit, ScopeState][];
  /** The earliest second from this one on with a place in its warm-up, or in the sender's hours; null: none within the horizon. */
  next: (second: number) => number | null;
};

/** Departures up to this second are forgotten by a limit that a reply resets, or that began with a probation. */
export function sinceReply(limit: Limit, contact: ContactState): number {
  if (limit.forgetsUntil !== undefined) return limit.forgetsUntil;
  return limit.resetOnReply && contact.lastReplyAt !== null ? Math.floor(contact.lastReplyAt / 1000) : 0;
}

/** Where the departures lie that a cooldown stands between. */
export function cooling(
  { view, send, recipient }: Pick<CountersInput, 'view' | 'send' | 'recipient'>,
  { cooldownScope, cooldownSeconds }: Policy,
  contact: ContactState,
): ScopeState {
  if (cooldownScope === 'recipient' || cooldownSeconds === 0) return contact;
  return stateOf(view, cooldownScope, send, recipient) ?? contact;
}

/** The last departure there up to `second` that no reply has followed, in milliseconds, or null. */
export function lastUnanswered(state: ScopeState, contact: ContactState, second: number): number | null {
  const last = latestUpTo(seriesIn(state, 'recipient'), second);
  const answered = contact.lastReplyAt === null ? 0 : Math.floor(contact.lastReplyAt / 1000);
  return last === null || last <= answered ? null : last * 1000;
}

/** The earliest second with a place in a windowed limit: where the message counts already it needs no other. */
export function freeSecond(
  limit: Limit,
  state: ScopeState,
  counted: ReadonlyMap<ScopeState, number>,
  second: number,
  since: number,
): number | null {
  if (limit.window.kind === 'rate') return second;
  const { warmup, window } = limit;
  const series = seriesIn(state, limit.unit);
  const place =
    warmup === null
      ? earliestPlace(series, window, limit.max, 1, second, since)
      : warmupPlace(limit, state, window, second);
  const countedAt = limit.unit === 'message' ? counted.get(state) : undefined;
  return countedAt === undefined ? place : Math.max(second, Math.min(place ?? countedAt, countedAt));
}

/** The places of a warm-up grow from day to day, and when it is over there is no end of them. */
function warmupPlace(limit: Limit, state: ScopeState, window: CountedWindow, from: number): number {
  let second = from;
  for (;;) {
    const today = limit.warmup === null ? null : warmupAt(limit.warmup, state.firstAt, second);
    if (today === null || usedAt(seriesIn(state, 'recipient'), window, second) < openPlaces(limit, today.places)) {
      return second;
    }
    second = releasedAt(window, second);
  }
}

/** On probation a share of a day's places is open. */
function openPlaces({ max, full }: Limit, places: number): number {
  return full === undefined ? places : Math.max(1, Math.floor((places * max) / full));
}

/** Departure times have milliseconds: so many recipients can leave in one second at times of their own. */
const MOST_A_SECOND = 1000;
/** Limits that free places in turn move a search on and on: past so many moves it is given up and the send refused. */
export const MOST_MOVES = 1000;

/**
 * The earliest millisecond at which every limit has a place at once and the cooldown is over; null when there is none.
 * `rate` limits are not reserved ahead: only the time at which they would first be free counts. Places in one second take
 * its milliseconds in turn, so that no two share a departure time.
 */
export function jointPlace(input: CountersInput, policy: Policy, departAt: number, way?: WaySearch): number | null {
  const { view, send, recipient } = input;
  const contact = view.contact(recipient.key);
  const limits: [Limit, ScopeState][] = [];
  for (const limit of [...policy.messageLimits, ...policy.recipientLimits]) {
    const state = stateOf(view, limit.scope, send, recipient);
    if (state !== null) limits.push([limit, state]);
  }
  if (way !== undefined) limits.push(...way.limits);
  let second = Math.floor(departAt / 1000);
  let settled = 0;
  for (let moves = 0; moves < MOST_MOVES; moves += 1) {
    const before = second;
    for (const [limit, state] of limits) {
      const place = placeIn(limit, state, input, contact, second, departAt);
      if (place === null) return null;
      second = place;
    }
    if (way !== undefined) {
      const place = way.next(second);
      if (place === null) return null;
      second = place;
    }
    second = afterCooldown(cooling(input, policy, contact), contact, policy.cooldownSeconds, second);
    settled = takenIn(limits, second);
    if (settled >= MOST_A_SECOND) second += 1;
    if (second === before) return second * 1000 + settled;
  }
  return null;
}

/** The earliest second from `second` on at which this one limit has a place. */
function placeIn(
  limit: Limit,
  state: ScopeState,
  input: CountersInput,
  contact: ContactState,
  second: number,
  departAt: number,
): number | null {
  if (limit.unit === 'message' && isCounted(input.counted, state, second)) return second;
  if (limit.window.kind !== 'rate') {
    return freeSecond(limit, state, input.counted, second, sinceReply(limit, contact));
  }
  // What asks to leave later takes its place in a rate when it is due.
  if (departAt > input.now) return second;
  const interval = emissionMicros(limit.window.perSeconds, limit.max);
  const tat = state.tats?.get(limit.name) ?? 0;
  const free = rateFreeAt(tat, interval, limit.burst, 1, Math.max(departAt, second * 1000));
  if (free === null) return null;
  return free <= departAt ? second : Math.max(second, Math.ceil(free / 1000));
}

/** Cooldowns look at departures up to one's own, so a later place may meet one that was reserved before it. */
function afterCooldown(state: ScopeState, contact: ContactState, cooldownSeconds: number, second: number): number {
  const last = cooldownSeconds === 0 ? null : lastUnanswered(state, contact, second);
  return last === null ? second : Math.max(second, last / 1000 + cooldownSeconds);
}

/** The most units that depart in this second in any of the limits. */
function takenIn(limits: readonly [Limit, ScopeState][], second: number): number {
  let taken = 0;
  for (const [limit, state] of limits) {
    if (limit.window.kind !== 'rate') taken = Math.max(taken, countAt(seriesIn(state, limit.unit), second));
  }
  return taken;
}

/** The earliest millisecond at which the `rate` limits let this recipient leave; asked when a scheduled one is due. */
export function ratesFreeAt(view: Counters, policy: Policy, send: Send, recipient: SendRecipient, now: number): number {
  let freeAt = now;
  for (const limit of policy.rates) {
    const state = stateOf(view, limit.scope, send, recipient);
    if (state === null || limit.window.kind !== 'rate') continue;
    const interval = emissionMicros(limit.window.perSeconds, limit.max);
    const free = rateFreeAt(state.tats?.get(limit.name) ?? 0, interval, limit.burst, 1, now);
    if (free !== null) freeAt = Math.max(freeAt, free);
  }
  return freeAt;
}
