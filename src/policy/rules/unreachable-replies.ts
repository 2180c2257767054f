/**
 * A warning: messages to this person lie unanswered, that counts against them or the account, and an answer could not be seen.
 * Said only where it matters, since it is true of every send of a tenant that reports no replies.
 */
import type { Policy } from '../document.ts';
import type { Facts } from '../facts.ts';
import type { SignalName } from '../risk/signals.ts';
import { PASS, type Rule } from './rule.ts';

export const unreachableReplies: Rule = (send, _recipient, facts, policy) => {
  const unanswered = silenceOf(facts, policy);
  if (unanswered === 0 && !raisesRisk(facts)) return PASS;
  return [
    {
      outcome: 'warn',
      code: 'unreachable_replies',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      evidence: { unanswered: unanswered === 0 ? null : unanswered },
    },
  ];
};

/** The unanswered messages that a limit or the rule on silence counts; 0 where replies could be seen. */
function silenceOf({ contact }: Facts, policy: Policy): number {
  return contact === null || !policy.countsSilence || contact.areRepliesVisible ? 0 : contact.unanswered;
}

/** Signals that silence makes up: half of their weight where it may only seem to be silence. */
const SILENT: ReadonlySet<string> = new Set<SignalName>(['recipient_repeats', 'personal_repeats']);

function raisesRisk({ risk }: Facts): boolean {
  return (
    risk !== null &&
    !risk.repliesVisible &&
    risk.signals.some(({ name, contribution }) => contribution > 0 && SILENT.has(name))
  );
}
