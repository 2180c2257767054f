/** A subscription that ended, or a balance that was not paid. */
import { PASS, type Rule } from './rule.ts';
import { standingFinding } from './standing-finding.ts';

export const subscriptionExpired: Rule = (send, _recipient, facts) => {
  const { standing, standingSince } = facts.account;
  return standing === 'subscription_expired' || standing === 'payment_overdue'
    ? [standingFinding('subscription_expired', send, facts, { ends_at: standingSince })]
    : PASS;
};
