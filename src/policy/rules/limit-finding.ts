/** The findings of full limits that share a reason; the rules of limits differ in nothing else. */
import type { ReasonCode } from '../../core/reasons.ts';
import type { Limit, Policy } from '../document.ts';
import type { Facts, LimitFact } from '../facts.ts';
import { probationIn } from '../facts-quarantine.ts';
import { scopeId } from '../ledger.ts';
import type { Send, SendRecipient } from '../send.ts';
import type { Evidence, Finding, Scope } from '../verdict.ts';
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
    findings.push(limitFinding(limit, fact, send, recipient, facts));
  }
  return findings ?? PASS;
}

function limitFinding(limit: Limit, fact: LimitFact, send: Send, recipient: SendRecipient, facts: Facts): Finding {
  const clearsAt = fact.freeAt === null ? null : limit.window.kind === 'rate' ? fact.freeAt : fact.freeAt * 1000;
  return {
    outcome: 'block',
    code: limit.reason,
    scope: limitScope(limit, send, recipient),
    clearsAt,
    // A limit smaller than the send never frees a place: waiting does not help, changing the request or the limit does.
    clearsBy: clearsAt === null ? ['caller', 'tenant'] : undefined,
    evidence: { ...limitEvidence(limit, fact, clearsAt, recipient, facts), ...probationEvidence(limit, facts) },
  };
}

function limitEvidence(
  limit: Limit,
  fact: LimitFact,
  clearsAt: number | null,
  recipient: SendRecipient,
  facts: Facts,
): Evidence {
  const evidence: Evidence = {
    limit_name: limit.name,
    unit: limit.unit,
    window: limit.windowName,
    limit: limit.max,
    used: fact.used,
    requested: fact.units,
    frees_at: clearsAt,
  };
  if (limit.scope === 'identity') {
    evidence['identity'] = facts.identityHandle;
    const alternatives = facts.pool?.alternatives ?? [];
    if (alternatives.length > 0 && limit.reason === 'identity_cap_exceeded') evidence['alternatives'] = alternatives;
  }
  if (limit.warmup !== null) evidence['day'] = facts.warmup?.day ?? null;
  if (limit.scope === 'recipient_domain') evidence['domain'] = recipient.domain;
  if (limit.window.kind === 'rate') {
    evidence['per'] = limit.window.perSeconds === 60 ? 'minute' : 'second';
    evidence['burst'] = limit.burst;
    // Where the sentence sets what is used against the limit, that is the burst.
    if (limit.reason !== 'send_rate_exceeded') evidence['limit'] = limit.burst;
  }
  return evidence;
}

/** What a limit would be, and when it will be that again, where probation has reduced it. */
export function probationEvidence(limit: Limit, facts: Facts): Evidence {
  const probation = probationIn(facts.quarantine);
  if (probation === null || limit.full === undefined) return {};
  return { full_limit: limit.full, probation_ends_at: probation.until };
}

export function limitScope(limit: Limit, send: Send, recipient: SendRecipient): Scope {
  if (limit.scope === 'recipient') return { kind: 'recipient', id: recipient.key };
  if (limit.scope === 'recipient_domain') return { kind: 'recipient_domain', id: recipient.domain };
  return { kind: limit.scope, id: scopeId(limit.scope, send) ?? '' };
}
