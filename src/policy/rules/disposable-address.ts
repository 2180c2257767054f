/** A warning: the domain gives out addresses that are thrown away. */
import { PASS, type Rule } from './rule.ts';

export const disposableAddress: Rule = (_send, recipient, facts) =>
  facts.contact?.isDisposable !== true
    ? PASS
    : [
        {
          outcome: 'warn',
          code: 'disposable_address',
          scope: { kind: 'recipient', id: recipient.key },
          evidence: { address: recipient.key, domain: recipient.domain },
        },
      ];
