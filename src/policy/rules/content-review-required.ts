/** The content waits for a person who looks at it: all of it, or what the scan found suspicious, as the policy wants. */
import { SUSPICIOUS_AT } from '../facts-content.ts';
import { PASS, type Rule } from './rule.ts';

export const contentReviewRequired: Rule = (send, _recipient, { approval, content, now }, policy) => {
  const { review } = policy.document.content;
  if (approval === null || approval.isGranted || review === 'never') return PASS;
  if (review === 'suspicious' && (content === null || content.score < SUSPICIOUS_AT)) return PASS;
  return [
    {
      outcome: 'hold',
      code: 'content_review_required',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt: approval.deadline,
      evidence: {
        approval_id: approval.id === '' ? null : approval.id,
        found: content === null ? [] : content.findings,
        requested_at: now,
        expires_at: approval.deadline,
      },
    },
  ];
};
