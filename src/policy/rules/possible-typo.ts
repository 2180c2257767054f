/** A warning: the domain is one slip of the keyboard away from a well-known one. */
import { PASS, type Rule } from './rule.ts';

export const possibleTypo: Rule = (_send, recipient, facts) => {
  const suggestion = facts.contact?.suggestion ?? null;
  if (suggestion === null) return PASS;
  return [
    {
      outcome: 'warn',
      code: 'possible_typo',
      scope: { kind: 'recipient', id: recipient.key },
      evidence: { address: recipient.key, suggestion },
    },
  ];
};
