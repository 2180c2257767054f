/** Limits of up to one day, and rolling ones beyond. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const dailyQuotaExceeded: Rule = (send, recipient, facts, policy) =>
  limitFindings('daily_quota_exceeded', send, recipient, facts, policy);
