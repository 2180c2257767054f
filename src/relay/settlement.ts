/** What a delivery's result means for its recipient: the class of the reply, and when to try again. Pure. */
import { nextAttemptAt } from '../core/backoff.ts';
import type { Bounce } from '../core/bounce.ts';
import type { AttemptReport, Claimed, Settlement } from '../data/store.ts';
import type { Judgement } from './judgement.ts';
import type { DeliveryResult, RemoteReply } from './transports/transport.ts';
import type { Way } from './ways.ts';

export type SettlementInput = {
  claimed: Pick<Claimed, 'recipient' | 'token' | 'attempt'>;
  /** Milliseconds on the recipient's clock. */
  now: number;
  /** The way it took, as attempts name it. */
  way: Pick<Way, 'provider' | 'mailbox' | 'why'>;
  result: DeliveryResult;
  /** Of a definite "no"; null for every other result. */
  judgement: Judgement | null;
  /** No claim is tried any further: what has surely not left goes back as if untried. */
  isStopping: boolean;
  /** From 0 (included) to 1 (excluded). */
  random01: number;
};

export function settlementOf(input: SettlementInput): Settlement {
  const { claimed, now, way, result, judgement, isStopping, random01 } = input;
  const { recipient, token, attempt: made } = claimed;
  const claim = { recipient, token };
  if (result.outcome === 'stopped' || (isStopping && result.outcome === 'not_taken')) {
    return { ...claim, attempt: null, outcome: 'released', at: now };
  }
  const report = (bounce: Bounce | null): AttemptReport =>
    attemptReport(way, replyText(result.reply), bounce?.class ?? null);
  if (result.outcome === 'taken') {
    return { ...claim, attempt: report(null), outcome: result.isReported ? 'sent' : 'delivered' };
  }
  const again = (retry: Bounce['retry']): number =>
    nextAttemptAt({ attempt: made, retry: retry === 'none' ? 'normal' : retry, now, random01 });
  if (result.outcome === 'uncertain') {
    const nextAttemptAt = Math.max(again('normal'), now + (result.waitMs ?? 0));
    return { ...claim, attempt: report(null), outcome: 'uncertain', nextAttemptAt };
  }
  const { bounce, blame } = judgement!;
  const end = endOf(result, bounce);
  const isTheWays = blame === 'peer' || blame === 'account' || blame === 'fit';
  if (isTheWays) {
    const attempt = report(bounce);
    return { ...claim, attempt, outcome: 'elsewhere', nextAttemptAt: again(bounce.retry), otherwise: end };
  }
  if (end === 'deferred') {
    return { ...claim, attempt: report(bounce), outcome: end, nextAttemptAt: again(bounce.retry) };
  }
  if (end === 'failed') return { ...claim, attempt: report(bounce), outcome: end };
  const { hard, suppress } = bounce;
  return { ...claim, attempt: report(bounce), outcome: end, hard, suppress };
}

/** An attempt as its event tells of it. */
export function attemptReport(
  { provider, mailbox, why }: Pick<Way, 'provider' | 'mailbox' | 'why'>,
  reply: string,
  bounceClass: string | null,
): AttemptReport {
  return { provider, mailbox, reply, class: bounceClass, ...(why === null ? {} : { why }) };
}

/** What a "no" comes to where there is no other way. */
function endOf(
  { outcome, reply, stage }: Extract<DeliveryResult, { stage: unknown }>,
  { retry }: Bounce,
): 'deferred' | 'failed' | 'bounced' {
  if (outcome !== 'refused' || retry !== 'none') return 'deferred';
  // Without a code nobody refused it: the next hop lacks what the message needs. What a domain's records say, it says itself.
  return reply.code === null && stage !== 'lookup' ? 'failed' : 'bounced';
}

/** The reply as one line: "550 5.1.1 No such user". */
export function replyText({ code, enhanced, text }: RemoteReply): string {
  return [code, enhanced, text].filter((part) => part !== null && part !== '').join(' ');
}
