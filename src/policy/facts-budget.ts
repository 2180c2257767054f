/**
 * Budgets of bad signs, as a section of the facts: bounces and complaints as a share of what was sent, and the plain number
 * of bounces, complaints and unsubscribes. Null where no bad sign was ever counted.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';
import type { Policy } from './document.ts';
import { seriesIn } from './ledger.ts';
import type { LedgerView } from './ledger-view.ts';
import type { Send } from './send.ts';
import type { Series } from './series.ts';
import { type CountedWindow, nthLeavesAt, usedAt } from './windows.ts';

export type BudgetFacts = {
  /** Recipients that left, in the window of the rates. */
  sent: number;
  /** In the same window. */
  bounces: number;
  complaints: number;
  /** When the share falls to what is allowed, in milliseconds; null where it is not above. */
  bouncesClearAt: number | null;
  complaintsClearAt: number | null;
  /** In the window of the plain number: all, and those of them that are bounces or complaints. */
  signals: number;
  signalBounces: number;
  signalComplaints: number;
  /** When the number falls below its maximum, in milliseconds; null where it is below. */
  signalsClearAt: number | null;
};

/** The part of a ledger that counts bad signs, and what was sent. */
export type Signs = Pick<LedgerView, 'signals' | 'scope'>;

export function lookBudget(view: Signs, policy: Policy, send: Send, departAt: number): BudgetFacts | null {
  const all = view.signals('any');
  if (all === null) return null;
  const { rates, number } = policy.budgets;
  const second = Math.floor(departAt / 1000);
  const sends = seriesIn(view.scope('tenant', send.scopes.tenant), 'recipient');
  const bounces = seriesOfSignal(view, 'bounce');
  const complaints = seriesOfSignal(view, 'complaint');
  const any = seriesIn(all, 'recipient');
  const signals = usedAt(any, number.window, second);
  const excess = signals - number.max + 1;
  return {
    sent: usedAt(sends, rates.window, second),
    bounces: usedAt(bounces, rates.window, second),
    complaints: usedAt(complaints, rates.window, second),
    bouncesClearAt: milliseconds(rateClearsAt(sends, bounces, rates, rates.maxBounceRate, second)),
    complaintsClearAt: milliseconds(rateClearsAt(sends, complaints, rates, rates.maxComplaintRate, second)),
    signals,
    signalBounces: usedAt(bounces, number.window, second),
    signalComplaints: usedAt(complaints, number.window, second),
    signalsClearAt: milliseconds(excess <= 0 ? null : nthLeavesAt(any, number.window, second, excess)),
  };
}

/** The plain number as it stands: how many signs count, how many may, and when the oldest of them leaves (milliseconds). */
export type SignsStanding = { used: number; max: number; resetsAt: number | null };

export function signsStanding(view: Signs, { budgets: { number } }: Policy, now: number): SignsStanding {
  const all = view.signals('any');
  const second = Math.floor(now / 1000);
  const any = all === null ? null : seriesIn(all, 'recipient');
  const used = any === null ? 0 : usedAt(any, number.window, second);
  return {
    used,
    max: number.max,
    resetsAt: any === null || used === 0 ? null : nthLeavesAt(any, number.window, second, 1) * 1000,
  };
}

function milliseconds(second: number | null): number | null {
  return second === null ? null : second * 1000;
}

function seriesOfSignal(view: Signs, kind: 'bounce' | 'complaint'): Series {
  return seriesIn(view.signals(kind)!, 'recipient');
}

/** Steps of the search below; past them the time at which the sample is too small is taken, which is never too early. */
const MOST_STEPS = 64;

/**
 * The first second from `from` on at which the share of bad signs is allowed again, or null where it is now. Both numbers
 * fall as the window moves on, so the search goes from one second at which enough bad signs have left to the next.
 */
function rateClearsAt(
  sends: Series,
  bad: Series,
  { window, minSample }: { window: CountedWindow; minSample: number },
  maxRate: number,
  from: number,
): number | null {
  let second = from;
  for (let step = 0; ; step += 1) {
    const sent = usedAt(sends, window, second);
    const count = usedAt(bad, window, second);
    if (sent < minSample || count / sent <= maxRate) return second === from ? null : second;
    const sampleEndsAt = nthLeavesAt(sends, window, second, sent - minSample + 1);
    if (step === MOST_STEPS) return sampleEndsAt;
    const enoughLeftAt = nthLeavesAt(bad, window, second, count - allowed(maxRate, sent));
    second = Math.min(sampleEndsAt, enoughLeftAt);
  }
}

/** The most bad signs among so many sends whose share is not above the maximum. */
function allowed(maxRate: number, sent: number): number {
  const most = Math.floor(maxRate * sent);
  return (most + 1) / sent <= maxRate ? most + 1 : most;
}

export function packBudget(w: PackWriter, facts: BudgetFacts | null): void {
  w.byte(facts === null ? 0 : 1);
  if (facts === null) return;
  w.uint(facts.sent);
  w.uint(facts.bounces);
  w.uint(facts.complaints);
  w.optional(facts.bouncesClearAt);
  w.optional(facts.complaintsClearAt);
  w.uint(facts.signals);
  w.uint(facts.signalBounces);
  w.uint(facts.signalComplaints);
  w.optional(facts.signalsClearAt);
}

export function unpackBudget(r: PackReader): BudgetFacts | null {
  if (r.byte() === 0) return null;
  return {
    sent: r.uint(),
    bounces: r.uint(),
    complaints: r.uint(),
    bouncesClearAt: r.optional(),
    complaintsClearAt: r.optional(),
    signals: r.uint(),
    signalBounces: r.uint(),
    signalComplaints: r.uint(),
    signalsClearAt: r.optional(),
  };
}
