/** A warning before a block: a limit that this send brings to four fifths or more. */

import type { NearFacts } from '../facts-pool.ts';
import type { Finding } from '../verdict.ts';
import { releasedAt } from '../windows.ts';
import { limitScope, probationEvidence } from './limit-finding.ts';
import { PASS, type Rule } from './rule.ts';

export const limitApproaching: Rule = (send, recipient, facts, policy) => {
  let findings: Finding[] | null = null;
  const split = policy.messageLimits.length;
  for (let i = 0; i < facts.limits.length; i += 1) {
    const fact = facts.limits[i]!;
    const limit = i < split ? policy.messageLimits[i]! : policy.recipientLimits[i - split]!;
    const { window } = limit;
    if (fact.freeAt !== 0 || fact.units === 0 || window.kind === 'rate') continue;
    const used = fact.used + fact.units;
    if (used * 5 < limit.max * 4) continue;
    findings ??= [];
    findings.push({
      outcome: 'warn',
      code: 'limit_approaching',
      scope: limitScope(limit, send, recipient),
      evidence: {
        limit_name: limit.name,
        unit: limit.unit,
        window: limit.windowName,
        limit: limit.max,
        used,
        remaining: limit.max - used,
        // This send counts: where it is the first, the window resets when it leaves.
        resets_at: (fact.resetsAt ?? releasedAt(window, Math.floor(facts.departAt / 1000))) * 1000,
        ...probationEvidence(limit, facts),
      },
    });
  }
  const near = facts.pool?.routing?.near ?? null;
  if (near !== null) findings = [...(findings ?? []), ofPool(near)];
  return findings ?? PASS;
};

/** The caps of all mailboxes or providers that could be used are near: the one that this send takes is named. */
function ofPool({ scope, id, name, window, limit, used, resetsAt }: NearFacts): Finding {
  const numbers = { limit, used, remaining: limit - used, resets_at: resetsAt * 1000 };
  const evidence = { limit_name: name, unit: 'recipient', window, ...numbers };
  return { outcome: 'warn', code: 'limit_approaching', scope: { kind: scope, id }, evidence };
}
