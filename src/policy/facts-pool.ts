/**
 * The pool, as a section of the facts: the way that was chosen, and where none has room what each waits for. Null for a tenant that
 * has no providers or mailboxes of its own and no other sender to name, so that it costs nothing there.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';
import { type Obstacle, ROUTE_WHYS, type RouteWhy } from './route.ts';

export type ChosenFacts = {
  /** Numbers, as the tables have them. */
  provider: number;
  mailbox: number | null;
  why: readonly RouteWhy[];
  /** The mailbox from which the contact has heard until now, where that one does not stand any more; else null. */
  replaces: number | null;
};

/** One way of those that could not be taken at once. Addresses and names, since a refusal shows them to people. */
export type CandidateFacts = {
  /** Address of the mailbox, or the name of the provider. */
  name: string;
  obstacle: Obstacle | null;
  /** When it has room again, in seconds; null: nobody knows. */
  until: number | null;
  /** Health from 0 to 100, or null where there is no mailbox. */
  health: number | null;
  /** Since when it is below the threshold, in milliseconds, or null. */
  since: number | null;
};

/** A cap of the way that was chosen, where no way has more than a fifth of its caps left. */
export type NearFacts = {
  scope: 'mailbox' | 'provider';
  /** Of the mailbox or provider. */
  id: string;
  name: string;
  window: string;
  limit: number;
  /** With this recipient. */
  used: number;
  /** In seconds. */
  resetsAt: number;
};

const POOL_CAUSES = ['none', 'provider', 'health', 'cap', 'warmup'] as const;
/** Why nothing can be sent at once: for most people the same question as who can change it. */
export type PoolCause = (typeof POOL_CAUSES)[number];

export type RoutingFacts = {
  /** Null: no way has room, now or at the place that is waited for. */
  chosen: ChosenFacts | null;
  /** Null but where something was chosen at once. */
  near: NearFacts | null;
  cause: PoolCause;
  /** When the first way has room, in seconds: 0 now, null nobody knows or never. */
  freeAt: number | null;
  /** How many ways there are, and whether they are mailboxes. */
  ways: number;
  isOwn: boolean;
  /** How many of them are at a cap, at the end of their warm-up's day, below the threshold, paused, without an active provider. */
  capped: number;
  warming: number;
  unhealthy: number;
  paused: number;
  inactive: number;
  /** All that are paused were paused by the operator. */
  isOperators: boolean;
  /** Up to eight, where no way has room at once. */
  candidates: readonly CandidateFacts[];
  /** The warm-up that frees the next place, where warm-up is the cause. */
  ramp: { id: string; address: string; day: number; places: number; used: number } | null;
  /** Recipients a day that the identity's cap would allow and its usable mailboxes do not; null: nothing is lacking, or known. */
  lacking: number | null;
};

export type PoolFacts = {
  routing: RoutingFacts | null;
  /** Other identities that have room, where this one has none. */
  alternatives: readonly string[];
  /** When an identity that is being set up should be ready, in milliseconds; else null. */
  readyAt: number | null;
  /**
   * Where the sender's hours and gaps apply to this recipient: what it waits for, and the slot that follows from them alone, in
   * milliseconds. Null: they do not, since it has none or the contact has answered.
   */
  pace: { cause: PaceCause; at: number } | null;
};

export const PACE_CAUSES = ['none', 'working_hours', 'drip'] as const;
export type PaceCause = (typeof PACE_CAUSES)[number];

export const MOST_CANDIDATES = 8;
export const MOST_ALTERNATIVES = 5;

const OBSTACLES: readonly (Obstacle | null)[] = [
  null,
  'paused',
  'unhealthy',
  'inactive',
  'error',
  'cap',
  'warmup',
  'closed',
  'avoided',
];

export function packPool(w: PackWriter, facts: PoolFacts | null): void {
  if (facts === null) {
    w.byte(0);
    return;
  }
  w.byte(1);
  packRouting(w, facts.routing);
  w.uint(facts.alternatives.length);
  for (const handle of facts.alternatives) w.text(handle);
  w.optional(facts.readyAt);
  w.byte(facts.pace === null ? 0 : 1 + PACE_CAUSES.indexOf(facts.pace.cause));
  if (facts.pace !== null) w.uint(facts.pace.at);
}

function packRouting(w: PackWriter, routing: RoutingFacts | null): void {
  if (routing === null) {
    w.byte(0);
    return;
  }
  const { chosen, near, ramp } = routing;
  const flags = (chosen === null ? 0 : 2) | (routing.isOwn ? 4 : 0) | (routing.isOperators ? 8 : 0);
  w.byte(1 | flags | (ramp === null ? 0 : 16) | (routing.cause === 'none' ? 0 : 32) | (near === null ? 0 : 64));
  w.uint(routing.ways);
  if (chosen !== null) {
    w.uint(chosen.provider);
    w.optional(chosen.mailbox);
    w.uint(chosen.why.reduce((bits, word) => bits | (1 << ROUTE_WHYS.indexOf(word)), 0));
    w.optional(chosen.replaces);
  }
  if (near !== null) packNear(w, near);
  if (routing.cause === 'none') return;
  w.byte(POOL_CAUSES.indexOf(routing.cause));
  w.optional(routing.freeAt);
  for (const n of [routing.capped, routing.warming, routing.unhealthy, routing.paused, routing.inactive]) w.uint(n);
  w.optional(routing.lacking);
  w.uint(routing.candidates.length);
  for (const one of routing.candidates) {
    w.text(one.name);
    w.byte(OBSTACLES.indexOf(one.obstacle));
    w.optional(one.until);
    w.optional(one.health);
    w.optional(one.since);
  }
  if (ramp === null) return;
  w.text(ramp.id);
  w.text(ramp.address);
  w.uint(ramp.day);
  w.uint(ramp.places);
  w.uint(ramp.used);
}

function packNear(w: PackWriter, { scope, id, name, window, limit, used, resetsAt }: NearFacts): void {
  w.byte(scope === 'mailbox' ? 0 : 1);
  for (const text of [id, name, window]) w.text(text);
  for (const n of [limit, used, resetsAt]) w.uint(n);
}

function unpackNear(r: PackReader): NearFacts {
  const scope = r.byte() === 0 ? 'mailbox' : 'provider';
  const texts = { id: r.text(), name: r.text(), window: r.text() };
  return { scope, ...texts, limit: r.uint(), used: r.uint(), resetsAt: r.uint() };
}

export function unpackPool(r: PackReader): PoolFacts | null {
  if (r.byte() === 0) return null;
  const routing = unpackRouting(r);
  const alternatives: string[] = [];
  for (let n = r.uint(); n > 0; n -= 1) alternatives.push(r.text());
  const readyAt = r.optional();
  const cause = r.byte();
  const pace = cause === 0 ? null : { cause: PACE_CAUSES[cause - 1]!, at: r.uint() };
  return { routing, alternatives, readyAt, pace };
}

/** Counts of a pool in which nothing is in the way. */
const ALL_FREE = {
  near: null,
  cause: 'none',
  freeAt: 0,
  capped: 0,
  warming: 0,
  unhealthy: 0,
  paused: 0,
  inactive: 0,
  candidates: [],
  ramp: null,
  lacking: null,
} as const;

/** A choice at once: only then nothing more is kept of the pool. */
export function chosenAtOnce(
  chosen: ChosenFacts,
  { ways, isOwn }: Pick<RoutingFacts, 'ways' | 'isOwn'>,
  near: NearFacts | null = null,
): RoutingFacts {
  return { ...ALL_FREE, chosen, near, ways, isOwn, isOperators: false };
}

function unpackRouting(r: PackReader): RoutingFacts | null {
  const flags = r.byte();
  if (flags === 0) return null;
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const ways = r.uint();
  const chosen = has(2) ? unpackChosen(r) : null;
  const near = has(64) ? unpackNear(r) : null;
  const head = { ways, chosen, near, isOwn: has(4), isOperators: has(8) };
  if (!has(32)) return { ...ALL_FREE, ...head };
  const cause = POOL_CAUSES[r.byte()]!;
  const freeAt = r.optional();
  const counts = { capped: r.uint(), warming: r.uint(), unhealthy: r.uint(), paused: r.uint(), inactive: r.uint() };
  const lacking = r.optional();
  const candidates: CandidateFacts[] = [];
  for (let n = r.uint(); n > 0; n -= 1) {
    candidates.push({
      name: r.text(),
      obstacle: OBSTACLES[r.byte()]!,
      until: r.optional(),
      health: r.optional(),
      since: r.optional(),
    });
  }
  const ramp = has(16) ? { id: r.text(), address: r.text(), day: r.uint(), places: r.uint(), used: r.uint() } : null;
  return { ...head, cause, freeAt, ...counts, lacking, candidates, ramp };
}

function unpackChosen(r: PackReader): ChosenFacts {
  const provider = r.uint();
  const mailbox = r.optional();
  const bits = r.uint();
  return {
    provider,
    mailbox,
    why: ROUTE_WHYS.filter((_, i) => (bits & (1 << i)) !== 0),
    replaces: r.optional(),
  };
}
