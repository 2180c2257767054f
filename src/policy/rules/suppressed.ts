/** The address or its domain is suppressed, or belongs to a role that the policy keeps out; all of it is reported. */
import type { Policy } from '../document.ts';
import type { Facts } from '../facts.ts';
import type { Send } from '../send.ts';
import type { SuppressionFact } from '../suppression.ts';
import type { Clearer, Finding } from '../verdict.ts';
import { PASS, type Rule } from './rule.ts';

export const suppressed: Rule = (send, recipient, facts, policy) => {
  const keepsOut = isRoleKeptOut(send, facts, policy);
  if (facts.suppressions.length === 0 && !keepsOut) return PASS;
  const found = facts.suppressions.map((suppression) => finding(suppression, recipient.key, recipient.domain));
  return keepsOut ? [...found, roleFinding(recipient.key)] : found;
};

function isRoleKeptOut(send: Send, facts: Facts, policy: Policy): boolean {
  if ((facts.contact?.role ?? null) === null) return false;
  const keeps = policy.document.role_accounts;
  return keeps === 'block' || (keeps === 'marketing' && send.kind === 'marketing');
}

function roleFinding(key: string): Finding {
  return {
    outcome: 'block',
    code: 'suppressed',
    scope: { kind: 'recipient', id: key },
    clearsAt: null,
    clearsBy: ['tenant'],
    evidence: {
      suppression_id: null,
      suppression_reason: 'role_account',
      matched: 'address',
      since: null,
      expires_at: null,
    },
  };
}

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
