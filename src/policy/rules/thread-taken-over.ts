/** A person has taken the conversation over. */
import { PASS, type Rule } from './rule.ts';

export const threadTakenOver: Rule = (_send, recipient, facts) => {
  const takenOver = facts.contact?.takenOver ?? null;
  if (takenOver === null) return PASS;
  return [
    {
      outcome: 'block',
      code: 'thread_taken_over',
      scope: { kind: 'recipient', id: recipient.key },
      clearsAt: null,
      evidence: { since: takenOver.since, taken_by: takenOver.note },
    },
  ];
};
