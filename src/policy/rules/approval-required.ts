/** The message waits for a person, who approves exactly this envelope and content. */
import { PASS, type Rule } from './rule.ts';

export const approvalRequired: Rule = (send, _recipient, { approval, now }) => {
  if (approval === null || approval.isGranted || approval.mode === 'none') return PASS;
  if (approval.mode === 'first_contact' && !approval.isFirstContact) return PASS;
  const { scopes } = send;
  const scope =
    approval.by === 'identity' && scopes.identity !== null
      ? { kind: 'identity', id: scopes.identity }
      : approval.by === 'agent' && scopes.agent !== null
        ? { kind: 'agent', id: scopes.agent }
        : { kind: 'tenant', id: scopes.tenant };
  return [
    {
      outcome: 'hold',
      code: 'approval_required',
      scope,
      clearsAt: approval.deadline,
      evidence: {
        approval_id: approval.id === '' ? null : approval.id,
        mode: approval.mode,
        asked_by: approval.by,
        requested_at: now,
        expires_at: approval.deadline,
      },
    },
  ];
};
