/** A trial whose end has passed, whether or not somebody has recorded it yet. */
import { PASS, type Rule } from './rule.ts';
import { standingFinding } from './standing-finding.ts';

export const trialExpired: Rule = (send, _recipient, facts) => {
  const { standing, trialEndsAt } = facts.account;
  const over = standing === 'trial' && trialEndsAt !== null && trialEndsAt <= facts.departAt;
  return standing === 'trial_expired' || over ? [standingFinding('trial_expired', send, facts)] : PASS;
};
