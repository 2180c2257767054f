/** A mailbox as answers show it: what it is, and what it can still carry. */
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { PoolHeadroom, WayHeadroom } from '../data/port/routing.ts';
import type { ManagedMailbox } from '../data/port/senders.ts';
import { type Ramp, warmupPlaces } from '../policy/document.ts';
import { MAILBOX_STATES } from '../policy/pool.ts';
import { orNull, timeOrNull } from './shapes.ts';
import {
  CIRCUIT,
  circuitBody,
  LIMITS,
  limitsBody,
  RAMPS,
  rampsBody,
  WAITS_FOR,
  type Waits,
  waitsBody,
} from './way-headroom.ts';

export const MAILBOX = Type.Object({
  id: Type.String(),
  address: Type.String(),
  provider: Type.String({ description: 'The id of its provider, or `default`.' }),
  provider_name: Type.String(),
  identity: orNull(Type.String(), { description: 'The id of its identity.' }),
  identity_handle: orNull(Type.String()),
  daily_cap: orNull(Type.Integer()),
  warmup: orNull(
    Type.Object({
      start: Type.Integer(),
      factor_percent: Type.Integer(),
      every_days: Type.Integer(),
      days: Type.Integer(),
      places: Type.Array(Type.Integer(), { description: 'Recipients of each day, for each family of destinations.' }),
    }),
  ),
  state: Type.Enum([...MAILBOX_STATES]),
  state_note: orNull(Type.String()),
  paused_by: orNull(Type.String(), { description: '`tenant` or `operator`.' }),
  health: Type.Integer({ description: '0 to 100, from its own deliveries, deferrals, bounces and complaints.' }),
  excluded_since: orNull(Type.String(), { description: 'Since when it is left out for its health.' }),
  recovers_at: orNull(Type.String(), {
    description: 'When it comes back if nothing new happens; null where it is not left out.',
  }),
  has_credentials: Type.Boolean({ description: "Whether it has its own; else it uses its provider's." }),
  imap: orNull(
    Type.Object({
      url: Type.String(),
      append_to_sent: Type.Boolean(),
      has_credentials: Type.Boolean(),
      state: Type.String({ description: '`waiting`, `watching` or `failing`.' }),
      state_since: orNull(Type.String()),
      error: orNull(Type.String(), { description: 'Why its mail cannot be read now.' }),
      last_seen_at: orNull(Type.String(), { description: 'When its mail was last read to the end.' }),
    }),
  ),
  limits: LIMITS,
  warming: RAMPS,
  circuit: CIRCUIT,
  waits_for: WAITS_FOR,
  created_at: Type.String(),
  updated_at: Type.String(),
});

function rampBody(ramp: Ramp): Static<typeof MAILBOX>['warmup'] {
  const { start, factorPercent, everyDays, days } = ramp;
  return { start, factor_percent: factorPercent, every_days: everyDays, days, places: warmupPlaces(ramp) };
}

type Ways = { own: PoolHeadroom['mailboxes'][number] | null; provider: WayHeadroom | null };

export const NO_WAYS: Ways = { own: null, provider: null };

/** How the mailboxes and providers of a space stand, by the mailbox. */
export function waysIn({ providers, mailboxes }: PoolHeadroom): (mailbox: ManagedMailbox) => Ways {
  const own = new Map(mailboxes.map((way) => [way.no, way]));
  const known = new Map(providers.map((way) => [way.no, way]));
  return ({ no, provider }) => ({ own: own.get(no) ?? null, provider: known.get(provider) ?? null });
}

function waitsFor(mailbox: ManagedMailbox, { own, provider }: Ways): Waits {
  if (mailbox.state === 'paused') return { cause: 'state', until: null };
  if (mailbox.providerState !== 'active') return { cause: 'provider', until: null };
  if (mailbox.excludedSince !== null) return { cause: 'health', until: timeOrNull(mailbox.recoversAt) };
  return waitsBody(own) ?? waitsBody(provider);
}

export function mailboxBody(mailbox: ManagedMailbox, ways: Ways): Static<typeof MAILBOX> {
  const { imap } = mailbox;
  return {
    id: mailbox.id,
    address: mailbox.address,
    provider: mailbox.providerId,
    provider_name: mailbox.providerName,
    identity: mailbox.identityId,
    identity_handle: mailbox.identityHandle,
    daily_cap: mailbox.dailyCap,
    warmup: mailbox.ramp === null ? null : rampBody(mailbox.ramp),
    state: mailbox.state,
    state_note: mailbox.stateNote,
    paused_by: mailbox.pausedBy,
    health: mailbox.health,
    excluded_since: timeOrNull(mailbox.excludedSince),
    recovers_at: timeOrNull(mailbox.recoversAt),
    has_credentials: mailbox.hasCredentials,
    imap:
      imap === null
        ? null
        : {
            ...{ url: imap.url, append_to_sent: imap.appendToSent, has_credentials: imap.hasCredentials },
            state: imap.reading?.state ?? 'waiting',
            state_since: timeOrNull(imap.reading?.since ?? null),
            error: imap.reading?.error ?? null,
            last_seen_at: timeOrNull(imap.reading?.lastSeenAt ?? null),
          },
    limits: limitsBody(ways.own),
    warming: rampsBody(ways.own?.ramps ?? []),
    circuit: circuitBody(ways.own),
    waits_for: waitsFor(mailbox, ways),
    created_at: formatTime(mailbox.createdAt),
    updated_at: formatTime(mailbox.updatedAt),
  };
}
