/**
 * When each of N sends would leave: the same look and the same decision as a send that waits for a place (`on_limit: defer`),
 * made again and again on a copy of the counters it touches. What does not follow from counters stays as the first look saw
 * it; credits and storage are used up as they would be. Pure.
 */

import { decide } from './decide.ts';
import type { Policy } from './document.ts';
import type { Facts } from './facts.ts';
import { applyChange, type Counted, countDeparture } from './ledger.ts';
import { lookAtCounters } from './look-limits.ts';
import { lookAtPool } from './look-pool.ts';
import { adapted, adaptingIn } from './probation.ts';
import type { Send, SendRecipient } from './send.ts';
import { spend } from './spread.ts';
import type { DecidedReason, Verdict } from './verdict.ts';
import type { RoutingView } from './ways.ts';

export type PlannedRecipient = { email: string; recipient: SendRecipient; facts: Facts };

export type PlanSeed = {
  /** As sent, but that it waits for places. */
  send: Send;
  recipients: readonly PlannedRecipient[];
  /** Only the plan changes them, and the spread of the pool that they see. */
  counters: RoutingView;
};

/** Sends that would not leave, or not in time: how many, and why. */
export type PlannedBlock = { email: string; count: number; reasons: readonly DecidedReason[] };

export type Plan = {
  /** How many leave at each millisecond. */
  departures: Map<number, number>;
  lastAt: number | null;
  /** The limit for which the last one waits that has to. */
  binding: string | null;
  blocked: PlannedBlock[];
};

type Refused = { email: string; reasons: readonly DecidedReason[] };

/** Plans sends one after another; `by`: the latest departure that is of use, in milliseconds. */
export class Planner {
  readonly plan: Plan = { departures: new Map(), lastAt: null, binding: null, blocked: [] };
  private readonly seed: PlanSeed;
  private readonly policy: Policy;
  private readonly by: number | null;
  private left: number;
  private taken = 0;
  private stored = 0;

  constructor(seed: PlanSeed, policy: Policy, count: number, by: number | null) {
    this.seed = seed;
    this.policy = policy;
    this.left = count;
    this.by = by;
  }

  /** Plans up to `most` more sends; true while some are left. */
  advance(most: number): boolean {
    for (let n = Math.min(most, this.left); n > 0 && this.left > 0; n -= 1) {
      const refused = this.next();
      // What is refused as a whole changes nothing, so all that follow would be refused alike.
      const times = refused.length === this.seed.recipients.length ? this.left : 1;
      for (const one of refused) this.note(one, times);
      this.left -= times;
    }
    return this.left > 0;
  }

  /** One send: takes its places, and answers with the recipients that have none. */
  private next(): Refused[] {
    const counted: Counted = new Map();
    const refused: Refused[] = [];
    let isStored = false;
    for (const one of this.seed.recipients) {
      const facts = this.factsFor(one, counted, isStored);
      const verdict = decide(this.seed.send, one.recipient, facts, this.policy);
      const reasons = this.refusalOf(one, facts, verdict);
      if (reasons === null) {
        this.count(one, facts, verdict, counted, isStored);
        isStored = true;
      } else refused.push({ email: one.email, reasons });
    }
    return refused;
  }

  private factsFor({ recipient, facts: first }: PlannedRecipient, counted: Counted, isStored: boolean): Facts {
    const { counters, send } = this.seed;
    const policy = adapted(this.policy, adaptingIn(first));
    const { account, identityCap } = first;
    const input = { view: counters, send, recipient, now: first.now, counted };
    const limits = lookAtCounters(input, policy);
    const { pool, place } = lookAtPool(input, identityCap, policy, limits);
    return {
      ...first,
      ...limits,
      pool,
      place: pool === null ? limits.place : place,
      contentSize: isStored ? 0 : send.contentSize,
      account: {
        ...account,
        credits: account.credits === null ? null : Math.max(0, account.credits - this.taken),
        storageUsed: account.storageUsed + this.stored,
      },
    };
  }

  /** Why it does not leave by itself and in time; null where it does. */
  private refusalOf(one: PlannedRecipient, facts: Facts, verdict: Verdict): readonly DecidedReason[] | null {
    if (verdict.verdict === 'block' || verdict.verdict === 'hold') return verdict.reasons;
    if (this.by === null || verdict.departAt <= this.by) return null;
    // What stands in the way of an earlier departure: the limits themselves, or the time that was asked for.
    const impatient = { ...this.seed.send, onLimit: 'reject' } as const;
    const atOnce = decide(impatient, one.recipient, { ...facts, place: null }, this.policy);
    return atOnce.reasons.length > 0 ? atOnce.reasons : verdict.reasons;
  }

  private count(one: PlannedRecipient, facts: Facts, verdict: Verdict, counted: Counted, isStored: boolean): void {
    const { counters, send } = this.seed;
    const { now } = one.facts;
    const policy = adapted(this.policy, adaptingIn(one.facts));
    const chosen = facts.pool?.routing?.chosen ?? null;
    const route = chosen === null ? null : { provider: chosen.provider, mailbox: chosen.mailbox, at: null };
    const recipient = { ...one.recipient, route, isPaced: facts.pool?.pace != null };
    const changes = countDeparture(counters, policy, send, recipient, verdict.departAt, now, counted);
    for (const change of changes) applyChange(change, Math.floor(now / 1000));
    const way = counters.sight?.ways.find(({ provider }) => provider.no === chosen?.provider);
    if (way !== undefined) spend(counters.sight!.spread, way.provider);
    this.taken += 1;
    this.stored += isStored ? 0 : send.contentSize;
    const { departures } = this.plan;
    departures.set(verdict.departAt, (departures.get(verdict.departAt) ?? 0) + 1);
    this.plan.lastAt = Math.max(this.plan.lastAt ?? 0, verdict.departAt);
    this.bindTo(verdict.reasons);
  }

  private note({ email, reasons }: Refused, times: number): void {
    this.bindTo(reasons);
    const codes = codesOf(reasons);
    const known = this.plan.blocked.find((one) => one.email === email && codesOf(one.reasons) === codes);
    if (known === undefined) this.plan.blocked.push({ email, count: times, reasons });
    else known.count += times;
  }

  private bindTo(reasons: readonly DecidedReason[]): void {
    const full = reasons.find(({ evidence }) => typeof evidence['limit_name'] === 'string');
    if (full !== undefined) this.plan.binding = String(full.evidence['limit_name']);
  }
}

function codesOf(reasons: readonly DecidedReason[]): string {
  return reasons.map(({ code }) => code).join();
}
