/** What tests of decisions start from: a send, a recipient, facts and a policy in which nothing is in the way. */
import { GOOD_STANDING, type PlainLedger } from '../../bench/rig/plain-ledger.ts';
import { explainReason, explainWarning } from '../../src/core/explain.ts';
import { REASONS, type ReasonCode, WARNINGS, type WarningCode } from '../../src/core/reasons.ts';
import type { AccountFacts } from '../../src/policy/account.ts';
import { decide } from '../../src/policy/decide.ts';
import {
  compilePolicy,
  type EffectiveDocument,
  type LimitDocument,
  POLICY_DEFAULTS,
  type Policy,
} from '../../src/policy/document.ts';
import type { Facts, LimitFact } from '../../src/policy/facts.ts';
import type { ContactFacts } from '../../src/policy/facts-contact.ts';
import { applyChange, type Counted, countDeparture } from '../../src/policy/ledger.ts';
import { ENGINE, look } from '../../src/policy/look.ts';
import { adapted, adaptingIn } from '../../src/policy/probation.ts';
import type { Rule } from '../../src/policy/rules/rule.ts';
import type { Send, SendRecipient } from '../../src/policy/send.ts';
import type { Finding, Verdict } from '../../src/policy/verdict.ts';

/** 2026-04-27T08:12:00Z. */
export const NOW = Date.UTC(2026, 3, 27, 8, 12);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export function sendOf(changes: Partial<Omit<Send, 'scopes'>> & { scopes?: Partial<Send['scopes']> } = {}): Send {
  return {
    kind: 'transactional',
    onLimit: 'reject',
    sendAt: null,
    contentSize: 2000,
    ...changes,
    scopes: { tenant: 'ten_1', app: 'app_1', installation: 'ins_1', identity: 'idn_1', agent: null, ...changes.scopes },
  };
}

export function recipientOf(key = 'bob@example.com', changes: Partial<SendRecipient> = {}): SendRecipient {
  return { key, domain: key.slice(key.lastIndexOf('@') + 1), undeliverable: null, simulated: null, ...changes };
}

export function factsOf(changes: Partial<Omit<Facts, 'account'>> & { account?: Partial<AccountFacts> } = {}): Facts {
  return {
    engine: ENGINE,
    now: NOW,
    departAt: NOW,
    identityState: 'active',
    identityHandle: 'alice',
    identityCap: null,
    contentSize: 2000,
    doNotContactSince: null,
    suppressions: [],
    lastSentAt: null,
    duplicate: null,
    undeliverable: null,
    simulated: null,
    limits: [],
    place: null,
    contact: null,
    lease: null,
    budget: null,
    warmup: null,
    risk: null,
    quarantine: null,
    approval: null,
    content: null,
    template: null,
    pool: null,
    sender: null,
    ...changes,
    account: { ...GOOD_STANDING, ...changes.account },
  };
}

/** The section of a contact of whom nothing is known. */
export function contactFacts(changes: Partial<ContactFacts>): ContactFacts {
  return {
    consent: 'none',
    consentSince: null,
    opportunity: null,
    takenOver: null,
    role: null,
    isDisposable: false,
    suggestion: null,
    unanswered: 0,
    lastEngagedAt: null,
    areRepliesVisible: true,
    ...changes,
  };
}

export const FREE: LimitFact = { used: 0, resetsAt: null, freeAt: 0, units: 1 };

export function policyOf(limits: LimitDocument[] = [], more: Partial<EffectiveDocument> = {}): Policy {
  return compilePolicy(1, { ...(POLICY_DEFAULTS as EffectiveDocument), limits, ...more });
}

/** What one rule finds. */
export function findings(rule: Rule, facts: Facts, policy: Policy = policyOf(), send: Send = sendOf()): Finding[] {
  return [...rule(send, recipientOf(), facts, policy)];
}

const OPTIONS = { docsBase: 'http://127.0.0.1:8480/docs/reasons/' };

/** The sentence that a finding's evidence makes of the catalogue's text. */
export function told(finding: Finding): string {
  return finding.outcome === 'warn'
    ? explainWarning({ code: finding.code, scope: finding.scope, evidence: finding.evidence }, OPTIONS).detail
    : explainReason(finding, OPTIONS).detail;
}

/** Fields of evidence that the catalogue does not know of. */
export function unknownEvidence(code: ReasonCode | WarningCode, evidence: object): string[] {
  const entry: { evidence: object } = code in REASONS ? REASONS[code as ReasonCode] : WARNINGS[code as WarningCode];
  return Object.keys(evidence).filter((field) => !(field in entry.evidence));
}

export type Sent = { facts: Facts; verdict: Verdict };

/** Decides one recipient on a ledger and counts it where it is accepted, as a store does. */
export function sendOn(
  ledger: PlainLedger,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  now: number,
  counted: Counted = new Map(),
): Sent {
  const facts = look({ view: ledger, policy, send, recipient, now, counted, duplicate: null });
  const verdict = decide(send, recipient, facts, policy);
  if (verdict.verdict !== 'block') {
    const whole = adapted(policy, adaptingIn(facts));
    for (const change of countDeparture(ledger, whole, send, recipient, verdict.departAt, now, counted)) {
      applyChange(change, Math.floor(now / 1000));
    }
  }
  return { facts, verdict };
}
