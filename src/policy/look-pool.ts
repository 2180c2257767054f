/** The look at what a sender has of its own: its ways out, its hours and gaps, and who else of its tenant could send instead. */
import { channelOf } from '../core/channel.ts';
import type { Policy } from './document.ts';
import type { Facts, LimitFact } from './facts.ts';
import type { PoolFacts } from './facts-pool.ts';
import { dripScope, seriesIn } from './ledger.ts';
import { lookRoute } from './look-route.ts';
import { gapLimit, hoursPlace, isPaced } from './pacing.ts';
import { type CountersInput, jointPlace, MOST_MOVES, type WaySearch } from './place.ts';
import { departureAskedFor } from './send.ts';
import type { RoutingView } from './ways.ts';
import { earliestPlace } from './windows.ts';

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
