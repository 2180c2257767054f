/**
 * Reasons about access. Such a request never reaches the policy: nothing is decided, nothing is stored, and there is no
 * message id to look up. Order is precedence.
 *
 * Deliberately absent: evidence that would tell an outsider something. A refused key gets the same answer whatever is
 * wrong with it.
 */

import { exampleId, type ReasonEntry } from './entry.ts';

export const ACCESS = {
  authentication_required: {
    code: 'authentication_required',
    title: 'Authentication required',
    category: 'access',
    http: 401,
    smtp: { reply: 530, enhanced: '5.7.0' },
    retryable: false,
    clearsBy: ['caller'],
    clearsAt: 'Never by itself; the next request with a valid key passes.',
    fault: 'caller',
    detail: 'The request carries no key that is valid here and now.',
    fix: 'Send a valid API key as `Authorization: Bearer pst_live_…` or `pst_test_…`.',
    explanation:
      'The request came without a key, or with one that is unknown, revoked, expired or used from an address it does not allow. The answer is the same in each case, so that nobody learns about keys by trying. Check that the whole key was copied, that it has not been revoked, and that its IP allow-list contains the address you call from. Over SMTP, log in with AUTH PLAIN or LOGIN and give the key as the password.',
    customerMessage:
      'The app could not connect to the sending service. Please reconnect it, or contact the support of the app.',
    evidence: {},
    example: () => ({ scope: null, clearsAt: null, evidence: {} }),
  },
  insufficient_permissions: {
    code: 'insufficient_permissions',
    title: 'Insufficient permissions',
    category: 'access',
    http: 403,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; an admin must issue a key with the scope.',
    fault: 'tenant',
    detail: 'This call needs [the scope `{required}`|a scope that the key does not have][; the key has {granted}].',
    fix: "Use a key that has the required scope, or ask the tenant's admin for one.",
    explanation:
      'The key is valid but may not do this. Each key has scopes: `send`, `read`, `manage`, `approve`, `operate`. It may also be bound to certain identities or to one agent. Scopes of an existing key do not grow: create a new key with the scope and revoke the old one.',
    customerMessage: 'The app is not allowed to do this. Please ask your administrator to give it permission.',
    evidence: {
      required: 'the scope the call needs',
      granted: 'the scopes the key has',
    },
    example: () => ({
      scope: { kind: 'key', id: exampleId('key') },
      clearsAt: null,
      evidence: { required: 'manage', granted: ['send', 'read'] },
    }),
  },
  human_decision_required: {
    code: 'human_decision_required',
    title: "A person's decision is required",
    category: 'access',
    http: 403,
    smtp: { reply: 550, enhanced: '5.7.1' },
    retryable: false,
    clearsBy: ['tenant'],
    clearsAt: 'No time; a person must make the change.',
    fault: 'caller',
    detail: 'This change loosens [{loosens}|a control], which needs a key with the scope [`{required}`|`approve`].',
    fix: 'Let a person make this change with a key that has the required scope; do not retry with the same key.',
    explanation:
      'Software may tighten a control at any time, but only a person loosens one. Loosening means, for example, raising a limit, removing a suppression, clearing a do-not-contact mark, releasing a hold or resuming what a person paused. It needs a key with the scope `approve`; some changes need `operate`, which only the operator has. The change is written to the audit log with its note.',
    customerMessage:
      'This change must be made by a person with permission to approve it. Please ask your administrator.',
    evidence: {
      action: 'what was asked for',
      loosens: 'the settings it would loosen',
      required: 'the scope it needs: `approve` or `operate`',
    },
    example: ({ tenant }) => ({
      scope: tenant,
      clearsAt: null,
      evidence: { action: 'policy.update', loosens: ['limits.daily.max'], required: 'approve' },
    }),
  },
} as const satisfies Record<string, ReasonEntry>;
