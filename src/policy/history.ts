/**
 * Stored sends decided again under another policy, one after another. What a limit counts follows from the verdicts given here:
 * a send that the other policy refuses takes no place, and one that it lets through takes its own. All else (standing,
 * suppressions, consent, leases, …) is as it was when the send was decided: it stands in the stored facts.
 *
 * Pure. Memory is that of the counters; recipients are remembered only where something later moves or ends them unsent.
 */
import { precedence, type ReasonCode } from '../core/reasons.ts';
import { MemoryCounters } from './counters.ts';
import { decide } from './decide.ts';
import { type Policy, withIdentityCap } from './document.ts';
import type { Facts } from './facts.ts';
import { applyChange, type Change, type Counted, countDeparture, giveBack } from './ledger.ts';
import { ENGINE, lookAtCounters } from './look.ts';
import type { Send, SendRecipient } from './send.ts';
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
  | { kind: 'reply'; at: number; key: string };

export type Outcome = { verdict: Verdict['verdict']; reasons: string[]; warnings: string[] };

/** One send as it was decided, and as the other policy decides it. */
export type DecidedAgain = {
  id: string;
  at: number;
  recipients: { email: string; was: Outcome; now: Outcome }[];
};

type Remembered = {
  send: Send;
  recipient: SendRecipient;
  policy: Policy;
  /** When it leaves under the other policy; null where that has refused or held it. */
  departAt: number | null;
  isRefused: boolean;
};

export class HistoryFold {
  private readonly policy: Policy;
  private readonly counters = new MemoryCounters();
  private readonly remembered = new Map<number, Remembered>();

  constructor(policy: Policy) {
    this.policy = policy;
  }

  /** Takes a line as it happened: what lies before the time that is looked at. */
  warmUp(line: PastLine): void {
    if (line.kind !== 'send') {
      this.follow(line);
      return;
    }
    const counted: Counted = new Map();
    for (const past of line.recipients) this.count(line, past, past.verdict, counted);
  }

  /** Decides a send again; null for lines of other kinds. */
  fold(line: PastLine): DecidedAgain | null {
    if (line.kind !== 'send') {
      this.follow(line);
      return null;
    }
    const counted: Counted = new Map();
    const recipients = line.recipients.map((past) => {
      const verdict = this.decideAgain(line, past, counted);
      this.count(line, past, verdict, counted);
      return { email: past.email, was: outcomeOf(past.verdict), now: outcomeOf(verdict) };
    });
    return { id: line.id, at: line.at, recipients };
  }

  private decideAgain({ send }: PastSend, { recipient, facts, verdict }: PastRecipient, counted: Counted): Verdict {
    if (facts === null) return verdict;
    const { now, identityCap } = facts;
    const policy = withIdentityCap(this.policy, identityCap);
    const asked = askedBy(send, facts);
    const counts = lookAtCounters({ view: this.counters, send: asked, recipient, now, counted }, policy);
    return decide(asked, recipient, { ...facts, engine: ENGINE, ...counts }, this.policy);
  }

  private count(line: PastSend, past: PastRecipient, verdict: Verdict, counted: Counted): void {
    const { recipient, facts } = past;
    const leaves = verdict.verdict === 'accept' || verdict.verdict === 'schedule';
    const policy = withIdentityCap(this.policy, facts?.identityCap ?? null);
    const now = facts?.now ?? line.at;
    if (leaves) {
      this.apply(
        countDeparture(this.counters, policy, line.send, recipient, verdict.departAt, now, counted),
        Math.floor(now / 1000),
      );
    }
    if (!past.isRemembered) return;
    const departAt = leaves ? verdict.departAt : null;
    const isRefused = verdict.verdict === 'block';
    this.remembered.set(past.no, { send: line.send, recipient, policy, departAt, isRefused });
  }

  private follow(line: Exclude<PastLine, PastSend>): void {
    if (line.kind === 'reply') {
      const contact = this.counters.contact(line.key);
      contact.lastReplyAt = Math.max(contact.lastReplyAt ?? 0, line.at);
      return;
    }
    const known = this.remembered.get(line.no);
    if (known === undefined || known.isRefused) return;
    const { send, recipient, policy, departAt } = known;
    const second = Math.floor(line.at / 1000);
    if (departAt !== null) this.apply(giveBack(this.counters, policy, send, recipient, departAt, true), second);
    if (line.kind === 'unsent') {
      this.remembered.delete(line.no);
      return;
    }
    const again = countDeparture(this.counters, policy, send, recipient, line.departAt, line.at, new Map());
    this.apply(again, second);
    known.departAt = line.departAt;
  }

  private apply(changes: readonly Change[], second: number): void {
    for (const change of changes) applyChange(change, second);
  }
}

/** The send as it was asked for: a later change of its time stands in the message, the first one in the facts. */
function askedBy(send: Send, facts: Facts): Send {
  return { ...send, sendAt: facts.departAt > facts.now ? facts.departAt : null };
}

function outcomeOf({ verdict, reasons, warnings }: Verdict): Outcome {
  return { verdict, reasons: reasons.map(({ code }) => code), warnings: warnings.map(({ code }) => code) };
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
