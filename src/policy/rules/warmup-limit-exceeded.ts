/** The places of a day of the sender's warm-up. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const warmupLimitExceeded: Rule = (send, recipient, facts, policy) =>
  limitFindings('warmup_limit_exceeded', send, recipient, facts, policy);
