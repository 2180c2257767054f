/**
 * The look at the way out when a recipient is due. The way chosen at acceptance stands, or its place is given back and another one
 * taken; where none has room the recipient waits, and its row says for what and until when.
 *
 * What holds: a recipient counts on one way at most, at the second for which it was let through; a place that lies ahead is reserved;
 * nothing waits without a time, and never beyond the message's end. What may have been taken once is not sent another way.
 */
import { channelOf } from '../../core/channel.ts';
import type { Closed } from '../../policy/closed-routes.ts';
import { countRoute, seriesIn } from '../../policy/ledger.ts';
import { chosenOf, looksAt, type RoutingAsked, searchOf } from '../../policy/look-route.ts';
import { DEFAULT_PROVIDER } from '../../policy/pool.ts';
import {
  type Candidate,
  isSameWay,
  type Obstacle,
  type RouteAnswer,
  type RouteWhy,
  route,
  type WayKey,
} from '../../policy/route.ts';
import { shownCandidate } from '../../policy/rules/pool-finding.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import { shortlist } from '../../policy/shortlist.ts';
import { limitsOfWay, outOf, type PoolSight, roomAt, stateOfWay, type Way, type WayLook } from '../../policy/ways.ts';
import { earliestPlace, emissionMicros, nextTat, rateFreeAt } from '../../policy/windows.ts';
import type { Route } from '../port/routing.ts';
import type { Waits } from '../port/waits.ts';
import { prepared } from './database.ts';
import { announceWay } from './limit-events.ts';
import { moveTo, type QueueRow, SENDING } from './queue-rows.ts';
import { chosenIn, DEFAULT_ROUTE, leaveRoute, pinTo, routeOf, spendOn, storeRoute } from './routes.ts';
import { sendAtDeparture } from './send-at-departure.ts';
import type { Space } from './spaces.ts';
import { factsOf, type MessageRow, sendRecipientOf } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/** Where nobody knows when it changes; a change of the pool is looked at at once. */
const LOOK_AGAIN_MS = 15 * 60_000;

type Due = {
  state: WriterState;
  space: Space;
  row: QueueRow;
  message: MessageRow;
  send: Send;
  recipient: SendRecipient;
  now: number;
};

/** A way that may be taken now; `leave` takes its turn in the rates. */
export type TakenWay = { route: Route; leave: () => void };

/** Text messages have no carrier: they are kept. */
const STAYS: TakenWay = { route: DEFAULT_ROUTE, leave: () => undefined };

/** The way of a recipient that is due; null where it waits, which its row says by now. `space.identity` is the message's. */
export function wayAtClaim(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  send: Send,
  now: number,
): TakenWay | null {
  const due: Due = { state, space, row, message, send, recipient: sendRecipientOf(row, null), now };
  if (channelOf(due.recipient.domain) === 'sms') return STAYS;
  const { sight } = space;
  if (sight === null) return gatewaysOwn(due);
  const kept = standing(due, sight);
  const found = kept ?? (mustStay(row) ? null : another(due, sight));
  if (found === null) {
    if (mustStay(row)) waitForOwn(due, sight);
    return null;
  }
  return inTurn(due, found.way, found.why);
}

/** A second copy goes the way of the first, so that nothing is sent twice by way of two providers. */
function mustStay(row: QueueRow): boolean {
  return row.possible_duplicate === 1 && row.provider !== null;
}

function gatewaysOwn(due: Due): TakenWay | null {
  const { closed } = due.state.routing;
  const way =
    closed.isEmpty || due.space.frozenAt !== null ? null : closed.find(0, null, due.recipient.domain, due.now);
  if (way !== null) {
    waitFor(due, { for: 'route', until: way.until, note: way.cause });
    return null;
  }
  return { route: DEFAULT_ROUTE, leave: () => undefined };
}

function ownWay({ row }: Due, { ways }: PoolSight): Way | undefined {
  const { provider, mailbox } = row;
  return provider === null ? undefined : ways.find((way) => isSameWay(way, { provider, mailbox }));
}

/** The way that the recipient counts on, where it may be taken now. */
function standing(due: Due, sight: PoolSight): { way: Way; why: RouteWhy[] } | null {
  const { row, space, recipient, now, state } = due;
  const way = ownWay(due, sight);
  if (way === undefined || outOf(way) !== null || (row.routed_at ?? 0) > now) return null;
  if (space.closedWay(way, recipient.domain, now) !== null) return null;
  if (state.routing.avoidedBy(row.id).some((key) => isSameWay(way, key))) return null;
  return { way, why: whyOf(due, way) };
}

function whyOf({ row }: Due, way: Way): RouteWhy[] {
  const facts = factsOf(row);
  const chosen = facts === null ? null : chosenIn(facts);
  return row.routed_at === null && chosen !== null && isSameWay(way, chosen) ? [...chosen.why] : ['failover'];
}

/** Gives the old place back and takes another one: now, or the earliest, for which the recipient then waits. */
function another(due: Due, sight: PoolSight): { way: Way; why: RouteWhy[] } | null {
  const { state, space, row, send, recipient, now } = due;
  const before = { provider: row.provider, mailbox: row.mailbox, at: row.routed_at };
  leaveRoute(state, space, row, { send, recipient });
  const asked = { view: space, policy: space.policy, send, recipient, now, departAt: now };
  const pinned = space.pin(recipient.key);
  let { looks, answer } = lookAround(due, asked, sight, state.routing.avoidedBy(row.id));
  if (answer.outcome === 'waiting' && state.routing.avoidedBy(row.id).length > 0) {
    // The one that it was to take instead is gone meanwhile: it is as if there had been none.
    state.routing.forgetAvoided(row.id);
    ({ looks, answer } = lookAround(due, asked, sight, []));
  }
  if (answer.outcome === 'chosen') {
    const chosen = chosenOf(answer, sight.ways, pinned);
    take(due, answer.look.way, now);
    spendOn(space, chosen);
    pinTo(state, space, { key: recipient.key, recipient: row.id, chosen, now });
    const moved = before.provider !== null && !isSameWay(answer.look.way, { ...before, provider: before.provider });
    const why = moved && !answer.why.includes('failover') ? [...answer.why, 'failover' as const] : answer.why;
    return { way: answer.look.way, why };
  }
  waitForAny(due, asked, looks, answer.candidates);
  return null;
}

/** Ways that are open now, and where none of them has room all of them; where none is open, some that tell what is waited for. */
function lookAround(
  { space, recipient, now }: Pick<Due, 'space' | 'recipient' | 'now'>,
  asked: Asked,
  { ways, spread }: PoolSight,
  avoided: readonly WayKey[],
): { looks: WayLook[]; answer: RouteAnswer } {
  const second = Math.floor(now / 1000);
  const pinned = space.pin(recipient.key);
  const at = (these: readonly Way[]): { looks: WayLook[]; answer: RouteAnswer } => {
    const looks = looksAt(asked, these, second);
    return { looks, answer: route({ looks, spread, second, pinned, avoided, needsOpen: true }) };
  };
  const isOpen = (way: Way): boolean =>
    space.closedWay(way, recipient.domain, now) === null && !avoided.some((key) => isSameWay(way, key));
  const open = shortlist(ways, spread, pinned, isOpen);
  if (open.length === ways.length) return at(ways);
  const found = at(open.length === 0 ? shortlist(ways, spread, pinned) : open);
  return found.answer.outcome === 'chosen' || open.length === 0 ? found : at(ways);
}

/** Counts on a way at a time of its own. */
function take({ state, space, row, send, recipient, now }: Due, way: Way, at: number): void {
  const place = { provider: way.provider.no, mailbox: way.mailbox?.no ?? null, at };
  const counting = { ...recipient, route: place };
  for (const change of countRoute(space, space.policy, send, counting, row.depart_at, 1)) {
    state.ledger.apply(change, Math.floor(now / 1000));
  }
  storeRoute(state, row, place);
  announceWay(state, space, send, { ...place, now });
}

type Asked = Omit<RoutingAsked, 'identityCap' | 'isFull' | 'isPutOff' | 'search'>;

/** No way has room: the earliest place over all that can be used is reserved; where there is none, somebody must change something. */
function waitForAny(due: Due, asked: Asked, looks: readonly WayLook[], candidates: readonly Candidate[]): void {
  const first = firstPlace(asked, looks, due.now);
  const shown = candidates.slice(0, 8).map((one) =>
    shownCandidate({
      name: one.way.mailbox?.address ?? one.way.provider.name,
      obstacle: one.obstacle,
      until: one.until,
      health: one.way.mailbox?.health ?? null,
      since: one.way.mailbox?.excludedSince ?? null,
    }),
  );
  if (first !== null && first.at < due.message.expires_at) {
    take(due, first.look.way, first.at);
    const { closed } = first.look;
    const cause =
      closed !== null ? 'route' : candidates.some(({ obstacle }) => obstacle === 'warmup') ? 'warmup' : 'mailbox';
    waitFor(due, {
      for: cause,
      until: first.at,
      candidates: shown,
      ...(closed === null ? {} : { note: closed.cause }),
    });
    return;
  }
  const back = looks.map(({ way }) => way.mailbox?.recoversAt ?? null).filter((at) => at !== null && at > due.now);
  const until = Math.min(due.now + LOOK_AGAIN_MS, ...(back as number[]));
  const cause = outCause(candidates.map(({ obstacle }) => obstacle));
  const note =
    cause === 'provider' ? looks.map(({ way }) => way.provider.stateNote).find((said) => said !== null) : null;
  waitFor(due, { for: cause, until, candidates: shown, ...(note == null ? {} : { note }) });
}

/** What has to change where time alone changes nothing: of several the one that is least of a person's doing. */
function outCause(obstacles: readonly (Obstacle | null)[]): 'health' | 'paused' | 'provider' {
  if (obstacles.includes('unhealthy')) return 'health';
  return obstacles.includes('paused') ? 'paused' : 'provider';
}

/** The earliest place over all ways that can be used. Those that cannot have an earlier one are not searched. */
function firstPlace(asked: Asked, looks: readonly WayLook[], now: number): { look: WayLook; at: number } | null {
  const bounded = looks
    .filter(({ out }) => out === null)
    .map((look) => ({
      look,
      from: Math.max(look.closed?.until ?? 0, (roomAt(look) ?? Number.POSITIVE_INFINITY) * 1000),
    }))
    .sort((one, other) => one.from - other.from);
  let first: { look: WayLook; at: number } | null = null;
  for (const { look, from } of bounded) {
    if (first !== null && from >= first.at) break;
    const at = placeOf(asked, look, now);
    if (at !== null && (first === null || at < first.at)) first = { look, at };
  }
  return first;
}

/** The earliest millisecond at which a way that can be used has room and is open. */
function placeOf(asked: Asked, { way, closed }: WayLook, now: number): number | null {
  const { limits, next } = searchOf(asked, way);
  let second = Math.ceil(Math.max(now, closed?.until ?? 0) / 1000);
  for (let moves = 0; moves < 1000; moves += 1) {
    const before = second;
    for (const [limit, state] of limits) {
      if (limit.window.kind === 'rate') continue;
      const place = earliestPlace(seriesIn(state, 'recipient'), limit.window, limit.max, 1, second);
      if (place === null) return null;
      second = place;
    }
    const place = next(second);
    if (place === null) return null;
    second = place;
    if (second === before) return second * 1000;
  }
  return null;
}

/** One that stays on its way whatever comes waits for that one. */
function waitForOwn(due: Due, sight: PoolSight): void {
  const { space, recipient, now } = due;
  const way = ownWay(due, sight);
  const closed = way === undefined ? null : space.closedWay(way, recipient.domain, now);
  const out = way === undefined ? null : outOf(way);
  if (closed !== null && out === null) waitFor(due, { for: 'route', until: closed.until, note: closed.cause });
  else {
    waitFor(due, { for: outCause([out]), until: now + LOOK_AGAIN_MS });
  }
}

/** Avoids the way a recipient was tried on: when another one can be used, `now` or a time; null where there is none. */
export function otherWayAt(
  state: WriterState,
  space: Space,
  row: QueueRow,
  message: MessageRow,
  now: number,
): 'now' | number | null {
  const send = sendAtDeparture(state, space, message);
  const { sight } = space;
  if (sight === null || row.provider === null || mustStay(row)) return null;
  const recipient = sendRecipientOf(row, null);
  state.routing.avoid(row.id, { provider: row.provider, mailbox: row.mailbox });
  const asked = { view: space, policy: space.policy, send, recipient, now, departAt: now };
  const avoided = state.routing.avoidedBy(row.id);
  const { looks, answer } = lookAround({ space, recipient, now }, asked, sight, avoided);
  if (answer.outcome === 'chosen') return 'now';
  const others = looks.filter(({ way }) => !avoided.some((key) => isSameWay(way, key)));
  return firstPlace(asked, others, now)?.at ?? null;
}

/** What closes now the way that a recipient was tried on. */
export function closedBehind(state: WriterState, space: Space, row: QueueRow, now: number): Closed | null {
  const { closed } = state.routing;
  if (closed.isEmpty || space.frozenAt !== null) return null;
  return closed.find(row.provider ?? DEFAULT_PROVIDER, row.mailbox, sendRecipientOf(row, null).domain, now);
}

/**
 * The turn in the way's rates: taken as it leaves, or waited for. Those that wait stand one behind the other, so that thousands of
 * them are not looked at each second; what comes later goes behind them.
 */
function inTurn(due: Due, way: Way, why: readonly RouteWhy[]): TakenWay | null {
  const { state, space, send, row, now } = due;
  const { rates } = limitsOfWay(way, space.policy);
  const isWaiter = row.waits?.includes('_pace"') === true;
  for (const limit of rates) {
    const counter = stateOfWay(space, limit.scope, way, send);
    if (counter === null || limit.window.kind !== 'rate') continue;
    const interval = emissionMicros(limit.window.perSeconds, limit.max);
    const freeAt = rateFreeAt(counter.tats?.get(limit.name) ?? 0, interval, limit.burst, 1, now) ?? now;
    const key = `${space.no} ${limit.scope} ${limit.scope === 'provider' ? way.provider.no : (way.mailbox?.no ?? send.scopes.identity)} ${limit.name}`;
    const tail = state.routing.queues.get(key) ?? 0;
    const isQueued = tail > now && !isWaiter;
    if (freeAt <= now && !isQueued) continue;
    const turn = isWaiter ? freeAt : Math.max(freeAt, tail + Math.ceil(interval / 1000));
    state.routing.queues.set(key, Math.max(tail, turn));
    waitFor(due, {
      for: limit.scope === 'provider' ? 'provider_pace' : 'mailbox_pace',
      until: turn,
      limit_name: limit.name,
    });
    return null;
  }
  const leave = (): void => {
    for (const limit of rates) {
      const counter = stateOfWay(space, limit.scope, way, send);
      if (counter === null || limit.window.kind !== 'rate') continue;
      const interval = emissionMicros(limit.window.perSeconds, limit.max);
      const tat = nextTat(counter.tats?.get(limit.name) ?? 0, interval, 1, now);
      state.ledger.apply({ kind: 'tat', state: counter, name: limit.name, tat }, Math.floor(now / 1000));
    }
  };
  return { route: routeOf(way, why), leave };
}

/** Puts a recipient off, and says why; never beyond the message's end, at which it is closed. */
function waitFor({ state, space, row, message }: Due, wait: Waits): void {
  const until = Math.min(wait.until, message.expires_at);
  row.waits = JSON.stringify({ ...wait, until });
  // One whose worker died is not being sent any more.
  if (row.state === SENDING) row.state = moveTo(row, 'deferred');
  row.due = until;
  prepared(state.db, 'UPDATE recipient SET state = ?, due = ?, dot = 0, waits = ? WHERE id = ?').run(
    row.state,
    until,
    row.waits,
    row.id,
  );
  if (until < space.nextDue) space.nextDue = until;
}

/** After the pool has changed, or a way was opened: what waits for that is due at once. What failed is woken by wakeRepaired alone. */
export function wakeWaiting(state: WriterState, space: Space, now: number): void {
  space.isPoolNew = false;
  prepared(
    state.db,
    `UPDATE recipient SET due = ?1 WHERE space = ?2 AND due > ?1 AND due >= 0 AND waits IS NOT NULL AND instr(waits, '_pace"') = 0
       AND instr(waits, '"for":"repair"') = 0`,
  ).run(now, space.no);
  space.nextDue = Math.min(space.nextDue, now);
}
