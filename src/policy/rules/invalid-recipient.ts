/** An address that no mail can reach, whatever the ledger says. */
import { PASS, type Rule } from './rule.ts';

export const invalidRecipient: Rule = (_send, recipient, facts) =>
  facts.undeliverable === null
    ? PASS
    : [
        {
          outcome: 'block',
          code: 'invalid_recipient',
          scope: { kind: 'recipient', id: recipient.key },
          clearsAt: null,
          evidence: { address: recipient.key, domain: recipient.domain, problem: facts.undeliverable },
        },
      ];
