/** Limits of scope identity, its daily cap among them. */
import { limitFindings } from './limit-finding.ts';
import type { Rule } from './rule.ts';

export const identityCapExceeded: Rule = (send, recipient, facts, policy) =>
  limitFindings('identity_cap_exceeded', send, recipient, facts, policy);
