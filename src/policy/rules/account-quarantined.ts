/** An account in quarantine sends nothing until the operator releases it, or until the time that was set for it. */
import { isQuarantined } from '../facts-quarantine.ts';
import { PASS, type Rule } from './rule.ts';

export const accountQuarantined: Rule = (send, _recipient, facts) => {
  const { quarantine } = facts;
  if (!isQuarantined(quarantine)) return PASS;
  const { state, since, byOperator, score, threshold, signals, releaseAt, note } = quarantine;
  return [
    {
      outcome: 'block',
      code: 'account_quarantined',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt: releaseAt,
      clearsBy: releaseAt === null ? undefined : ['operator', 'time'],
      evidence: {
        state,
        since,
        set_by: byOperator ? 'operator' : 'score',
        score,
        threshold,
        signals,
        release_at: releaseAt,
        note: note === '' ? null : note,
      },
    },
  ];
};
