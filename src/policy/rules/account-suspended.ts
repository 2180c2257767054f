/** A suspended account sends nothing; only the operator lifts it. */
import { PASS, type Rule } from './rule.ts';
import { standingFinding } from './standing-finding.ts';

export const accountSuspended: Rule = (send, _recipient, facts) =>
  facts.account.standing === 'suspended'
    ? [standingFinding('account_suspended', send, facts, { since: facts.account.standingSince })]
    : PASS;
