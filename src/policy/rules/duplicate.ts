/** The caller's dedupe key was used by another message, or the caller asked to be told of any repeat. */
import { PASS, type Rule } from './rule.ts';

export const duplicate: Rule = (send, _recipient, facts) =>
  facts.duplicate === null
    ? PASS
    : [
        {
          outcome: 'block',
          code: 'duplicate',
          scope: { kind: 'installation', id: send.scopes.installation },
          clearsAt: facts.duplicate.until,
          evidence: { original_message_id: facts.duplicate.messageId, first_at: facts.duplicate.at },
        },
      ];
