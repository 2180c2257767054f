/** A warning: the address belongs to a role. Whether it may be written to at all is `suppressed`'s to say. */
import { PASS, type Rule } from './rule.ts';

export const roleAccount: Rule = (_send, recipient, facts) => {
  const role = facts.contact?.role ?? null;
  if (role === null) return PASS;
  return [
    {
      outcome: 'warn',
      code: 'role_account',
      scope: { kind: 'recipient', id: recipient.key },
      evidence: { address: recipient.key, role },
    },
  ];
};
