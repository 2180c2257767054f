/** A warning before a person counts as disengaged: this send brings the silence to three quarters of what the policy allows. */
import { PASS, type Rule } from './rule.ts';

export const disengaging: Rule = (_send, recipient, facts, policy) => {
  if (policy.disengaged === null || facts.contact === null) return PASS;
  const { afterSends } = policy.disengaged;
  const sends = facts.contact.unanswered + 1;
  if (sends * 4 < afterSends * 3) return PASS;
  return [
    {
      outcome: 'warn',
      code: 'disengaging',
      scope: { kind: 'recipient', id: recipient.key },
      evidence: { sends, after_sends: afterSends },
    },
  ];
};
