/** What the scan found weighs too much: the content deceives, or is unsafe. */
import { REJECTS_AT } from '../facts-content.ts';
import { PASS, type Rule } from './rule.ts';

export const contentRejected: Rule = (send, _recipient, { content }) =>
  content === null || content.score < REJECTS_AT
    ? PASS
    : [
        {
          outcome: 'block',
          code: 'content_rejected',
          scope: { kind: 'tenant', id: send.scopes.tenant },
          clearsAt: null,
          evidence: { found: content.findings, score: content.score, threshold: REJECTS_AT },
        },
      ];
