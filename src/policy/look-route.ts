/**
 * The look at the pool: every way of the sender as it stands when the recipient would leave, the one that is chosen, and where none
 * has room the earliest place over all of them.
 *
 * A way has room when its caps and its warm-up have; `rate` caps are not asked for ahead, they are taken when the recipient leaves.
 */
import type { Limit, Policy } from './document.ts';
import {
  type CandidateFacts,
  type ChosenFacts,
  chosenAtOnce,
  MOST_CANDIDATES,
  type NearFacts,
  type PoolCause,
  type RoutingFacts,
} from './facts-pool.ts';
import { familyOf } from './families.ts';
import { familyScope, type ScopeState, seriesIn } from './ledger.ts';
import type { WaySearch } from './place.ts';
import { NEVER_STOOD, rampPlace } from './ramp.ts';
import { type Candidate, type RouteAnswer, route } from './route.ts';
import type { Send, SendRecipient } from './send.ts';
import { shortlist } from './shortlist.ts';
import {
  isNear,
  limitsOfWay,
  lookAtWay,
  outOf,
  type PoolSight,
  type RoutingView,
  scopeOfWay,
  stateOfWay,
  type Way,
  type WayLook,
} from './ways.ts';
import { releasedAt, resetsAt, usedAt } from './windows.ts';

export type RoutingAsked = {
  view: RoutingView;
  policy: Policy;
  send: Send;
  recipient: SendRecipient;
  now: number;
  departAt: number;
  identityCap: number | null;
  /** Whether another limit is full, so that the recipient does not leave at `departAt` in any case. */
  isFull: boolean;
  /** Whether the sender's hours or gaps put the departure off. */
  isPutOff: boolean;
  /** The earliest millisecond at which every limit has a place together with these; null: there is none. */
  search: (search: WaySearch) => number | null;
};

export type Routed = {
  routing: RoutingFacts;
  /** Where the recipient waits for a place: the earliest over all ways, in milliseconds. */
  place: number | null;
};

/** Marketing mail waits for a warm-up whatever its sender asked for. */
function waitsForRamp(send: Pick<Send, 'kind' | 'onLimit'>): boolean {
  return send.kind === 'marketing' || send.onLimit === 'defer';
}

export function lookRoute(asked: RoutingAsked, sight: PoolSight): Routed {
  const { view, recipient, departAt } = asked;
  const second = Math.floor(departAt / 1000);
  const pinned = view.pin?.(recipient.key) ?? null;
  const putOff = asked.isPutOff ? earliest(asked, sight, pinned) : null;
  const { looks, answer } = lookedAt(asked, sight, second, pinned);
  const isOwn = sight.ways[0]?.mailbox != null;
  if (putOff !== null) {
    return { routing: chosenAtOnce(putOff.chosen, { ways: sight.ways.length, isOwn }), place: putOff.place };
  }
  if (answer.outcome === 'chosen') {
    const near = !looks.some(hasMuchLeft) ? nearIn(asked, answer.look, second) : null;
    const atOnce = chosenAtOnce(chosenOf(answer, sight.ways, pinned), { ways: sight.ways.length, isOwn }, near);
    if (!asked.isFull || asked.send.onLimit !== 'defer') return { routing: atOnce, place: null };
    const later = earliest(asked, sight, pinned);
    return { routing: { ...atOnce, chosen: later?.chosen ?? null }, place: later?.place ?? null };
  }
  const exhausted = exhaustedFacts(asked, looks, answer, isOwn);
  const mayWait = exhausted.cause === 'warmup' ? waitsForRamp(asked.send) : asked.send.onLimit === 'defer';
  const later = mayWait ? earliest(asked, sight, pinned) : null;
  return { routing: { ...exhausted, chosen: later?.chosen ?? null }, place: later?.place ?? null };
}

/** Where the shortlist has room and none of it is near its end, what all the others have makes no difference that counts. */
function lookedAt(
  asked: RoutingAsked,
  { ways, spread }: PoolSight,
  second: number,
  pinned: number | null,
): { looks: WayLook[]; answer: RouteAnswer } {
  const few = shortlist(ways, spread, pinned);
  const looks = looksAt(asked, few, second);
  const answer = route({ looks, spread, second, pinned });
  const isEnough = answer.outcome === 'chosen' && answer.look.closed === null && looks.some(hasMuchLeft);
  if (few.length === ways.length || isEnough) return { looks, answer };
  const all = looksAt(asked, ways, second);
  return { looks: all, answer: route({ looks: all, spread, second, pinned }) };
}

function hasMuchLeft({ out, isNear }: WayLook): boolean {
  return out === null && !isNear;
}

/** Every way as it stands at a second. What is closed now says nothing of a departure that lies ahead. */
export function looksAt(
  asked: Pick<RoutingAsked, 'view' | 'policy' | 'send' | 'recipient' | 'now' | 'departAt'>,
  ways: readonly Way[],
  second: number,
): WayLook[] {
  const { view, policy, send, recipient, now, departAt } = asked;
  const isNow = departAt <= now && second <= Math.floor(now / 1000);
  const about = { policy, send, domain: recipient.domain, second, start: Math.floor(departAt / 1000) };
  return ways.map((way) => {
    const closed = isNow ? (view.closedWay?.(way, recipient.domain, now) ?? null) : null;
    return lookAtWay(view, way, about, closed);
  });
}

/** The fullest cap of a way, with one more. */
function nearIn({ view, policy, send }: RoutingAsked, { way }: WayLook, second: number): NearFacts | null {
  let fullest: NearFacts | null = null;
  for (const limit of limitsOfWay(way, policy).windows) {
    const { scope, window, max } = limit;
    const state = stateOfWay(view, scope, way, send);
    if (state === null || window.kind === 'rate' || (scope !== 'mailbox' && scope !== 'provider')) continue;
    const series = seriesIn(state, 'recipient');
    const used = usedAt(series, window, second) + 1;
    if (!isNear(used, max) || (fullest !== null && used * fullest.limit <= fullest.used * max)) continue;
    // This one counts: where it is the first, the window resets when it leaves.
    const resets = resetsAt(series, window, second) ?? releasedAt(window, second);
    const { id } = scopeOfWay(way, scope, send);
    fullest = { scope, id, name: limit.name, window: limit.windowName, limit: max, used, resetsAt: resets };
  }
  return fullest;
}

/** The choice, and the mailbox that it replaces where the contact's own does not stand any more. */
export function chosenOf(
  { look, why }: Extract<RouteAnswer, { outcome: 'chosen' }>,
  ways: readonly Way[],
  pinned: number | null,
): ChosenFacts {
  const { provider, mailbox } = look.way;
  const known = ways.find((way) => way.mailbox !== null && way.mailbox.no === pinned);
  const isGone = known === undefined || outOf(known) !== null;
  const replaces = mailbox !== null && pinned !== null && pinned !== mailbox.no && isGone ? pinned : null;
  return { provider: provider.no, mailbox: mailbox?.no ?? null, why, replaces };
}

/** The earliest place over all ways that can be used, and which of them takes it. */
function earliest(
  asked: RoutingAsked,
  { ways, spread }: PoolSight,
  pinned: number | null,
): { place: number; chosen: ChosenFacts } | null {
  let place = Number.POSITIVE_INFINITY;
  let first: Way[] = [];
  for (const way of ways) {
    if (outOf(way) !== null) continue;
    const found = asked.search(searchOf(asked, way));
    if (found === null || found > place) continue;
    if (found < place) first = [];
    place = found;
    first.push(way);
  }
  if (first.length === 0) return null;
  const second = Math.floor(place / 1000);
  const answer = route({ looks: looksAt(asked, first, second), spread, second, pinned });
  return answer.outcome === 'chosen' ? { place, chosen: chosenOf(answer, ways, pinned) } : null;
}

export function searchOf(
  {
    view,
    policy,
    send,
    recipient,
    departAt,
  }: Pick<RoutingAsked, 'view' | 'policy' | 'send' | 'recipient' | 'departAt'>,
  way: Way,
): WaySearch {
  const limits: [Limit, ScopeState][] = [];
  for (const limit of limitsOfWay(way, policy).windows) {
    const state = stateOfWay(view, limit.scope, way, send);
    if (state !== null) limits.push([limit, state]);
  }
  const { mailbox } = way;
  if (mailbox === null || mailbox.warmup === null) return { limits, next: (second) => second };
  const { places } = mailbox.warmup;
  const family = familyOf(recipient.domain);
  const state = view.scope('mailbox', familyScope(mailbox.no, family));
  const stood = view.stood?.(mailbox.no, family) ?? NEVER_STOOD;
  const start = Math.floor(departAt / 1000);
  return {
    limits,
    next: (second) => rampPlace(places, state.firstAt, stood, seriesIn(state, 'recipient'), second, start),
  };
}

function exhaustedFacts(
  asked: RoutingAsked,
  looks: readonly WayLook[],
  { until, candidates }: Extract<RouteAnswer, { outcome: 'waiting' }>,
  isOwn: boolean,
): RoutingFacts {
  const count = (...obstacles: (Candidate['obstacle'] | null)[]): number =>
    candidates.filter(({ obstacle }) => obstacles.includes(obstacle)).length;
  const counts = {
    capped: count('cap'),
    warming: count('warmup'),
    unhealthy: count('unhealthy'),
    paused: count('paused'),
    inactive: count('inactive', 'error'),
  };
  const cause = causeOf(counts, candidates.length);
  const paused = looks.filter(({ out }) => out === 'paused');
  return {
    chosen: null,
    near: null,
    cause,
    freeAt: cause === 'cap' || cause === 'warmup' ? until : null,
    ways: candidates.length,
    isOwn,
    ...counts,
    isOperators: paused.length > 0 && paused.every(({ way }) => way.mailbox?.pausedBy === 'operator'),
    candidates: candidates.slice(0, MOST_CANDIDATES).map(candidateFacts),
    ramp: cause === 'warmup' ? rampOf(looks, candidates) : null,
    lacking: lackingOf(asked, looks),
  };
}

/** What can be waited for goes before what somebody must change; a warm-up is named where its places are what lacks. */
function causeOf(
  { capped, warming, inactive }: Pick<RoutingFacts, 'capped' | 'warming' | 'inactive'>,
  ways: number,
): PoolCause {
  if (warming > 0) return 'warmup';
  if (capped > 0) return 'cap';
  return inactive === ways ? 'provider' : 'health';
}

function candidateFacts({ way, obstacle, until }: Candidate): CandidateFacts {
  const { mailbox, provider } = way;
  return {
    name: mailbox?.address ?? provider.name,
    obstacle,
    until,
    health: mailbox?.health ?? null,
    since: obstacle === 'unhealthy' ? (mailbox?.excludedSince ?? null) : null,
  };
}

/** Of the mailboxes whose day is used up the one that has room first. */
function rampOf(looks: readonly WayLook[], candidates: readonly Candidate[]): RoutingFacts['ramp'] {
  let first: number | null = null;
  candidates.forEach(({ obstacle, until }, i) => {
    if (obstacle !== 'warmup') return;
    const best = first === null ? null : (candidates[first]!.until ?? Number.POSITIVE_INFINITY);
    if (best === null || (until ?? Number.POSITIVE_INFINITY) < best) first = i;
  });
  const found = first === null ? undefined : looks[first];
  if (found?.way.mailbox == null || found.ramp === null) return null;
  const { id, address } = found.way.mailbox;
  return { id, address, ...found.ramp };
}

/** How far the caps of the mailboxes that can be used stay below the identity's own. */
function lackingOf({ identityCap }: RoutingAsked, looks: readonly WayLook[]): number | null {
  if (identityCap === null) return null;
  let sum = 0;
  for (const { way, out } of looks) {
    if (out !== null) continue;
    if (way.mailbox === null || way.mailbox.dailyCap === null) return null;
    sum += way.mailbox.dailyCap;
  }
  return sum < identityCap ? identityCap - sum : null;
}
