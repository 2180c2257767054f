/**
 * A warning: messages to this person lie unanswered, the policy counts that, and an answer could not be seen. Said only
 * where it matters, since it is true of every send of a tenant that reports no replies.
 */
import { PASS, type Rule } from './rule.ts';

export const unreachableReplies: Rule = (send, _recipient, facts, policy) => {
  const { contact } = facts;
  if (contact === null || !policy.countsSilence || contact.areRepliesVisible || contact.unanswered === 0) return PASS;
  return [
    {
      outcome: 'warn',
      code: 'unreachable_replies',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      evidence: { unanswered: contact.unanswered },
    },
  ];
};
