/** `look`: takes from the ledger every number that the rules need for one recipient, and nothing else. */
import { channelOf } from '../core/channel.ts';
import type { AccountFacts } from './account.ts';
import type { Limit, LimitScope, Policy } from './document.ts';
import type { Facts, LimitFact } from './facts.ts';
import { type ApprovalAsked, lookAtApproval } from './facts-approval.ts';
import { lookBudget } from './facts-budget.ts';
import { type ContactFacts, lookContact } from './facts-contact.ts';
import { lookLease, lookLeaseAtDeparture } from './facts-lease.ts';
import type { PoolFacts } from './facts-pool.ts';
import { probationIn, quarantineFacts } from './facts-quarantine.ts';
import { lookRisk } from './facts-risk.ts';
import { lookSender } from './facts-sender.ts';
import { lookWarmup, warmupAt } from './facts-warmup.ts';
import {
  type ContactState,
  type Counters,
  dripScope,
  isCounted,
  type ScopeState,
  seriesIn,
  stateOf,
} from './ledger.ts';
import type { LedgerView } from './ledger-view.ts';
import { lookRoute, type WaySearch } from './look-route.ts';
import { gapLimit, hoursPlace, isPaced } from './pacing.ts';
import { adapted } from './probation.ts';
import type { Send, SendRecipient } from './send.ts';
import { countAt, isLast, latestUpTo } from './series.ts';
import type { RoutingView } from './ways.ts';
import {
  type CountedWindow,
  earliestPlace,
  emissionMicros,
  rateFreeAt,
  rateResetsAt,
  rateUsed,
  releasedAt,
  resetsAt,
  usedAt,
} from './windows.ts';

/** Version of the rules as code: with facts and policy it determines a verdict. Raise it when any rule changes. */
export const ENGINE = 4;

export type LookInput = {
  view: LedgerView;
  policy: Policy;
  send: Send;
  recipient: SendRecipient;
  /** Milliseconds. */
  now: number;
  /** Where and when the message counts already (unit `message`). */
  counted: ReadonlyMap<ScopeState, number>;
  duplicate: Facts['duplicate'];
  /** The approval it may need; absent where none can be asked for. */
  approval?: ApprovalAsked | null;
  /** Whether it is the first of its message that counts; true unless said. */
  isFirst?: boolean;
};

export function look(input: LookInput): Facts {
  const { view, send, recipient, now } = input;
  const hasIdentity = send.scopes.identity !== null;
  const identityCap = hasIdentity ? view.identityCap : null;
  const departAt = departureAskedFor(send, now);
  const contact = view.contact(recipient.key);
  const quarantine = quarantineFacts(view.quarantine, now);
  const warmup = lookWarmup(view, input.policy, send, recipient, departAt);
  const policy = adapted(input.policy, { identityCap, warmup, probation: probationIn(quarantine) });
  const counters = lookAtCounters(input, policy);
  const { pool, place } = lookAtPool(input, identityCap, policy, counters);
  return {
    engine: ENGINE,
    now,
    departAt,
    account: accountFacts(view, send.contentSize),
    identityState: hasIdentity ? view.identityState : null,
    identityHandle: hasIdentity ? view.identityHandle : null,
    identityCap,
    contentSize: send.contentSize,
    doNotContactSince: contact.doNotContact?.since ?? null,
    suppressions: activeSuppressions(contact, view.domain(recipient.domain), departAt),
    lastSentAt: counters.lastSentAt,
    duplicate: input.duplicate,
    undeliverable: recipient.undeliverable,
    simulated: recipient.simulated,
    limits: counters.limits,
    place: pool === null ? counters.place : place,
    contact: lookContact(view, policy, recipient, contact, departAt),
    lease: lookLease(view, send, recipient, now, departAt),
    budget: lookBudget(view, policy, send, departAt),
    warmup,
    risk: lookRisk(view, policy, send, recipient, contact, input.isFirst ?? true, now),
    quarantine,
    approval: lookAtApproval(input.approval, contact),
    content: send.findings ?? null,
    template: send.templateFacts ?? null,
    pool,
    sender: lookSender(view.senders, policy, send, departAt, false, channelOf(recipient.domain)),
  };
}

function departureAskedFor(send: Send, now: number): number {
  return send.sendAt !== null && send.sendAt > now ? send.sendAt : now;
}

/** What follows from the pool: the section of the facts, and the place where the recipient waits for one. */
type PoolLook = { pool: PoolFacts | null; place: number | null };

const NO_POOL: PoolLook = { pool: null, place: null };

/** The pool as one send meets it, under a policy with its identity's cap; `counters` is what the other limits said. */
export function lookAtPool(
  input: CountersInput & { view: RoutingView },
  identityCap: number | null,
  policy: Policy,
  counters: Pick<Facts, 'limits' | 'place'>,
): PoolLook {
  const { view, send, recipient, now } = input;
  // A text message goes by no provider of mail.
  if (channelOf(recipient.domain) === 'sms') return NO_POOL;
  const sight = view.sight ?? null;
  const departAt = departureAskedFor(send, now);
  const isFull = counters.limits.some(({ freeAt }) => freeAt !== 0);
  const isCapped = isFull && hasNoCapLeft(policy, counters.limits);
  const own = ownPace(input, departAt);
  const readyAt = view.readyAt ?? null;
  if (sight === null && !isCapped && own === null && readyAt === null) return NO_POOL;
  const isPutOff = own !== null && own.facts.cause !== 'none';
  const search = (way?: WaySearch): number | null => jointPlace(input, policy, departAt, both(way, own?.search));
  const asked = { view, policy, send, recipient, now, departAt, isFull, isPutOff, search };
  const routed = sight === null ? null : lookRoute({ ...asked, identityCap }, sight);
  const isShort = isCapped || (routed !== null && routed.routing.cause !== 'none');
  const alternatives = isShort ? (view.alternatives?.(Math.floor(departAt / 1000)) ?? []) : [];
  if (routed === null && alternatives.length === 0 && own === null && readyAt === null) return NO_POOL;
  const pool = { routing: routed?.routing ?? null, alternatives, readyAt, pace: own?.facts ?? null };
  if (routed !== null) return { pool, place: routed.place };
  const mustSearch = own !== null && (isPutOff || counters.place !== null);
  return { pool, place: mustSearch ? search() : counters.place };
}

/** The sender's hours and gaps, where they apply to this recipient. */
function ownPace(
  { view, send, recipient }: CountersInput & { view: RoutingView },
  departAt: number,
): { facts: NonNullable<PoolFacts['pace']>; search: WaySearch } | null {
  const pacing = view.pacing ?? null;
  const { identity } = send.scopes;
  const second = Math.floor(departAt / 1000);
  if (pacing === null || identity === null || !isPaced(view.contact(recipient.key), second)) return null;
  const gap = gapLimit(pacing, recipient.key);
  const search: WaySearch = {
    limits: gap === null ? [] : [[gap, view.scope('identity', dripScope(identity))]],
    next: (from) => hoursPlace(pacing, from),
  };
  const open = hoursPlace(pacing, second);
  const at = paceSlot(search, second);
  const cause = at === second ? 'none' : open > second ? 'working_hours' : 'drip';
  return { facts: { cause, at: cause === 'none' ? departAt : at * 1000 }, search };
}

function paceSlot({ limits, next }: WaySearch, from: number): number {
  let second = from;
  for (let moves = 0; moves < MOST_MOVES; moves += 1) {
    const before = second;
    for (const [limit, state] of limits) {
      if (limit.window.kind === 'rate') continue;
      second = earliestPlace(seriesIn(state, 'recipient'), limit.window, limit.max, 1, second) ?? second;
    }
    second = next(second) ?? second;
    if (second === before) break;
  }
  return second;
}

/** What two searches ask for together. */
function both(a: WaySearch | undefined, b: WaySearch | undefined): WaySearch | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    limits: [...a.limits, ...b.limits],
    next: (second) => {
      const place = a.next(second);
      return place === null ? null : b.next(place);
    },
  };
}

/** Whether a limit of the identity itself is full. */
function hasNoCapLeft(policy: Policy, limits: readonly LimitFact[]): boolean {
  return policy.messageLimits.some(({ scope }, i) => scope === 'identity' && limits[i]?.freeAt !== 0);
}

export type CountersInput = Pick<LookInput, 'send' | 'recipient' | 'now' | 'counted'> & { view: Counters };

/** The account, and where this message finds no room when there will be some: only then is that looked for. */
function accountFacts(view: LedgerView, contentSize: number): AccountFacts {
  const { account } = view;
  const over = account.storageLimit === null ? 0 : account.storageUsed + contentSize - account.storageLimit;
  return over > 0 ? { ...account, storageFreesAt: view.storageFreesAt?.(over) ?? null } : account;
}

/** The facts that follow from counters, under a policy with its identity's cap. */
export function lookAtCounters(input: CountersInput, policy: Policy): Pick<Facts, 'lastSentAt' | 'limits' | 'place'> {
  const { view, send, recipient, now } = input;
  const departAt = departureAskedFor(send, now);
  const contact = view.contact(recipient.key);
  const limits: LimitFact[] = [];
  let isFull = false;
  let scope: LimitScope | null = null;
  let state: ScopeState | null = null;
  for (const limit of policy.messageLimits) {
    // Limits of one scope mostly stand together.
    if (limit.scope !== scope) state = stateOf(view, limit.scope, send, recipient);
    scope = limit.scope;
    const fact = limitFact(limit, state, input, contact, departAt);
    if (fact.freeAt !== 0) isFull = true;
    limits.push(fact);
  }
  for (const limit of policy.recipientLimits) {
    const counter = limit.scope === 'recipient' ? contact : view.domain(recipient.domain);
    const fact = limitFact(limit, counter, input, contact, departAt);
    if (fact.freeAt !== 0) isFull = true;
    limits.push(fact);
  }
  return {
    lastSentAt: lastUnanswered(cooling(input, policy, contact), contact, Math.floor(departAt / 1000)),
    limits,
    place: isFull && send.onLimit === 'defer' ? jointPlace(input, policy, departAt) : null,
  };
}

/**
 * The facts of the look at departure. What was counted, paid for or used up at acceptance is not asked for again: limits,
 * cooldown, credits, storage, dedupe keys.
 */
export function lookAtDeparture(
  input: Pick<LookInput, 'view' | 'policy' | 'send' | 'recipient' | 'now' | 'approval'>,
): Facts {
  const { view, policy, send, recipient, now } = input;
  const hasIdentity = send.scopes.identity !== null;
  const contact = view.contact(recipient.key);
  return {
    engine: ENGINE,
    now,
    departAt: now,
    account: { ...view.account, credits: null, storageLimit: null },
    identityState: hasIdentity ? view.identityState : null,
    identityHandle: hasIdentity ? view.identityHandle : null,
    identityCap: null,
    contentSize: 0,
    doNotContactSince: contact.doNotContact?.since ?? null,
    suppressions: activeSuppressions(contact, view.domain(recipient.domain), now),
    lastSentAt: null,
    duplicate: null,
    undeliverable: recipient.undeliverable,
    simulated: recipient.simulated,
    limits: [],
    place: null,
    contact: settled(lookContact(view, policy, recipient, contact, now)),
    lease: lookLeaseAtDeparture(view, send, recipient, now),
    budget: null,
    warmup: null,
    risk: null,
    quarantine: quarantineFacts(view.quarantine, now),
    approval: lookAtApproval(input.approval, contact),
    content: null,
    template: null,
    pool: null,
    sender: lookSender(view.senders, policy, send, now, true, channelOf(recipient.domain)),
  };
}

/** Silence was counted at acceptance, and so were the traits of the address looked at. */
function settled(contact: ContactFacts | null): ContactFacts | null {
  return contact === null ? null : { ...contact, role: null, isDisposable: false, suggestion: null, unanswered: 0 };
}

const NONE: Facts['suppressions'] = [];

/** The suppressions that are in force when the recipient would leave. */
function activeSuppressions(contact: ContactState, domain: ContactState, departAt: number): Facts['suppressions'] {
  if (contact.suppressions.length === 0 && domain.suppressions.length === 0) return NONE;
  return [...contact.suppressions, ...domain.suppressions].filter(
    (suppression) => suppression.expiresAt === null || suppression.expiresAt > departAt,
  );
}

const ABSENT: LimitFact = { used: 0, resetsAt: null, freeAt: 0, units: 0 };

/** Departures up to this second are forgotten by a limit that a reply resets, or that began with a probation. */
export function sinceReply(limit: Limit, contact: ContactState): number {
  if (limit.forgetsUntil !== undefined) return limit.forgetsUntil;
  return limit.resetOnReply && contact.lastReplyAt !== null ? Math.floor(contact.lastReplyAt / 1000) : 0;
}

/** Where the departures lie that a cooldown stands between. */
function cooling(
  { view, send, recipient }: Pick<CountersInput, 'view' | 'send' | 'recipient'>,
  { cooldownScope, cooldownSeconds }: Policy,
  contact: ContactState,
): ScopeState {
  if (cooldownScope === 'recipient' || cooldownSeconds === 0) return contact;
  return stateOf(view, cooldownScope, send, recipient) ?? contact;
}

/** The last departure there up to `second` that no reply has followed, in milliseconds, or null. */
function lastUnanswered(state: ScopeState, contact: ContactState, second: number): number | null {
  const last = latestUpTo(seriesIn(state, 'recipient'), second);
  const answered = contact.lastReplyAt === null ? 0 : Math.floor(contact.lastReplyAt / 1000);
  return last === null || last <= answered ? null : last * 1000;
}

function limitFact(
  limit: Limit,
  state: ScopeState | null,
  input: CountersInput,
  contact: ContactState,
  departAt: number,
): LimitFact {
  if (state === null) return ABSENT;
  const { window } = limit;
  const second = Math.floor(departAt / 1000);
  const units = limit.unit === 'message' && isCounted(input.counted, state, second) ? 0 : 1;
  if (window.kind === 'rate') return rateFact(limit, window.perSeconds, state, units, input.now, departAt);
  const series = seriesIn(state, limit.unit);
  const since = sinceReply(limit, contact);
  const used = usedAt(series, window, second, since);
  // What later departures hold matters to a rolling window alone, and only where there are some.
  const isFree = used + units <= limit.max && (window.kind === 'calendar' || isLast(series, second));
  const freeAt = units === 0 || isFree ? second : freeSecond(limit, state, input.counted, second, since);
  return {
    used,
    resetsAt: resetsAt(series, window, second, since, used),
    freeAt: freeAt === second ? 0 : freeAt,
    units,
  };
}

/** The earliest second with a place in a windowed limit: where the message counts already it needs no other. */
function freeSecond(
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

function rateFact(
  limit: Limit,
  perSeconds: number,
  state: ScopeState,
  units: number,
  now: number,
  departAt: number,
): LimitFact {
  const interval = emissionMicros(perSeconds, limit.max);
  const tat = state.tats?.get(limit.name) ?? 0;
  const freeAt = units === 0 || departAt > now ? now : rateFreeAt(tat, interval, limit.burst, units, now);
  return {
    used: rateUsed(tat, interval, limit.burst, now),
    resetsAt: rateResetsAt(tat, interval, limit.burst, now),
    freeAt: freeAt === now ? 0 : freeAt,
    units,
  };
}

/** Departure times have milliseconds: so many recipients can leave in one second at times of their own. */
const MOST_A_SECOND = 1000;
/** Limits that free places in turn move a search on and on: past so many moves it is given up and the send refused. */
const MOST_MOVES = 1000;

/**
 * The earliest millisecond at which every limit has a place at once and the cooldown is over; null when there is none.
 * `rate` limits are not reserved ahead: only the time at which they would first be free counts. Places in one second take
 * its milliseconds in turn, so that no two share a departure time.
 */
function jointPlace(input: CountersInput, policy: Policy, departAt: number, way?: WaySearch): number | null {
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
