/** A paused account sends nothing until whoever paused it resumes. */
import { PASS, type Rule } from './rule.ts';
import { standingFinding } from './standing-finding.ts';

export const accountPaused: Rule = (send, _recipient, facts) => {
  const { standing, standingBy, standingSince } = facts.account;
  if (standing !== 'paused') return PASS;
  const evidence = { since: standingSince, paused_by: standingBy };
  return [standingFinding('account_paused', send, facts, evidence, standingBy === 'tenant' ? undefined : ['operator'])];
};
