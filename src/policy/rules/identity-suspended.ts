/** The operator has suspended the sending identity. */
import { PASS, type Rule } from './rule.ts';

export const identitySuspended: Rule = (send, _recipient, facts) =>
  facts.identityState !== 'suspended'
    ? PASS
    : [
        {
          outcome: 'block',
          code: 'identity_suspended',
          scope: { kind: 'identity', id: send.scopes.identity ?? '' },
          clearsAt: null,
          evidence: { identity: facts.identityHandle },
        },
      ];
