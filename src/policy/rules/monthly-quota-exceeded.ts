/** Limits of a calendar month. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const monthlyQuotaExceeded: Rule = (send, recipient, facts, policy) =>
  limitFindings('monthly_quota_exceeded', send, recipient, facts, policy);
