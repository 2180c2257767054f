/** A paused account sends nothing until whoever paused it resumes. */
import { PASS, type Rule } from './rule.ts';
import { standingFinding } from './standing-finding.ts';

export const accountPaused: Rule = (send, _recipient, facts) => {
  if (facts.account.standing !== 'paused') return PASS;
  return [
    standingFinding('account_paused', send, facts, facts.account.standingBy === 'tenant' ? undefined : ['operator']),
  ];
};
