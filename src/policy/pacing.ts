/**
 * A sender's own pace: its working hours, and the gap that it keeps between two first contacts. Both are waited for by mail to those
 * who have not answered one of its last three messages; a conversation goes on at once. Hours come as windows in UTC, since what a time
 * zone does is not known here.
 */
import { compileLimit, type Limit } from './document.ts';
import type { ContactState } from './ledger.ts';
import { seriesIn } from './ledger.ts';
import { countBetween } from './series.ts';

export type Pacing = {
  /** When the sender works, in seconds, in order: [from, to). Null: always. After the last one nothing is known, so nothing is waited for. */
  windows: readonly (readonly [from: number, to: number])[] | null;
  /** Seconds between two first contacts; null: none. */
  gapSeconds: number | null;
  /** Up to so many seconds more, by the recipient. */
  jitterSeconds: number;
};

const LAST = 3;

/** Whether mail to the contact at `second` is paced: nobody there has answered one of the last three messages. */
export function isPaced(contact: ContactState, second: number): boolean {
  if (contact.lastReplyAt === null) return true;
  return countBetween(seriesIn(contact, 'recipient'), Math.floor(contact.lastReplyAt / 1000), second) >= LAST;
}

/** The earliest second from `second` on in which the sender works. */
export function hoursPlace({ windows }: Pacing, second: number): number {
  if (windows === null) return second;
  for (const [from, to] of windows) if (second < to) return Math.max(second, from);
  return second;
}

const gaps = new Map<number, Limit>();
const MOST_GAPS = 4096;

/** The gap as a limit: one in any window of its length. Made once for each length, since searches remember windows. */
export function gapLimit(pacing: Pacing, key: string): Limit | null {
  if (pacing.gapSeconds === null) return null;
  const seconds = pacing.gapSeconds + (pacing.jitterSeconds === 0 ? 0 : hashOf(key) % (pacing.jitterSeconds + 1));
  if (seconds <= 0) return null;
  let limit = gaps.get(seconds);
  if (limit === undefined) {
    if (gaps.size >= MOST_GAPS) gaps.clear();
    limit = compileLimit({ name: 'drip', scope: 'identity', window: `rolling_${seconds}s`, max: 1 });
    gaps.set(seconds, limit);
  }
  return limit;
}

/** FNV-1a of 32 bits: spreads, and gives the same for the same address. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
