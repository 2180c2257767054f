/**
 * Ways out: a mailbox on its provider, or a provider alone where the mailbox is the implied one. Which ways a send has, the limits of
 * each, and how one stands at a second. Pure: counters come from the ledger's view, states and caps from the tenant's pool.
 */
import type { Closed } from './closed-routes.ts';
import { compileLimit, type Limit, type Policy } from './document.ts';
import { familyOf } from './families.ts';
import { type Counters, familyScope, routeState, type ScopeState, seriesIn } from './ledger.ts';
import type { Pacing } from './pacing.ts';
import type { Mailbox, Pool, Provider, ProviderCaps } from './pool.ts';
import { NEVER_STOOD, RAMP_WINDOW, rampAt, rampPlace, type Stood } from './ramp.ts';
import type { Send } from './send.ts';
import { isLast } from './series.ts';
import type { Spread } from './spread.ts';
import type { Scope } from './verdict.ts';
import { earliestPlace, usedAt } from './windows.ts';

export type Way = { provider: Provider; mailbox: Mailbox | null };

/** What a decision sees of the pool for one sender. */
export type PoolSight = {
  ways: readonly Way[];
  spread: Spread;
};

/** What a ledger's view gives where the tenant has a pool. */
export type PoolNews = {
  sight?: PoolSight | null;
  /** How long the warm-up of a mailbox towards a family has stood still. */
  stood?(mailbox: number, family: string): Stood;
  /** The mailbox from which a contact last heard of the sending identity. */
  pin?(contact: string): number | null;
  /** What closes a way now. */
  closedWay?(way: Way, destination: string, now: number): Closed | null;
  /** When the sending identity should be ready, where it is being set up; else null. */
  readyAt?: number | null;
  /** The hours and gaps of the sending identity. */
  pacing?: Pacing | null;
  /** Handles of other identities that have room at a second. */
  alternatives?(second: number): readonly string[];
};

export type RoutingView = Counters & PoolNews;

/**
 * The ways of an identity: its mailboxes, or else the implied mailbox on the gateway's own provider, after which the tenant's own
 * follow.
 */
export function waysOf(pool: Pool, identity: number | null): Way[] {
  const own = identity === null ? [] : (pool.byIdentity.get(identity) ?? []);
  if (own.length > 0) {
    return own.flatMap((mailbox) => {
      const provider = pool.providers.get(mailbox.provider);
      return provider === undefined ? [] : [{ provider, mailbox }];
    });
  }
  return [...pool.providers.values()].map((provider) => ({ provider, mailbox: null }));
}

export type WayLimits = {
  /** Counted ahead, at the departure. */
  windows: readonly Limit[];
  /** Taken when it leaves: who is due waits its seconds. */
  rates: readonly Limit[];
};

/**
 * Seconds over which a cap's places are spread. A little more than its window: mail is spaced as it leaves, and arrives by what a
 * connection takes to open later or sooner, which must not put one too many into a second of the provider's own log.
 */
const SPREAD_OVER = { second: 1.1, minute: 61 } as const;

const CAPS: readonly [keyof ProviderCaps, window: string, per?: 'second' | 'minute'][] = [
  ['second', 'rate', 'second'],
  ['minute', 'rate', 'minute'],
  ['hour', 'rolling_1h'],
  ['day', 'rolling_24h'],
];

const compiled = new WeakMap<Way, { of: readonly Limit[]; limits: WayLimits }>();

/** The limits of a way: its caps, and what the policy says of mailboxes and providers. Made once. */
export function limitsOfWay(way: Way, { routedLimits }: Pick<Policy, 'routedLimits'>): WayLimits {
  const known = compiled.get(way);
  if (known !== undefined && known.of === routedLimits) return known.limits;
  const own: Limit[] = [];
  for (const [span, window, per] of CAPS) {
    const max = way.provider.caps[span];
    // Evenly spaced: a burst and what is free again beside it would bring more than the cap into one second or minute.
    const burst = per === undefined ? undefined : 1;
    if (max === undefined) continue;
    const limit = compileLimit({ name: `provider_${span}`, scope: 'provider', window, per, max, burst });
    own.push(per === undefined ? limit : { ...limit, window: { kind: 'rate', perSeconds: SPREAD_OVER[per] } });
  }
  const cap = way.mailbox?.dailyCap ?? null;
  if (cap !== null) {
    own.push(compileLimit({ name: 'mailbox_daily', scope: 'mailbox', window: 'calendar_day', max: cap }));
  }
  const all = [...own, ...routedLimits];
  const limits = {
    windows: all.filter(({ window }) => window.kind !== 'rate'),
    rates: all.filter(({ window }) => window.kind === 'rate'),
  };
  compiled.set(way, { of: routedLimits, limits });
  return limits;
}

/** Why a way is not to be used, whatever the time. */
export type OutCause = 'paused' | 'unhealthy' | 'inactive' | 'error';

export function outOf({ provider, mailbox }: Way): OutCause | null {
  if (provider.state !== 'active') return provider.state;
  if (mailbox === null) return null;
  if (mailbox.state === 'paused') return 'paused';
  return mailbox.excludedSince === null ? null : 'unhealthy';
}

/** How a way stands at a second. */
export type WayLook = {
  way: Way;
  out: OutCause | null;
  closed: Closed | null;
  /** The earliest second with room in every cap, by itself; null: never. */
  capFreeAt: number | null;
  /** The same for its warm-up; null: not within its horizon. */
  rampFreeAt: number | null;
  /** The warm-up on that day, or null. */
  ramp: { day: number; places: number; used: number } | null;
  /** How full the fullest of its caps is, in thousandths. */
  fullness: number;
  /** Whether one more brings one of its caps to four fifths or beyond. */
  isNear: boolean;
  rampFullness: number;
  /** What leaves through the mailbox on that day. */
  today: number;
};

/** To whom, and when: `start` is when the look began, from which horizons are measured. */
export type Asked = { policy: Policy; send: Send; domain: string; second: number; start: number };

export function lookAtWay(view: RoutingView, way: Way, asked: Asked, closed: Closed | null): WayLook {
  const { policy, send, second } = asked;
  const found: WayLook = {
    way,
    out: outOf(way),
    closed,
    capFreeAt: second,
    rampFreeAt: second,
    ramp: null,
    fullness: 0,
    isNear: false,
    rampFullness: 0,
    today: 0,
  };
  for (const limit of limitsOfWay(way, policy).windows) {
    const state = stateOfWay(view, limit.scope, way, send);
    const { window, max } = limit;
    if (state === null || window.kind === 'rate') continue;
    const series = seriesIn(state, 'recipient');
    const used = usedAt(series, window, second);
    found.fullness = Math.max(found.fullness, shareOf(used, max));
    found.isNear ||= isNear(used + 1, max);
    const isFree = used < max && (window.kind === 'calendar' || isLast(series, second));
    const free = isFree ? second : earliestPlace(series, window, max, 1, second);
    found.capFreeAt = free === null || found.capFreeAt === null ? null : Math.max(found.capFreeAt, free);
  }
  if (way.mailbox !== null) lookAtMailbox(view, way.mailbox, asked, found);
  return found;
}

function lookAtMailbox(view: RoutingView, mailbox: Mailbox, asked: Asked, found: WayLook): void {
  const { second, start, send } = asked;
  const whole = stateOfWay(view, 'mailbox', found.way, send);
  if (whole !== null) found.today = usedAt(seriesIn(whole, 'recipient'), RAMP_WINDOW, second);
  if (mailbox.warmup === null) return;
  const { places } = mailbox.warmup;
  const family = familyOf(asked.domain);
  const stood = view.stood?.(mailbox.no, family) ?? NEVER_STOOD;
  const state = view.scope('mailbox', familyScope(mailbox.no, family));
  const series = seriesIn(state, 'recipient');
  const ramp = rampAt(places, state.firstAt, stood, second);
  if (ramp === null) return;
  const used = usedAt(series, RAMP_WINDOW, second);
  found.ramp = { ...ramp, used };
  found.rampFullness = shareOf(used, ramp.places);
  if (used >= ramp.places) found.rampFreeAt = rampPlace(places, state.firstAt, stood, series, second, start);
}

/** Whether so many are four fifths of a limit or more. */
export function isNear(used: number, max: number): boolean {
  return used * 5 >= max * 4;
}

function shareOf(used: number, max: number): number {
  return max <= 0 ? 1000 : Math.floor((used * 1000) / max);
}

/** Whether it has room for one more at the second looked at. */
export function hasRoom({ capFreeAt, rampFreeAt }: WayLook, second: number): boolean {
  return capFreeAt === second && rampFreeAt === second;
}

/** When it has room by itself: the later of its two times. */
export function roomAt({ capFreeAt, rampFreeAt }: WayLook): number | null {
  return capFreeAt === null || rampFreeAt === null ? null : Math.max(capFreeAt, rampFreeAt);
}

/** The state that a mailbox or provider counts in. */
export function stateOfWay(view: Counters, scope: Limit['scope'], way: Way, send: Send): ScopeState | null {
  const route = { provider: way.provider.no, mailbox: way.mailbox?.no ?? null, at: null };
  return routeState(view, scope, route, send);
}

/** As people know it; an implied mailbox goes by its sender. */
export function scopeOfWay({ provider, mailbox }: Way, scope: 'mailbox' | 'provider', { scopes }: Send): Scope {
  const id = scope === 'provider' ? provider.id : (mailbox?.id ?? scopes.identity ?? scopes.tenant);
  return { kind: scope, id };
}
