/** What every rule on an account's standing reports. */
import type { ReasonCode } from '../../core/reasons.ts';
import type { Facts } from '../facts.ts';
import type { Send } from '../send.ts';
import type { Clearer, Finding } from '../verdict.ts';

export function standingFinding(code: ReasonCode, send: Send, facts: Facts, clearsBy?: readonly Clearer[]): Finding {
  const { standing, standingSince, standingBy, trialEndsAt } = facts.account;
  return {
    outcome: 'block',
    code,
    scope: { kind: 'tenant', id: send.scopes.tenant },
    clearsAt: null,
    clearsBy,
    evidence: { standing, since: standingSince, set_by: standingBy, ends_at: trialEndsAt },
  };
}
