/** What the scan found is suspicious, and not enough to refuse the content. */
import { REJECTS_AT, SUSPICIOUS_AT } from '../facts-content.ts';
import { PASS, type Rule } from './rule.ts';

export const contentWarning: Rule = (send, _recipient, { content }) =>
  content === null || content.score < SUSPICIOUS_AT || content.score >= REJECTS_AT
    ? PASS
    : [
        {
          outcome: 'warn',
          code: 'content_warning',
          scope: { kind: 'tenant', id: send.scopes.tenant },
          evidence: { found: content.findings, score: content.score, threshold: REJECTS_AT },
        },
      ];
