/** An account that sends, as the stores let it: looked at, counted, and put into quarantine when that is due. */
import type { Policy } from '../../../src/policy/document.ts';
import { featuresOf } from '../../../src/policy/risk/features.ts';
import type { RiskRecipient } from '../../../src/policy/risk/glance.ts';
import { observeAccepted, type RiskStep } from '../../../src/policy/risk/observe.ts';
import { type RiskFacts, riskFacts } from '../../../src/policy/risk/score.ts';
import type { RiskState } from '../../../src/policy/risk/state.ts';
import { policyOf } from '../deciding.ts';

export const POLICY = policyOf();
export const MINUTE = 60_000;

export function contentOf(text: string, subject = 'Hello', from = 'office@acme.example') {
  return featuresOf({
    from: { email: from, name: null },
    replyTo: [],
    subject,
    text,
    html: null,
    inReplyTo: null,
    attachments: [],
  });
}

export type Sent = { to: string; text: string; at: number; known?: Partial<RiskRecipient>; isFirst?: boolean };

/** One accepted send: the facts it is decided on, and what follows for the account. */
export function sendOne(
  state: RiskState,
  { to, text, at, known = {}, isFirst = true }: Sent,
  { repliesVisible = true, policy = POLICY }: { repliesVisible?: boolean; policy?: Policy } = {},
): { facts: RiskFacts; step: RiskStep } {
  const send = { content: contentOf(text), isMarketing: false, isFirst };
  const recipient = { key: to, isKnown: false, hasConsent: false, hasReplied: false, ...known };
  const facts = riskFacts({ state, send, recipient, repliesVisible, policy, now: at });
  if (facts === null) throw new Error('the policy has the score off');
  return { facts, step: observeAccepted(state, send, recipient, facts, at) };
}
