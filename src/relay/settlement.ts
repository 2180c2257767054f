/** What a delivery's result means for its recipient: the class of the reply, and when to try again. Pure. */
import { nextAttemptAt } from '../core/backoff.ts';
import type { Bounce } from '../core/bounce.ts';
import type { AttemptReport, Claimed, Settlement } from '../data/store.ts';
import { classify, type ReplyRules } from './classify.ts';
import type { DeliveryResult, RemoteReply } from './transports/transport.ts';

export type SettlementInput = {
  claimed: Pick<Claimed, 'recipient' | 'token' | 'attempt'>;
  /** Milliseconds on the recipient's clock. */
  now: number;
  provider: string;
  result: DeliveryResult;
  /** No claim is tried any further: what has surely not left goes back as if untried. */
  isStopping: boolean;
  rules: ReplyRules;
  /** From 0 (included) to 1 (excluded). */
  random01: number;
};

export function settlementOf(input: SettlementInput): Settlement {
  const { claimed, now, provider, result, isStopping, rules, random01 } = input;
  const { recipient, token, attempt: made } = claimed;
  const claim = { recipient, token };
  if (result.outcome === 'stopped' || (isStopping && result.outcome === 'not_taken')) {
    return { ...claim, attempt: null, outcome: 'released', at: now };
  }
  const report = (bounce: Bounce | null): AttemptReport => ({
    provider,
    mailbox: null,
    reply: replyText(result.reply),
    class: bounce?.class ?? null,
  });
  if (result.outcome === 'taken') {
    return { ...claim, attempt: report(null), outcome: result.isReported ? 'sent' : 'delivered' };
  }
  const again = (retry: Bounce['retry']): number =>
    nextAttemptAt({ attempt: made, retry: retry === 'none' ? 'normal' : retry, now, random01 });
  if (result.outcome === 'uncertain') {
    const nextAttemptAt = Math.max(again('normal'), now + (result.waitMs ?? 0));
    return { ...claim, attempt: report(null), outcome: 'uncertain', nextAttemptAt };
  }
  const bounce = classify(result.reply, result.stage, rules);
  if (result.outcome !== 'refused' || bounce.retry !== 'none') {
    return { ...claim, attempt: report(bounce), outcome: 'deferred', nextAttemptAt: again(bounce.retry) };
  }
  // Without a code nobody refused it: the next hop lacks what the message needs. What a domain's records say, it says itself.
  if (result.reply.code === null && result.stage !== 'lookup')
    return { ...claim, attempt: report(bounce), outcome: 'failed' };
  const { hard, suppress } = bounce;
  return { ...claim, attempt: report(bounce), outcome: 'bounced', hard, suppress };
}

/** The reply as one line: "550 5.1.1 No such user". */
export function replyText({ code, enhanced, text }: RemoteReply): string {
  return [code, enhanced, text].filter((part) => part !== null && part !== '').join(' ');
}
