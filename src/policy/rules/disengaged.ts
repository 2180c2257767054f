/** Sends to a person who has not reacted for long. */
import { PASS, type Rule } from './rule.ts';

const DAY_MS = 86_400_000;

export const disengaged: Rule = (_send, recipient, facts, policy) => {
  const { contact } = facts;
  if (policy.disengaged === null || contact === null) return PASS;
  const { afterSends, days } = policy.disengaged;
  if (contact.unanswered < afterSends) return PASS;
  const { lastEngagedAt } = contact;
  if (lastEngagedAt !== null && facts.departAt < lastEngagedAt + days * DAY_MS) return PASS;
  return [
    {
      outcome: 'block',
      code: 'disengaged',
      scope: { kind: 'recipient', id: recipient.key },
      clearsAt: null,
      evidence: { sends: contact.unanswered, after_sends: afterSends, days, last_engaged_at: lastEngagedAt },
    },
  ];
};
