/** Marketing to a person who refused it, or, where the policy wants an opt-in, who never gave one. */
import { PASS, type Rule } from './rule.ts';

export const consentMissing: Rule = (send, recipient, facts, policy) => {
  const required = policy.document.consent.marketing ?? 'recorded';
  if (send.kind !== 'marketing' || required === 'off') return PASS;
  const consent = facts.contact?.consent ?? 'none';
  if (consent === 'opted_in' || (consent === 'none' && required === 'recorded')) return PASS;
  return [
    {
      outcome: 'block',
      code: 'consent_missing',
      scope: { kind: 'recipient', id: recipient.key },
      clearsAt: null,
      evidence: { consent, required, since: facts.contact?.consentSince ?? null },
    },
  ];
};
