/** Nothing that could carry the message is switched on. */
import { senderScope } from './pool-finding.ts';
import { PASS, type Rule } from './rule.ts';

export const noActiveProvider: Rule = (send, _recipient, facts) => {
  const routing = facts.pool?.routing ?? null;
  if (routing === null || routing.cause !== 'provider') return PASS;
  const inactive = [...new Set(routing.candidates.map(({ name }) => name))];
  return [
    {
      outcome: 'block',
      code: 'no_active_provider',
      scope: senderScope(send),
      clearsAt: null,
      evidence: { identity: facts.identityHandle, inactive },
    },
  ];
};
