/** Limits of window `rate`. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const sendRateExceeded: Rule = (send, recipient, facts, policy) =>
  limitFindings('send_rate_exceeded', send, recipient, facts, policy);
