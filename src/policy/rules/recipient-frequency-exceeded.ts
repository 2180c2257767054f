/** Limits of scope recipient: sends to one person. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const recipientFrequencyExceeded: Rule = (send, recipient, facts, policy) =>
  limitFindings('recipient_frequency_exceeded', send, recipient, facts, policy);
