/** What mailboxes and providers can still carry, read from the ledger as it stands. */

import type { Limit } from '../../policy/document.ts';
import { FAMILIES } from '../../policy/families.ts';
import { type LimitState, limitState, standingOf } from '../../policy/headroom.ts';
import { familyScope, seriesIn } from '../../policy/ledger.ts';
import type { Mailbox, Provider } from '../../policy/pool.ts';
import { RAMP_WINDOW, rampAt } from '../../policy/ramp.ts';
import type { Send } from '../../policy/send.ts';
import { DAY_SECONDS } from '../../policy/series.ts';
import type { Scope } from '../../policy/verdict.ts';
import { limitsOfWay, outOf, stateOfWay, type Way } from '../../policy/ways.ts';
import { usedAt } from '../../policy/windows.ts';
import type { PoolHeadroom, RampState, WayHeadroom } from '../port/routing.ts';
import type { Space as SpaceName } from '../store.ts';
import { type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** Of the mailboxes and every provider of a tenant, the gateway's own among them. */
export function poolHeadroom(
  state: WriterState,
  { tenantNo, mode, mailboxes }: SpaceName & { mailboxes?: readonly number[] },
): PoolHeadroom {
  const space = state.spaces.get(spaceOf(tenantNo, mode));
  const now = space.now(state.realNow);
  const { pool } = space;
  if (pool === null) return { now, providers: [], mailboxes: [] };
  return {
    now,
    providers: [...pool.providers.values()].map((provider) => ofProvider(state, space, provider, now)),
    mailboxes: (mailboxes ?? [...pool.mailboxes.keys()]).flatMap((no) => {
      const mailbox = pool.mailboxes.get(no);
      const provider = pool.providers.get(mailbox?.provider ?? -1);
      return mailbox === undefined || provider === undefined
        ? []
        : [ofMailbox(state, space, { provider, mailbox }, now)];
    }),
  };
}

function ofProvider(state: WriterState, space: Space, provider: Provider, now: number): WayHeadroom {
  const closed = space.frozenAt === null ? state.routing.closed.at(named(provider.no, null), now) : null;
  return {
    no: provider.no,
    limits: limitsOf(space, { provider, mailbox: null }, 'provider', provider.id, now),
    closed,
  };
}

function named(provider: number | null, mailbox: number | null) {
  return { provider, mailbox, destination: null };
}

function ofMailbox(
  state: WriterState,
  space: Space,
  way: Way & { mailbox: Mailbox },
  now: number,
): WayHeadroom & { ramps: RampState[] } {
  const { mailbox, provider } = way;
  const { closed } = state.routing;
  const found =
    space.frozenAt === null
      ? (closed.at(named(provider.no, mailbox.no), now) ?? closed.at(named(null, mailbox.no), now))
      : null;
  const limits = limitsOf(space, way, 'mailbox', mailbox.id, now);
  return { no: mailbox.no, limits, closed: found, ramps: rampsOf(space, mailbox, now) };
}

function limitsOf(space: Space, way: Way, scope: 'mailbox' | 'provider', id: string, now: number): LimitState[] {
  const { windows, rates } = limitsOfWay(way, space.policy);
  const send = sendOfNobody(space);
  return [...windows, ...rates].flatMap((limit) => {
    const counter = limit.scope === scope ? stateOfWay(space, scope, way, send) : null;
    if (counter === null) return [];
    const shown = limitState(limit, { kind: scope, id }, standingOf(limit, counter, 0, now));
    return [isOwnRate(limit) ? { ...shown, limit: limit.max, remaining: Math.max(0, limit.max - shown.used) } : shown];
  });
}

/** A provider's cap a second or minute: its burst of one is how it is kept, and no number of anybody's. */
function isOwnRate({ window, burst, max }: Limit): boolean {
  return window.kind === 'rate' && burst === 1 && max > 1;
}

function sendOfNobody(space: Space, identity: string | null = null): Send {
  return {
    kind: 'transactional',
    onLimit: 'reject',
    sendAt: null,
    scopes: { tenant: space.tenant.id, app: '', installation: '', identity, agent: null },
    contentSize: 0,
  };
}

/** The warm-ups of a mailbox that have begun and are not over, and the first day of one that has not. */
function rampsOf(space: Space, mailbox: Mailbox, now: number): RampState[] {
  if (mailbox.warmup === null) return [];
  const { places } = mailbox.warmup;
  const second = Math.floor(now / 1000);
  return FAMILIES.flatMap((family) => {
    const counter = space.scope('mailbox', familyScope(mailbox.no, family));
    if (counter.firstAt === null) return [];
    const stood = space.stood(mailbox.no, family);
    const ramp = rampAt(places, counter.firstAt, stood, second);
    if (ramp === null) return [];
    const used = usedAt(seriesIn(counter, 'recipient'), RAMP_WINDOW, second);
    return [{ family, ...ramp, used, stands: stood.since !== null }];
  });
}

/** What all mailboxes of an identity can still carry today as one limit; null where one of those that can be used has no cap. */
export function mailboxesInTotal(space: Space, identity: { no: number; id: string }, now: number): LimitState | null {
  if (space.pool === null) return null;
  const send = sendOfNobody(space, identity.id);
  const second = Math.floor(now / 1000);
  const left = new Map<Provider, number>();
  let most = 0;
  let used = 0;
  for (const way of space.sightOf(identity.no).ways) {
    const cap = way.mailbox?.dailyCap ?? null;
    const counter = stateOfWay(space, 'mailbox', way, send);
    if (outOf(way) !== null || counter === null) continue;
    if (cap === null) return null;
    const today = usedAt(seriesIn(counter, 'recipient'), RAMP_WINDOW, second);
    most += cap;
    used += Math.min(cap, today);
    left.set(way.provider, (left.get(way.provider) ?? 0) + Math.max(0, cap - today));
  }
  if (left.size === 0) return null;
  let remaining = 0;
  for (const [provider, room] of left) remaining += Math.min(room, roomOf(space, provider, now));
  const scope: Scope = { kind: 'identity', id: identity.id };
  const midnight = (Math.floor(second / DAY_SECONDS) + 1) * DAY_SECONDS * 1000;
  return {
    ...{ name: 'mailboxes', scope, unit: 'recipient', window: 'calendar_day', limit: most, used, remaining },
    resetsAt: used === 0 ? null : midnight,
    windowSeconds: DAY_SECONDS,
    rate: false,
  };
}

/** What a provider's own windows leave. */
function roomOf(space: Space, provider: Provider, now: number): number {
  const limits = limitsOf(space, { provider, mailbox: null }, 'provider', provider.id, now);
  return Math.min(Number.MAX_SAFE_INTEGER, ...limits.filter(({ rate }) => !rate).map(({ remaining }) => remaining));
}
