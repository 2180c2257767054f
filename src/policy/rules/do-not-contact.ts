/** The contact is marked do-not-contact. */
import { PASS, type Rule } from './rule.ts';

export const doNotContact: Rule = (_send, recipient, facts) =>
  facts.doNotContactSince === null
    ? PASS
    : [
        {
          outcome: 'block',
          code: 'do_not_contact',
          scope: { kind: 'recipient', id: recipient.key },
          clearsAt: null,
          evidence: { since: facts.doNotContactSince },
        },
      ];
