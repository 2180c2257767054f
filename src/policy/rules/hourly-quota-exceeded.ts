/** Limits of up to one hour. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const hourlyQuotaExceeded: Rule = (send, recipient, facts, policy) =>
  limitFindings('hourly_quota_exceeded', send, recipient, facts, policy);
