/** Too soon after the last departure to the same contact. */
import { PASS, type Rule } from './rule.ts';

export const cooldown: Rule = (_send, recipient, facts, policy) => {
  if (policy.cooldownSeconds === 0 || facts.lastSentAt === null) return PASS;
  const clearsAt = facts.lastSentAt + policy.cooldownSeconds * 1000;
  if (clearsAt <= facts.departAt) return PASS;
  return [
    {
      outcome: 'block',
      code: 'cooldown',
      scope: { kind: 'recipient', id: recipient.key },
      clearsAt,
      evidence: {
        last_sent_at: facts.lastSentAt,
        seconds: policy.cooldownSeconds,
        per: policy.document.cooldown.per ?? 'recipient',
      },
    },
  ];
};
