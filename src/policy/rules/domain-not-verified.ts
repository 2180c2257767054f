/** The domain of the From address is not verified, where the policy asks for one that is. */
import { PASS, type Rule } from './rule.ts';

export const domainNotVerified: Rule = (send, _recipient, facts) => {
  const domain = facts.sender?.domain ?? null;
  if (domain === null) return PASS;
  const { id, name, state, missing } = domain;
  return [
    {
      outcome: 'block',
      code: 'domain_not_verified',
      scope: id === '' ? { kind: 'tenant', id: send.scopes.tenant } : { kind: 'domain', id },
      clearsAt: null,
      evidence: { domain: name, state, missing: missing.map((label) => `${label}.${name} TXT`) },
    },
  ];
};
