/** Somebody is in the middle of business with this person. */
import { PASS, type Rule } from './rule.ts';

export const activeOpportunity: Rule = (_send, recipient, facts, policy) => {
  const opportunity = facts.contact?.opportunity ?? null;
  if (opportunity === null || policy.document.opportunity.block === false) return PASS;
  return [
    {
      outcome: 'block',
      code: 'active_opportunity',
      scope: { kind: 'recipient', id: recipient.key },
      clearsAt: null,
      evidence: { opportunity: opportunity.note, since: opportunity.since },
    },
  ];
};
