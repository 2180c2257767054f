/** The sending identity is switched off or still being set up. */
import { PASS, type Rule } from './rule.ts';

export const identityInactive: Rule = (send, _recipient, facts) => {
  const state = facts.identityState;
  if (state !== 'inactive' && state !== 'provisioning') return PASS;
  const readyAt = state === 'provisioning' ? (facts.pool?.readyAt ?? null) : null;
  return [
    {
      outcome: 'block',
      code: 'identity_inactive',
      scope: { kind: 'identity', id: send.scopes.identity ?? '' },
      clearsAt: readyAt,
      clearsBy: state === 'provisioning' ? ['time'] : ['tenant'],
      evidence: { identity: facts.identityHandle, state, ...(readyAt === null ? {} : { ready_at: readyAt }) },
    },
  ];
};
