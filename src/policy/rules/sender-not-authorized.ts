/** The From address is not one that the identity, the key or the account may use. */
import { PASS, type Rule } from './rule.ts';

export const senderNotAuthorized: Rule = (send, _recipient, facts) => {
  const refused = facts.sender?.refused ?? null;
  if (refused === null) return PASS;
  const { identity, tenant } = send.scopes;
  const { cause, address, allowed } = refused;
  return [
    {
      outcome: 'block',
      code: 'sender_not_authorized',
      scope: identity === null ? { kind: 'tenant', id: tenant } : { kind: 'identity', id: identity },
      clearsAt: null,
      evidence: { from: address, identity: facts.identityHandle, cause, allowed },
    },
  ];
};
