/**
 * `route`: which way a recipient takes, of those that a sender has, and why; or, where none is left, what each of them waits for and
 * until when. Pure, and the same input gives the same way: what changes from one recipient to the next stands in the counters and in
 * the spread, which the caller moves on.
 *
 * Order: ways that are not closed, and not avoided; the mailbox from which the contact last heard; the provider's priority (of
 * implied mailboxes the gateway's own first); health, in bands; room under the caps and in the warm-up, in bands; then the providers'
 * weights, and among the mailboxes of one provider the one with the smallest share of its day used.
 */
import { paidAfter, type Spread } from './spread.ts';
import { hasRoom, type OutCause, roomAt, type Way, type WayLook } from './ways.ts';

export const ROUTE_WHYS = [
  'affinity',
  'priority',
  'health',
  'remaining',
  'warmup',
  'weight',
  'only',
  'failover',
] as const;
/** Why this way: short words for the timeline. */
export type RouteWhy = (typeof ROUTE_WHYS)[number];

export type RouteInput = {
  looks: readonly WayLook[];
  spread: Spread;
  /** The second at which the recipient would leave. */
  second: number;
  /** The mailbox from which the contact last heard of this sender, or null. */
  pinned: number | null;
  /** Ways that surely did not take this recipient's message. */
  avoided?: readonly WayKey[];
  /** Whether a closed way is as good as none; else it goes last. */
  needsOpen?: boolean;
};

export type WayKey = { provider: number; mailbox: number | null };

/** What keeps a way from being taken. */
export type Obstacle = OutCause | 'cap' | 'warmup' | 'closed' | 'avoided';

export type Candidate = {
  way: Way;
  obstacle: Obstacle | null;
  /** In seconds; null: nobody knows when, or it has none. */
  until: number | null;
};

export type RouteAnswer =
  | { outcome: 'chosen'; look: WayLook; why: RouteWhy[] }
  /** `until`: the earliest second at which one of them is free again, as far as time alone decides it. */
  | { outcome: 'waiting'; until: number | null; candidates: Candidate[] };

/** Below these a mailbox is of a worse band. */
const HEALTH_BANDS = [80, 50] as const;
/** Nearly full: kept for what has no other way. */
const NEARLY_FULL = 900;

export function isSameWay(way: Way, key: WayKey): boolean {
  return way.provider.no === key.provider && (way.mailbox?.no ?? null) === key.mailbox;
}

/** What stands between a way and the recipient, or null. */
function obstacleOf(look: WayLook, input: RouteInput): Obstacle | null {
  if (look.out !== null) return look.out;
  if (input.avoided?.some((key) => isSameWay(look.way, key)) === true) return 'avoided';
  if (look.closed !== null && input.needsOpen === true) return 'closed';
  if (hasRoom(look, input.second)) return null;
  return look.capFreeAt === input.second ? 'warmup' : 'cap';
}

export function route(input: RouteInput): RouteAnswer {
  const candidates = input.looks.map((look) => candidateOf(look, input));
  const open = input.looks.filter((_, i) => candidates[i]!.obstacle === null);
  if (open.length === 0) {
    const times = candidates.map(({ until }) => until).filter((until) => until !== null);
    return { outcome: 'waiting', until: times.length === 0 ? null : Math.min(...times), candidates };
  }
  const { best, why } = narrowed(open, input);
  const chosen = spread(best, input, why);
  if (input.looks.length === 1) return { outcome: 'chosen', look: chosen, why: ['only'] };
  if (candidates.some(({ obstacle }) => obstacle === 'paused' || obstacle === 'unhealthy')) note(why, 'health');
  if (candidates.some(({ obstacle }) => obstacle === 'cap')) note(why, 'remaining');
  if (candidates.some(({ obstacle }) => obstacle === 'warmup')) note(why, 'warmup');
  if (isFailover(candidates)) note(why, 'failover');
  const isAlone = open.length === 1 && why.length === 0;
  return { outcome: 'chosen', look: chosen, why: isAlone ? ['only'] : sorted(why) };
}

function candidateOf(look: WayLook, input: RouteInput): Candidate {
  const obstacle = obstacleOf(look, input);
  if (obstacle === 'closed') return { way: look.way, obstacle, until: Math.ceil(look.closed!.until / 1000) };
  const waits = obstacle === 'cap' || obstacle === 'warmup';
  return { way: look.way, obstacle, until: waits ? roomAt(look) : null };
}

function isFailover(candidates: readonly Candidate[]): boolean {
  return candidates.some(
    ({ obstacle }) =>
      obstacle === 'avoided' || obstacle === 'closed' || obstacle === 'inactive' || obstacle === 'error',
  );
}

function note(why: RouteWhy[], word: RouteWhy): void {
  if (!why.includes(word)) why.push(word);
}

function sorted(why: readonly RouteWhy[]): RouteWhy[] {
  return ROUTE_WHYS.filter((word) => why.includes(word));
}

/** Lower is better; each criterion leaves those that are best by it. */
type Criterion = readonly [word: RouteWhy, rank: (look: WayLook) => number];

function narrowed(open: readonly WayLook[], input: RouteInput): { best: readonly WayLook[]; why: RouteWhy[] } {
  const { avoided = [], pinned } = input;
  const failed = new Set(avoided.map(({ provider }) => provider));
  const criteria: Criterion[] = [
    ['failover', ({ closed }) => (closed === null ? 0 : 1)],
    ['failover', ({ way }) => (failed.has(way.provider.no) ? 1 : 0)],
    ['affinity', ({ way }) => (pinned !== null && way.mailbox?.no === pinned ? 0 : 1)],
    ['priority', ({ way }) => priorityOf(way)],
    ['health', ({ way }) => bandOf(way)],
    ['remaining', ({ fullness }) => (fullness > NEARLY_FULL ? 1 : 0)],
    ['warmup', ({ rampFullness }) => (rampFullness > NEARLY_FULL ? 1 : 0)],
  ];
  let best = open;
  const why: RouteWhy[] = [];
  for (const [word, rank] of criteria) {
    if (best.length === 1) break;
    const lowest = Math.min(...best.map(rank));
    const left = best.filter((look) => rank(look) === lowest);
    if (left.length < best.length) note(why, word);
    best = left;
  }
  // Said also where the pinned mailbox was the only one left.
  if (pinned !== null && best.some(({ way }) => way.mailbox?.no === pinned)) note(why, 'affinity');
  return { best, why };
}

/** What of a way comes before its counters: the provider's priority, and the band of its health. Lower is better. */
export type WayRank = { priority: number; band: number };

export function rankOfWay(way: Way): WayRank {
  return { priority: priorityOf(way), band: bandOf(way) };
}

export function isBeforeByRank(one: WayRank, other: WayRank): boolean {
  return one.priority === other.priority ? one.band < other.band : one.priority < other.priority;
}

/** An implied mailbox lies on the gateway's own provider: others stand in for it. */
function priorityOf({ mailbox, provider }: Way): number {
  return mailbox === null && provider.no === 0 ? Number.NEGATIVE_INFINITY : provider.priority;
}

function bandOf({ mailbox }: Way): number {
  const health = mailbox?.health ?? 100;
  const band = HEALTH_BANDS.findIndex((least) => health >= least);
  return band < 0 ? HEALTH_BANDS.length : band;
}

function spread(best: readonly WayLook[], input: RouteInput, why: RouteWhy[]): WayLook {
  let first = best[0]!;
  for (const look of best) if (goesBefore(look, first, input.spread)) first = look;
  if (best.length > 1) note(why, 'weight');
  return first;
}

function goesBefore(a: WayLook, b: WayLook, state: Spread): boolean {
  const [one, other] = [a.way.provider, b.way.provider];
  if (one.no !== other.no) {
    const by = paidAfter(state, one) - paidAfter(state, other);
    return by === 0 ? one.no < other.no : by < 0;
  }
  const [x, y] = [a.way.mailbox, b.way.mailbox];
  if (x === null || y === null) return false;
  // The smaller share of its day's cap; without caps the smaller number.
  const byShare = a.today * (y.dailyCap ?? 1) - b.today * (x.dailyCap ?? 1);
  const isCapped = x.dailyCap !== null && y.dailyCap !== null;
  const by = isCapped ? byShare : a.today - b.today;
  return by === 0 ? x.no < y.no : by < 0;
}
