/** A trial that was never activated. */
import { PASS, type Rule } from './rule.ts';
import { standingFinding } from './standing-finding.ts';

export const trialNotActivated: Rule = (send, _recipient, facts) =>
  facts.account.standing === 'trial_not_activated'
    ? [standingFinding('trial_not_activated', send, facts, { since: facts.account.standingSince })]
    : PASS;
