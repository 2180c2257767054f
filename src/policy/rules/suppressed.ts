/** The address or its domain is suppressed; every suppression in force is reported. */
import type { SuppressionFact } from '../facts.ts';
import type { Clearer, Finding } from '../verdict.ts';
import { PASS, type Rule } from './rule.ts';

export const suppressed: Rule = (_send, recipient, facts) =>
  facts.suppressions.length === 0
    ? PASS
    : facts.suppressions.map((suppression) => finding(suppression, recipient.key, recipient.domain));

function finding(suppression: SuppressionFact, key: string, domain: string): Finding {
  return {
    outcome: 'block',
    code: 'suppressed',
    scope: suppression.domain ? { kind: 'recipient_domain', id: domain } : { kind: 'recipient', id: key },
    clearsAt: suppression.expiresAt,
    clearsBy: clearers(suppression),
    evidence: {
      suppression_id: suppression.id,
      suppression_reason: suppression.reason,
      matched: suppression.domain ? 'domain' : 'address',
      since: suppression.since,
      expires_at: suppression.expiresAt,
    },
  };
}

function clearers(suppression: SuppressionFact): readonly Clearer[] {
  const { reason } = suppression;
  const by: Clearer[] =
    reason === 'complaint' || reason === 'legal_request'
      ? ['never']
      : reason === 'unsubscribe'
        ? ['recipient']
        : ['tenant'];
  return suppression.expiresAt === null ? by : ['time', ...by];
}
