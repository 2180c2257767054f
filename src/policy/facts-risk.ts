/**
 * The account's risk as a section of the facts: the score that this send brings it to. Signals stand in it from the warning level
 * on; below they would say nothing that anybody is told. Null where the policy has the score off, or no score is kept.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';
import type { Policy } from './document.ts';
import type { ContactState } from './ledger.ts';
import type { LedgerView } from './ledger-view.ts';
import { NO_FEATURES } from './risk/features.ts';
import type { RiskRecipient, RiskSend } from './risk/glance.ts';
import { RISK_LEVELS, type RiskFacts, type RiskSignal, riskFacts, TRENDS } from './risk/score.ts';
import { SIGNALS, signalAt } from './risk/signals.ts';
import type { Send, SendRecipient } from './send.ts';

export type { RiskFacts } from './risk/score.ts';

/** The risk of one more send to this recipient. */
export function lookRisk(
  view: LedgerView,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  contact: ContactState,
  isFirst: boolean,
  now: number,
): RiskFacts | null {
  const state = view.risk;
  if (state === null) return null;
  return riskFacts({
    state,
    send: riskSend(send, isFirst),
    recipient: riskRecipient(recipient, contact),
    repliesVisible: view.areRepliesVisible,
    policy,
    now,
  });
}

/** What the risk score needs of a send. */
export function riskSend(send: Send, isFirst: boolean): RiskSend {
  return { content: send.content ?? NO_FEATURES, isMarketing: send.kind === 'marketing', isFirst };
}

/** What it needs of a recipient, before this send counts for the contact. */
export function riskRecipient(recipient: SendRecipient, contact: ContactState): RiskRecipient {
  return {
    key: recipient.key,
    isKnown: contact.recipient !== null || contact.lastReplyAt !== null,
    hasConsent: contact.marks?.consent?.marketing === 'opted_in',
    hasReplied: contact.lastReplyAt !== null,
  };
}

export function packRiskFacts(w: PackWriter, facts: RiskFacts | null): void {
  w.byte(facts === null ? 0 : facts.repliesVisible ? 2 : 1);
  if (facts === null) return;
  w.uint(facts.score);
  w.uint(facts.warnAt);
  w.uint(facts.threshold);
  w.byte(RISK_LEVELS.indexOf(facts.level));
  w.uint(facts.signals.length);
  for (const { name, value, weight, threshold, trend, contribution } of facts.signals) {
    w.byte((signalAt(name) << 2) | TRENDS.indexOf(trend));
    w.uint(value);
    w.int(Math.round(weight * 1000));
    w.uint(Math.round(threshold * 1000));
    w.int(contribution);
  }
}

export function unpackRiskFacts(r: PackReader): RiskFacts | null {
  const kind = r.byte();
  if (kind === 0) return null;
  const score = r.uint();
  const warnAt = r.uint();
  const threshold = r.uint();
  const level = RISK_LEVELS[r.byte()]!;
  const signals: RiskSignal[] = [];
  for (let n = r.uint(); n > 0; n -= 1) {
    const byte = r.byte();
    const { name, window } = SIGNALS[byte >> 2]!;
    const value = r.uint();
    const weight = r.int() / 1000;
    const from = r.uint() / 1000;
    signals.push({ name, value, weight, threshold: from, window, trend: TRENDS[byte & 3]!, contribution: r.int() });
  }
  return { score, level, warnAt, threshold, repliesVisible: kind === 2, signals };
}
