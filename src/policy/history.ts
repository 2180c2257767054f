/**
 * Stored sends decided again under another policy, one after another. What a limit counts follows from the verdicts given here:
 * a send that the other policy refuses takes no place, and one that it lets through takes its own. All else (standing,
 * suppressions, consent, leases, …) is as it was when the send was decided: it stands in the stored facts.
 *
 * Pure. Memory is that of the counters; recipients are remembered only where something later moves or ends them unsent.
 */
import { precedence, type ReasonCode } from '../core/reasons.ts';
import { SignCounters } from './counters.ts';
import { decide } from './decide.ts';
import type { Policy } from './document.ts';
import type { Facts } from './facts.ts';
import { lookBudget } from './facts-budget.ts';
import type { ContactFacts } from './facts-contact.ts';
import { isQuarantined } from './facts-quarantine.ts';
import { lookWarmup } from './facts-warmup.ts';
import {
  applyChange,
  type Change,
  type Counted,
  countDeparture,
  countRates,
  countSignal,
  giveBack,
  seriesIn,
} from './ledger.ts';
import { ENGINE } from './look.ts';
import { lookAtCounters } from './look-limits.ts';
import { PastRisk } from './past-risk.ts';
import { ratesFreeAt } from './place.ts';
import { adapted, adaptingIn } from './probation.ts';
import type { RiskLevel } from './risk/score.ts';
import type { Send, SendRecipient } from './send.ts';
import { countBetween, DAY_SECONDS } from './series.ts';
import type { Verdict } from './verdict.ts';

export type PastRecipient = {
  /** The same in later lines about it. */
  no: number;
  email: string;
  recipient: SendRecipient;
  /** Null where they are no longer kept: it counts as it was decided. */
  facts: Facts | null;
  verdict: Verdict;
  /** Later lines move it or end it unsent. */
  isRemembered: boolean;
};

export type PastSend = { kind: 'send'; id: string; at: number; send: Send; recipients: PastRecipient[] };

/** What happened to a space, in order. Times are milliseconds. */
export type PastLine =
  | PastSend
  /** It leaves at another time than it was decided on: it was given a new one, or a hold was released. */
  | { kind: 'placed'; at: number; no: number; departAt: number }
  /** It ended without leaving. */
  | { kind: 'unsent'; at: number; no: number }
  /** A reply that resets what is counted for a person. */
  | { kind: 'reply'; at: number; key: string }
  /** A bad sign, which counts in budgets. */
  | { kind: 'sign'; at: number; sign: 'bounce' | 'complaint' | 'unsubscribe' }
  /** The account was released from quarantine. */
  | { kind: 'released'; at: number };

export type Outcome = { verdict: Verdict['verdict']; reasons: string[]; warnings: string[] };

/** One send as it was decided, and as the other policy decides it. */
export type DecidedAgain = {
  id: string;
  at: number;
  recipients: { email: string; was: Outcome; now: Outcome }[];
  /** In points; null where no score is kept. */
  risk: { score: number; level: RiskLevel } | null;
};

type Remembered = {
  send: Send;
  recipient: SendRecipient;
  policy: Policy;
  /** When it leaves under the other policy; null where that has refused or held it. */
  departAt: number | null;
  isRefused: boolean;
  /** The first of its message, which gives back and takes the message's own unit. */
  isFirst: boolean;
  /** Shared by the recipients of its message. */
  counted: Counted;
  waiting: Waiting | null;
};

/** A recipient that waits for its time, at which it takes its place in the rates. */
type Waiting = { at: number; send: Send; recipient: SendRecipient; policy: Policy };

export class HistoryFold {
  private readonly policy: Policy;
  private readonly counters = new SignCounters();
  private readonly remembered = new Map<number, Remembered>();
  /** In order of time. */
  private readonly waiting: Waiting[] = [];
  private readonly risk: PastRisk | null;

  /** `inForce`: by whose levels the stored scores were judged; where they are the same, what followed from them stands. */
  constructor(policy: Policy, inForce: Policy) {
    this.policy = policy;
    const isSame = JSON.stringify(policy.document.quarantine) === JSON.stringify(inForce.document.quarantine);
    this.risk = isSame ? null : new PastRisk(policy);
  }

  /** Takes a line as it happened: what lies before the time that is looked at. */
  warmUp(line: PastLine): void {
    this.advance(line.at);
    if (line.kind !== 'send') {
      this.follow(line);
      return;
    }
    const counted: Counted = new Map();
    for (const past of line.recipients) this.count(line, past, past.verdict, counted);
  }

  /** Decides a send again; null for lines of other kinds. */
  fold(line: PastLine): DecidedAgain | null {
    this.advance(line.at);
    if (line.kind !== 'send') {
      this.follow(line);
      return null;
    }
    const counted: Counted = new Map();
    let risk: DecidedAgain['risk'] = null;
    let isFirst = true;
    const recipients = line.recipients.map((past) => {
      const { verdict, facts } = this.decideAgain(line, past, counted);
      this.count(line, past, verdict, counted);
      if (facts !== null) risk = riskOf(facts) ?? risk;
      if (verdict.verdict !== 'block') {
        if (facts !== null) this.risk?.accepted(facts, isFirst);
        isFirst = false;
      }
      return { email: past.email, was: outcomeOf(past.verdict), now: outcomeOf(verdict) };
    });
    return { id: line.id, at: line.at, recipients, risk };
  }

  private decideAgain(
    { send }: PastSend,
    past: PastRecipient,
    counted: Counted,
  ): { verdict: Verdict; facts: Facts | null } {
    if (past.facts === null) return { verdict: past.verdict, facts: null };
    const asked = askedBy(send, past.facts);
    const facts = this.factsFor(asked, past.recipient, past.facts, counted);
    return { verdict: decide(asked, past.recipient, facts, this.policy), facts };
  }

  /** The stored facts, but for those that follow from what was counted. */
  private factsFor(send: Send, recipient: SendRecipient, stored: Facts, counted: Counted): Facts {
    const { counters: view, policy } = this;
    const { now, departAt } = stored;
    this.recallWarmup(send, stored);
    const warmup = lookWarmup(view, policy, send, recipient, departAt);
    const judged = this.risk?.factsFor(stored);
    const own = adapted(policy, adaptingIn({ ...stored, ...judged, warmup }));
    return {
      ...stored,
      ...judged,
      engine: ENGINE,
      warmup,
      budget: lookBudget(view, own, send, departAt),
      contact: policy.countsSilence ? this.silence(recipient, stored) : stored.contact,
      ...lookAtCounters({ view, send, recipient, now, counted }, own),
    };
  }

  /** A warm-up began where the facts say, however far back the history goes. */
  private recallWarmup(send: Send, { warmup, departAt }: Facts): void {
    const { identity, tenant } = send.scopes;
    if (warmup === null || this.policy.warmup === null) return;
    const { scope } = this.policy.warmup;
    const id = scope === 'identity' ? identity : tenant;
    if (id === null) return;
    const state = this.counters.scope(scope, id);
    state.firstAt ??= (Math.floor(departAt / 1000 / DAY_SECONDS) - (warmup.day - 1)) * DAY_SECONDS;
  }

  private silence({ key }: SendRecipient, { contact, departAt }: Facts): ContactFacts {
    const known = this.counters.contact(key);
    const told = contact ?? NOTHING_KNOWN;
    const lastEngagedAt = latest(told.lastEngagedAt, known.lastReplyAt);
    const since = lastEngagedAt === null ? 0 : Math.floor(lastEngagedAt / 1000);
    const unanswered = countBetween(seriesIn(known, 'recipient'), since, Math.floor(departAt / 1000));
    return { ...told, lastEngagedAt, unanswered };
  }

  private count(line: PastSend, past: PastRecipient, verdict: Verdict, counted: Counted): void {
    const { recipient, facts } = past;
    const leaves = verdict.verdict === 'accept' || verdict.verdict === 'schedule';
    const policy = facts === null ? this.policy : adapted(this.policy, adaptingIn(facts));
    const now = facts?.now ?? line.at;
    const { counters } = this;
    if (leaves) {
      const changes = countDeparture(counters, policy, line.send, recipient, verdict.departAt, now, counted);
      this.apply(changes, Math.floor(now / 1000));
    }
    const waits = leaves && verdict.departAt > now;
    const waiting = waits ? this.wait({ at: verdict.departAt, send: line.send, recipient, policy }) : null;
    if (!past.isRemembered) return;
    const departAt = leaves ? verdict.departAt : null;
    const isRefused = verdict.verdict === 'block';
    const isFirst = past === line.recipients[0];
    this.remembered.set(past.no, {
      send: line.send,
      recipient,
      policy,
      departAt,
      isRefused,
      isFirst,
      counted,
      waiting,
    });
  }

  private follow(line: Exclude<PastLine, PastSend>): void {
    if (line.kind === 'reply') {
      const contact = this.counters.contact(line.key);
      contact.lastReplyAt = Math.max(contact.lastReplyAt ?? 0, line.at);
    } else if (line.kind === 'sign') {
      const changes = countSignal((signal) => this.counters.signalState(signal), this.policy, line.sign, line.at);
      this.apply(changes, Math.floor(line.at / 1000));
    } else if (line.kind === 'released') this.risk?.released();
    else this.move(line);
  }

  private move(line: Extract<PastLine, { no: number }>): void {
    const known = this.remembered.get(line.no);
    if (known === undefined || known.isRefused) return;
    const { send, recipient, policy, departAt, isFirst, counted } = known;
    const second = Math.floor(line.at / 1000);
    if (departAt !== null) this.apply(giveBack(this.counters, policy, send, recipient, departAt, isFirst), second);
    if (isFirst) counted.clear();
    if (known.waiting !== null) this.leave(known.waiting);
    if (line.kind === 'unsent') {
      this.remembered.delete(line.no);
      return;
    }
    const again = countDeparture(this.counters, policy, send, recipient, line.departAt, line.at, counted);
    this.apply(again, second);
    known.departAt = line.departAt;
    known.waiting = line.departAt > line.at ? this.wait({ at: line.departAt, send, recipient, policy }) : null;
  }

  /** What has come due by now leaves: rates let it through, or make it wait on. */
  private advance(now: number): void {
    this.counters.settle();
    for (let due = this.waiting[0]; due !== undefined && due.at <= now; due = this.waiting[0]) {
      this.waiting.shift();
      const { at, send, recipient, policy } = due;
      const plain = { ...send, sendAt: null };
      const freeAt = ratesFreeAt(this.counters, policy, plain, recipient, at);
      if (freeAt > at) {
        due.at = freeAt;
        this.wait(due);
      } else this.apply(countRates(this.counters, policy, plain, recipient, at, new Map()), Math.floor(at / 1000));
    }
  }

  private wait(one: Waiting): Waiting | null {
    if (this.policy.rates.length === 0) return null;
    let low = 0;
    let high = this.waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.waiting[middle]!.at <= one.at) low = middle + 1;
      else high = middle;
    }
    this.waiting.splice(low, 0, one);
    return one;
  }

  private leave(one: Waiting): void {
    const at = this.waiting.indexOf(one);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  private apply(changes: readonly Change[], second: number): void {
    for (const change of changes) applyChange(change, second);
  }
}

const NOTHING_KNOWN: ContactFacts = {
  consent: 'none',
  consentSince: null,
  opportunity: null,
  takenOver: null,
  role: null,
  isDisposable: false,
  suggestion: null,
  unanswered: 0,
  lastEngagedAt: null,
  areRepliesVisible: false,
};

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

/** The send as it was asked for: a later change of its time stands in the message, the first one in the facts. */
function askedBy(send: Send, facts: Facts): Send {
  return { ...send, sendAt: facts.departAt > facts.now ? facts.departAt : null };
}

/** Each code once: an address may be suppressed for two reasons. */
function outcomeOf({ verdict, reasons, warnings }: Verdict): Outcome {
  const codesOf = (all: readonly { code: string }[]): string[] => [...new Set(all.map(({ code }) => code))];
  return { verdict, reasons: codesOf(reasons), warnings: codesOf(warnings) };
}

function riskOf({ risk, quarantine }: Facts): DecidedAgain['risk'] {
  if (risk === null) return null;
  return { score: Math.floor(risk.score / 1000), level: isQuarantined(quarantine) ? 'quarantined' : risk.level };
}

export function isChanged(was: Outcome, now: Outcome): boolean {
  return was.verdict !== now.verdict || was.reasons.join() !== now.reasons.join();
}

/** What comes of a whole send: the one verdict that all have, or `partial`, with every code that any has. */
export function joined(outcomes: readonly Outcome[]): Omit<Outcome, 'verdict'> & { verdict: string } {
  const [first] = outcomes;
  if (outcomes.length === 1) return first!;
  const reasons = [...new Set(outcomes.flatMap((one) => one.reasons))];
  reasons.sort((a, b) => precedence(a as ReasonCode) - precedence(b as ReasonCode));
  return {
    verdict: outcomes.every(({ verdict }) => verdict === first?.verdict) ? (first?.verdict ?? 'accept') : 'partial',
    reasons,
    warnings: [...new Set(outcomes.flatMap((one) => one.warnings))],
  };
}
