/** Limits of scope recipient_domain: sends to one domain. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const recipientDomainThrottled: Rule = (send, recipient, facts, policy) =>
  limitFindings('recipient_domain_throttled', send, recipient, facts, policy);
