/** The findings of full limits that share a reason; the rules of limits differ in nothing else. */
import type { ReasonCode } from '../../core/reasons.ts';
import type { Limit, Policy } from '../document.ts';
import type { Facts, LimitFact } from '../facts.ts';
import { scopeId } from '../ledger.ts';
import type { Send, SendRecipient } from '../send.ts';
import type { Finding, Scope } from '../verdict.ts';
import { PASS } from './rule.ts';

export function limitFindings(
  code: ReasonCode,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  policy: Policy,
): readonly Finding[] {
  let findings: Finding[] | null = null;
  const split = policy.messageLimits.length;
  for (let i = 0; i < facts.limits.length; i += 1) {
    const fact = facts.limits[i]!;
    if (fact.freeAt === 0) continue;
    const limit = i < split ? policy.messageLimits[i]! : policy.recipientLimits[i - split]!;
    if (limit.reason !== code) continue;
    findings ??= [];
    findings.push(limitFinding(limit, fact, send, recipient));
  }
  return findings ?? PASS;
}

function limitFinding(limit: Limit, fact: LimitFact, send: Send, recipient: SendRecipient): Finding {
  const clearsAt = fact.freeAt === null ? null : limit.window.kind === 'rate' ? fact.freeAt : fact.freeAt * 1000;
  return {
    outcome: 'block',
    code: limit.reason,
    scope: limitScope(limit, send, recipient),
    clearsAt,
    // A limit smaller than the send never frees a place: waiting does not help, changing the request or the limit does.
    clearsBy: clearsAt === null ? ['caller', 'tenant'] : undefined,
    evidence: {
      limit_name: limit.name,
      unit: limit.unit,
      window: limit.windowName,
      limit: limit.window.kind === 'rate' ? limit.burst : limit.max,
      used: fact.used,
      requested: fact.units,
      frees_at: clearsAt,
    },
  };
}

export function limitScope(limit: Limit, send: Send, recipient: SendRecipient): Scope {
  if (limit.scope === 'recipient') return { kind: 'recipient', id: recipient.key };
  if (limit.scope === 'recipient_domain') return { kind: 'recipient_domain', id: recipient.domain };
  return { kind: limit.scope, id: scopeId(limit.scope, send) ?? '' };
}
