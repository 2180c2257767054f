/**
 * What each reason is in 12m's words. What a decision refuses is a recipient's `reason`, one of six, and the answer is 429 where none is
 * left; all else is an error, whose text is its code.
 */
import type { FaceWord, FaceWords } from '../face.ts';

const row = <Word extends string>(word: Word) => ({ http: 429, word }) as const satisfies FaceWord;

const CAPPED = row('cap_exceeded');
const NOBODY = row('no_accounts');
const INACTIVE = row('inactive');
const SUSPENDED = row('suspended');
const UNWANTED = row('do_not_contact');
const INVALID = row('invalid_recipient');
const TAKEN = { http: 200, word: 'accepted' } as const;

export const INBOXBASE_WORDS = {
  authentication_required: { http: 401, word: 'invalid api key' },
  insufficient_permissions: { http: 403, word: 'insufficient permissions' },
  human_decision_required: { http: 403, word: 'a person must do this' },
  malformed_request: { http: 400, word: 'invalid JSON body' },
  unsupported_media_type: { http: 415, word: 'unsupported media type' },
  method_not_allowed: { http: 405, word: 'method not allowed' },
  request_timeout: { http: 408, word: 'request timed out' },
  validation_failed: { http: 400, word: 'validation failed' },
  attachment_rejected: { http: 400, word: 'attachment rejected' },
  payload_too_large: { http: 413, word: 'payload too large' },
  batch_too_large: { http: 400, word: 'too many messages' },
  not_found: { http: 404, word: 'not found' },
  cursor_expired: { http: 410, word: 'cursor expired' },
  state_conflict: { http: 409, word: 'conflicting state' },
  idempotency_key_invalid: { http: 400, word: 'malformed Idempotency-Key' },
  idempotency_key_reused: { http: 409, word: 'Idempotency-Key reused with a different body' },
  idempotency_in_progress: { http: 409, word: 'a request with this Idempotency-Key is in progress' },
  request_rate_exceeded: { http: 429, word: 'too many requests' },
  account_quarantined: SUSPENDED,
  account_suspended: SUSPENDED,
  account_paused: SUSPENDED,
  trial_not_activated: SUSPENDED,
  trial_expired: SUSPENDED,
  subscription_expired: SUSPENDED,
  insufficient_credits: SUSPENDED,
  storage_limit_exceeded: SUSPENDED,
  sender_not_authorized: NOBODY,
  domain_not_verified: NOBODY,
  identity_inactive: INACTIVE,
  identity_suspended: SUSPENDED,
  no_active_provider: NOBODY,
  template_not_found: SUSPENDED,
  template_not_approved: SUSPENDED,
  template_lint_failed: SUSPENDED,
  template_render_failed: SUSPENDED,
  content_rejected: SUSPENDED,
  canary_leaked: SUSPENDED,
  invalid_recipient: INVALID,
  do_not_contact: UNWANTED,
  suppressed: UNWANTED,
  consent_missing: UNWANTED,
  disengaged: UNWANTED,
  active_opportunity: UNWANTED,
  thread_taken_over: UNWANTED,
  lease_conflict: UNWANTED,
  duplicate: UNWANTED,
  cooldown: CAPPED,
  recipient_frequency_exceeded: CAPPED,
  send_rate_exceeded: CAPPED,
  hourly_quota_exceeded: CAPPED,
  daily_quota_exceeded: CAPPED,
  monthly_quota_exceeded: CAPPED,
  identity_cap_exceeded: CAPPED,
  mailboxes_exhausted: NOBODY,
  recipient_domain_throttled: CAPPED,
  warmup_limit_exceeded: CAPPED,
  risk_budget_exceeded: CAPPED,
  negative_signal_budget_exceeded: CAPPED,
  approval_required: TAKEN,
  content_review_required: TAKEN,
  waiting_for_slot: TAKEN,
  quarantine_hold: TAKEN,
  policy_unavailable: { http: 503, word: 'service unavailable' },
  service_unavailable: { http: 503, word: 'service unavailable' },
  internal_error: { http: 500, word: 'internal error' },
} as const satisfies FaceWords;

/** The queued form has a word of its own where no mailbox can send. */
export function reasonWord(code: keyof typeof INBOXBASE_WORDS, isQueued: boolean): string {
  const { word } = INBOXBASE_WORDS[code];
  return isQueued && word === NOBODY.word ? 'no_eligible_pool' : word;
}
