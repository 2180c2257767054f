/** A trial whose end has passed, whether or not somebody has recorded it yet. */
import { PASS, type Rule } from './rule.ts';
import { standingFinding } from './standing-finding.ts';

export const trialExpired: Rule = (send, _recipient, facts) => {
  const { standing, standingSince, trialEndsAt } = facts.account;
  const isOver = standing === 'trial' && trialEndsAt !== null && trialEndsAt <= facts.departAt;
  if (standing !== 'trial_expired' && !isOver) return PASS;
  return [standingFinding('trial_expired', send, facts, { ends_at: trialEndsAt ?? standingSince })];
};
