/**
 * Traffic folded over a ledger in memory: what the live path would have answered, line by line, with the same pure functions. For
 * backtests, and for measuring how well the risk score judges.
 *
 * Invariants: the same lines and policies give the same results; lines come in order of time. An account is new on its first
 * line, its replies can be seen, and every accepted recipient leaves at once or at its slot. Absent on purpose: reading files
 * (lines come parsed), and what only a queue knows: attempts, holds that a person releases.
 */
import { addDuration, parseDuration } from '../core/duration.ts';
import type { MessageKind } from '../core/message.ts';
import { isBadSign, isBounceClass, suppressionFor } from '../core/returns.ts';
import type { AccountFacts, IdentityState } from './account.ts';
import { ColdStates } from './cold-states.ts';
import { SignCounters } from './counters.ts';
import { decide } from './decide.ts';
import type { Policy } from './document.ts';
import type { Facts } from './facts.ts';
import { type QuarantineStanding, quarantineFacts } from './facts-quarantine.ts';
import { riskRecipient, riskSend } from './facts-risk.ts';
import { applyChange, type ContactState, type Counted, countDeparture, countSignal } from './ledger.ts';
import type { LedgerView } from './ledger-view.ts';
import { look } from './look.ts';
import { adapted, adaptingIn } from './probation.ts';
import { type ContentFeatures, featuresOf } from './risk/features.ts';
import { domainOf } from './risk/hash.ts';
import { observeAccepted, observeRefused, observeReleased, observeReturn } from './risk/observe.ts';
import type { RiskFacts, RiskLevel } from './risk/score.ts';
import { newRisk, type RiskState } from './risk/state.ts';
import type { Send, SendRecipient } from './send.ts';
import type { Verdict } from './verdict.ts';

/** One line of traffic. Addresses are keys (`Address.key`), times milliseconds. */
export type TrafficLine = TrafficSend | TrafficReturn;

export type TrafficSend = {
  kind: 'send';
  at: number;
  id: string;
  tenant: string;
  from: string;
  to: readonly string[];
  subject: string;
  text: string;
  kindOfMail: MessageKind;
  identity: string | null;
  agent: string | null;
  /** What the risk score sees of its content, where that is known already. */
  content?: ContentFeatures;
};

export type TrafficReturn = {
  kind: 'reply' | 'bounce' | 'complaint' | 'unsubscribe' | 'consent';
  at: number;
  tenant: string;
  from: string;
  class: string | null;
};

export type ReplayResult = {
  id: string;
  at: number;
  tenant: string;
  verdict: Verdict['verdict'];
  /** Codes; of several recipients the union, the primary reason first. */
  reasons: string[];
  warnings: string[];
  /** In points. */
  risk: { score: number; level: RiskLevel };
};

export type Replay = {
  /** Folds one line; a send answers with its result. */
  fold(line: TrafficLine): ReplayResult | null;
};

export function newReplay(policyOf: (tenant: string) => Policy): Replay {
  const accounts = new Map<string, Account>();
  const cold = new ColdStates();
  return {
    fold(line) {
      let account = accounts.get(line.tenant);
      if (account === undefined) {
        account = new Account(cold, line.tenant, policyOf(line.tenant), line.at);
        accounts.set(line.tenant, account);
      }
      account.settle();
      if (line.kind === 'send') return account.send(line);
      account.take(line);
      return null;
    },
  };
}

const IN_GOOD_STANDING: Omit<AccountFacts, 'standingSince'> = {
  standing: 'active',
  standingBy: 'operator',
  trialEndsAt: null,
  credits: null,
  storageUsed: 0,
  storageLimit: null,
  storageFreesAt: null,
};

class Account extends SignCounters implements LedgerView {
  readonly account: AccountFacts;
  identityState: IdentityState | null = null;
  identityHandle: string | null = null;
  readonly identityCap = null;
  readonly areRepliesVisible = true;
  readonly risk: RiskState;
  quarantine: QuarantineStanding = null;
  private readonly tenant: string;
  private readonly policy: Policy;

  constructor(cold: ColdStates, tenant: string, policy: Policy, since: number) {
    super(cold, tenant);
    this.tenant = tenant;
    this.policy = policy;
    this.account = { ...IN_GOOD_STANDING, standingSince: since };
    this.risk = newRisk('new', since);
  }

  lease(): null {
    return null;
  }

  send(line: TrafficSend): ReplayResult {
    const now = line.at;
    this.endQuarantine(now);
    this.identityState = line.identity === null ? null : 'active';
    this.identityHandle = line.identity;
    const send = this.sendOf(line);
    const counted: Counted = new Map();
    const isStopped = this.quarantine !== null;
    const verdicts: Verdict[] = [];
    let risk: RiskFacts | null = null;
    let isFirst = true;
    let entered = false;
    for (const key of new Set(line.to)) {
      const recipient: SendRecipient = { key, domain: domainOf(key), undeliverable: null, simulated: null };
      const facts = look({ view: this, policy: this.policy, send, recipient, now, counted, duplicate: null, isFirst });
      const verdict = decide(send, recipient, facts, this.policy);
      verdicts.push(verdict);
      risk = facts.risk ?? risk;
      if (verdict.verdict === 'block') {
        observeRefused(this.risk, recipient, now);
        continue;
      }
      const known = riskRecipient(recipient, this.contact(key));
      this.count(send, recipient, facts, verdict.departAt, counted);
      const step = observeAccepted(this.risk, riskSend(send, isFirst), known, facts.risk, now);
      entered ||= step.quarantine;
      isFirst = false;
    }
    if (entered && this.policy.document.quarantine.mode === 'enforce') this.enterQuarantine(risk, now);
    return { id: line.id, at: now, tenant: this.tenant, ...summary(verdicts), risk: shown(risk, isStopped) };
  }

  take(line: TrafficReturn): void {
    const contact = this.contact(line.from);
    if (line.kind === 'consent') {
      const consent = { marketing: 'opted_in', since: line.at, source: 'recorded' } as const;
      contact.marks = { opportunity: null, threadTakenOver: null, consent };
      return;
    }
    // What was never written to cannot answer, bounce or complain.
    if (contact.recipient === null) return;
    observeReturn(this.risk, { kind: line.kind, class: line.class, key: line.from, isReported: false }, line.at);
    if (line.kind === 'reply') contact.lastReplyAt = line.at;
    // A bounce without a class proves nothing of the address: it counts for the account alone.
    const bounceClass = line.class !== null && isBounceClass(line.class) ? line.class : 'unknown';
    const reason = suppressionFor(line.kind, bounceClass);
    const isKnown = reason !== null && contact.suppressions.some((one) => one.reason === reason);
    if (isKnown) return;
    if (line.kind !== 'reply' && (line.kind !== 'bounce' || isBadSign(line.class))) this.countSign(line.kind, line.at);
    if (line.kind === 'unsubscribe') refuseMarketing(contact, line.at);
    if (reason !== null) contact.suppressions.push({ id: '', reason, domain: false, since: line.at, expiresAt: null });
  }

  private countSign(kind: 'bounce' | 'complaint' | 'unsubscribe', at: number): void {
    const changes = countSignal((signal) => this.signalState(signal), this.policy, kind, at);
    for (const change of changes) applyChange(change, Math.floor(at / 1000));
  }

  private sendOf(line: TrafficSend): Send {
    const content = line.content ?? contentOf(line);
    const { tenant } = this;
    const scopes = { tenant, app: tenant, installation: tenant, identity: line.identity, agent: line.agent };
    return { kind: line.kindOfMail, onLimit: 'reject', sendAt: null, scopes, contentSize: 0, content };
  }

  private count(send: Send, recipient: SendRecipient, facts: Facts, departAt: number, counted: Counted): void {
    const policy = adapted(this.policy, adaptingIn(facts));
    for (const change of countDeparture(this, policy, send, recipient, departAt, facts.now, counted)) {
      applyChange(change, Math.floor(facts.now / 1000));
    }
  }

  /** A quarantine ends by itself only where the policy sets a time: nobody reviews it here. */
  private endQuarantine(now: number): void {
    if (this.quarantine === null || quarantineFacts(this.quarantine, now) !== null) return;
    this.quarantine = null;
    observeReleased(this.risk, now);
  }

  private enterQuarantine(risk: RiskFacts | null, now: number): void {
    const after = parseDuration(this.policy.document.quarantine.release_after ?? '');
    this.quarantine = {
      state: 'active',
      since: now,
      byOperator: false,
      score: Math.floor((risk?.score ?? 0) / 1000),
      threshold: Math.floor((risk?.threshold ?? 0) / 1000),
      signals: [],
      releaseAt: after === null ? null : addDuration(now, after),
      note: '',
    };
  }
}

/** What the risk score sees of a line's content. */
export function contentOf(line: TrafficSend): ContentFeatures {
  return featuresOf({
    from: { email: line.from, name: null },
    replyTo: [],
    subject: line.subject,
    text: line.text,
    html: null,
    inReplyTo: null,
    attachments: [],
  });
}

function refuseMarketing(contact: ContactState, since: number): void {
  const marks = contact.marks ?? { opportunity: null, threadTakenOver: null, consent: null };
  contact.marks = { ...marks, consent: { marketing: 'refused', since, source: 'unsubscribe' } };
}

const ORDER: readonly Verdict['verdict'][] = ['accept', 'schedule', 'hold', 'block'];

/** One verdict for the message: the mildest of its recipients', and every code once. */
function summary(verdicts: readonly Verdict[]): Pick<ReplayResult, 'verdict' | 'reasons' | 'warnings'> {
  const verdict = ORDER.find((one) => verdicts.some((other) => other.verdict === one)) ?? 'block';
  return {
    verdict,
    reasons: [...new Set(verdicts.flatMap(({ reasons }) => reasons.map(({ code }) => code)))],
    warnings: [...new Set(verdicts.flatMap(({ warnings }) => warnings.map(({ code }) => code)))],
  };
}

function shown(risk: RiskFacts | null, isQuarantined: boolean): ReplayResult['risk'] {
  const level = isQuarantined ? 'quarantined' : (risk?.level ?? 'normal');
  return { score: Math.floor((risk?.score ?? 0) / 1000), level };
}
