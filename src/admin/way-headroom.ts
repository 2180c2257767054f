/** What a provider or a mailbox can still carry, as answers show it. */
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { RampState, WayHeadroom } from '../data/port/routing.ts';
import { limitBody } from '../http/limit-state.ts';
import * as shared from '../http/schemas.ts';
import { orNull } from './shapes.ts';

export const CIRCUIT = Type.Object(
  {
    state: Type.Enum(['closed', 'open'], { description: '`open`: nothing is sent this way for a time.' }),
    until: orNull(Type.String()),
    cause: orNull(Type.String()),
  },
  { description: 'The circuit breaker.' },
);

export const WAITS_FOR = orNull(
  Type.Object({
    cause: Type.String({
      description:
        'What keeps mail from it now: `state`, `provider` (its provider is off), `health`, `circuit` or `cap`.',
    }),
    until: orNull(Type.String(), { description: 'When that ends by itself; null where somebody must act.' }),
  }),
  { description: 'Null: it takes mail now.' },
);

export const LIMITS = Type.Array(shared.limit, { description: 'Its caps as they stand.' });

export const RAMPS = Type.Array(
  Type.Object({
    family: Type.String({ description: 'Of destinations.' }),
    day: Type.Integer({ description: 'Of the warm-up, from 1.' }),
    places: Type.Integer({ description: 'Recipients of that day.' }),
    used: Type.Integer(),
    stands: Type.Boolean({ description: 'It stands still for deferrals or complaints.' }),
  }),
  { description: 'Warm-ups that have begun and are not over.' },
);

export type Waits = Static<typeof WAITS_FOR>;

export function circuitBody(way: WayHeadroom | null): Static<typeof CIRCUIT> {
  const closed = way?.closed ?? null;
  if (closed === null) return { state: 'closed', until: null, cause: null };
  return { state: 'open', until: formatTime(closed.until), cause: closed.cause };
}

export function limitsBody(way: WayHeadroom | null) {
  return (way?.limits ?? []).map(limitBody);
}

export function rampsBody(ramps: readonly RampState[]): Static<typeof RAMPS> {
  return ramps.map(({ family, day, places, used, stands }) => ({ family, day, places, used, stands }));
}

/** What keeps mail from a way that is neither off nor ill: its circuit breaker, or a cap that is used up. */
export function waitsBody(way: WayHeadroom | null): Waits {
  if (way === null) return null;
  if (way.closed !== null) return { cause: 'circuit', until: formatTime(way.closed.until) };
  const full = way.limits.filter(({ remaining, rate }) => remaining <= 0 && !rate);
  if (full.length === 0) return null;
  const ends = full.map(({ resetsAt }) => resetsAt);
  const latest = Math.max(...ends.map((at) => at ?? 0));
  return { cause: 'cap', until: ends.includes(null) ? null : formatTime(latest) };
}
