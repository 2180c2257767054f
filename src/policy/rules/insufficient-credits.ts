/** Billing by credits: one a recipient. */
import { PASS, type Rule } from './rule.ts';

export const insufficientCredits: Rule = (send, _recipient, facts) => {
  const { credits } = facts.account;
  if (credits === null || credits >= 1) return PASS;
  return [
    {
      outcome: 'block',
      code: 'insufficient_credits',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt: null,
      evidence: { credits, needed: 1 },
    },
  ];
};
