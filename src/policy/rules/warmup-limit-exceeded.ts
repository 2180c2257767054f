/** The places of a day of the sender's warm-up, or of its mailbox's towards the family of the recipient's domain. */
import type { Facts } from '../facts.ts';
import { familyOf } from '../families.ts';
import type { Finding } from '../verdict.ts';
import { limitFindings } from './limit-finding.ts';
import { alternativesIn } from './pool-finding.ts';
import type { Rule } from './rule.ts';

export const warmupLimitExceeded: Rule = (send, recipient, facts, policy) => {
  const found = limitFindings('warmup_limit_exceeded', send, recipient, facts, policy);
  const ramp = rampFinding(facts, recipient.domain);
  return ramp === null ? found : [...found, ramp];
};

function rampFinding({ pool }: Facts, domain: string): Finding | null {
  const routing = pool?.routing ?? null;
  if (routing === null || routing.cause !== 'warmup' || routing.ramp === null) return null;
  const { id, address, day, places, used } = routing.ramp;
  const clearsAt = routing.freeAt === null ? null : routing.freeAt * 1000;
  return {
    outcome: 'block',
    code: 'warmup_limit_exceeded',
    scope: { kind: 'mailbox', id },
    clearsAt,
    // Beyond the horizon nobody looks for a place.
    clearsBy: clearsAt === null ? ['tenant'] : undefined,
    evidence: {
      mailbox: address,
      family: familyOf(domain),
      day,
      unit: 'recipient',
      window: 'calendar_day',
      limit: places,
      used,
      requested: 1,
      frees_at: clearsAt,
      ...alternativesIn(pool?.alternatives ?? []),
    },
  };
}
