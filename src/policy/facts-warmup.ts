/**
 * Warm-up, as a section of the facts: a new sender's places a day, which grow step by step. It counts as one more limit beside
 * the policy's, so headroom, deferral and exactness are those of every limit. Null where nothing is being warmed up.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';
import type { Policy, Warmup } from './document.ts';
import { type Counters, stateOf } from './ledger.ts';
import type { Send, SendRecipient } from './send.ts';
import { DAY_SECONDS } from './series.ts';

export type WarmupFacts = {
  /** The day of the warm-up on which the recipient would leave, from 1. */
  day: number;
  /** The places of that day. */
  places: number;
};

/** Day of the warm-up in which `second` lies, from 0; `firstAt`: the sender's first departure, or null before it. */
export function warmupDay(firstAt: number | null, second: number): number {
  if (firstAt === null) return 0;
  return Math.max(0, Math.floor(second / DAY_SECONDS) - Math.floor(firstAt / DAY_SECONDS));
}

export function lookWarmup(
  view: Counters,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  departAt: number,
): WarmupFacts | null {
  const { warmup } = policy;
  if (warmup === null) return null;
  const state = stateOf(view, warmup.scope, send, recipient);
  return state === null ? null : warmupAt(warmup, state.firstAt, Math.floor(departAt / 1000));
}

/** How the warm-up stands at a second; null once it is over. */
export function warmupAt(warmup: Warmup, firstAt: number | null, second: number): WarmupFacts | null {
  const day = warmupDay(firstAt, second);
  const places = warmup.places[day];
  return places === undefined ? null : { day: day + 1, places };
}

export function packWarmup(w: PackWriter, facts: WarmupFacts | null): void {
  w.uint(facts?.day ?? 0);
  if (facts !== null) w.uint(facts.places);
}

export function unpackWarmup(r: PackReader): WarmupFacts | null {
  const day = r.uint();
  return day === 0 ? null : { day, places: r.uint() };
}
