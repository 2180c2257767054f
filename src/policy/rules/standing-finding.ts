/** What every rule on an account's standing reports. */
import type { ReasonCode } from '../../core/reasons.ts';
import type { Facts } from '../facts.ts';
import type { Send } from '../send.ts';
import type { Clearer, Evidence, Finding } from '../verdict.ts';

export function standingFinding(
  code: ReasonCode,
  send: Send,
  facts: Facts,
  more: Evidence,
  clearsBy?: readonly Clearer[],
): Finding {
  const { standing } = facts.account;
  const scope = { kind: 'tenant', id: send.scopes.tenant };
  return { outcome: 'block', code, scope, clearsAt: null, clearsBy, evidence: { standing, ...more } };
}
