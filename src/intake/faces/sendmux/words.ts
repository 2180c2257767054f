/**
 * What each reason is in Sendmux's words: status and code. What it says of retrying follows from the code alone, as its pages have
 * it, also where the catalogue knows better. A block that it has no word for is `insufficient_permissions`.
 */
import type { ReasonCode } from '../../../core/reasons.ts';
import type { FaceWord } from '../face.ts';

export type SendmuxWord = FaceWord & { word: string };

const word = (http: number, code: string): SendmuxWord => ({ http, word: code });

const BLOCKED = word(403, 'insufficient_permissions');
const RESTRICTED = word(403, 'billing_restricted');
const SEMANTIC = word(422, 'validation_error');
const SYNTAX = word(400, 'invalid_parameter');
const CONFLICT = word(409, 'conflict');
const IDEMPOTENCY = word(409, 'idempotency_conflict');
const RATE = word(429, 'rate_limit_exceeded');
const DAILY = word(429, 'daily_limit_exceeded');
const UNAVAILABLE = word(503, 'service_unavailable');

/** Of an answer that took the message: what its state is called. */
const QUEUED = word(200, 'queued');

export const SENDMUX_WORDS = {
  authentication_required: word(401, 'authentication_required'),
  insufficient_permissions: BLOCKED,
  human_decision_required: BLOCKED,
  malformed_request: SYNTAX,
  unsupported_media_type: SYNTAX,
  method_not_allowed: word(405, 'invalid_parameter'),
  request_timeout: word(408, 'invalid_parameter'),
  validation_failed: SEMANTIC,
  attachment_rejected: SEMANTIC,
  payload_too_large: word(413, 'payload_too_large'),
  batch_too_large: SEMANTIC,
  not_found: word(404, 'not_found'),
  cursor_expired: SYNTAX,
  state_conflict: CONFLICT,
  idempotency_key_invalid: SYNTAX,
  idempotency_key_reused: IDEMPOTENCY,
  idempotency_in_progress: IDEMPOTENCY,
  request_rate_exceeded: RATE,
  account_quarantined: BLOCKED,
  account_suspended: BLOCKED,
  account_paused: BLOCKED,
  trial_not_activated: RESTRICTED,
  trial_expired: RESTRICTED,
  subscription_expired: RESTRICTED,
  insufficient_credits: word(402, 'insufficient_credits'),
  storage_limit_exceeded: word(409, 'limit_exceeded'),
  sender_not_authorized: BLOCKED,
  // Of a domain that the tenant has; one that it does not have is 404, see `wordOf`.
  domain_not_verified: BLOCKED,
  identity_inactive: BLOCKED,
  identity_suspended: BLOCKED,
  no_active_provider: word(503, 'no_active_providers'),
  template_not_found: SEMANTIC,
  template_not_approved: BLOCKED,
  template_lint_failed: SEMANTIC,
  template_render_failed: SEMANTIC,
  content_rejected: SEMANTIC,
  canary_leaked: SEMANTIC,
  invalid_recipient: SEMANTIC,
  do_not_contact: BLOCKED,
  suppressed: BLOCKED,
  consent_missing: BLOCKED,
  disengaged: BLOCKED,
  active_opportunity: CONFLICT,
  thread_taken_over: CONFLICT,
  lease_conflict: CONFLICT,
  duplicate: CONFLICT,
  cooldown: RATE,
  recipient_frequency_exceeded: RATE,
  send_rate_exceeded: RATE,
  hourly_quota_exceeded: RATE,
  daily_quota_exceeded: DAILY,
  monthly_quota_exceeded: RATE,
  identity_cap_exceeded: RATE,
  mailboxes_exhausted: RATE,
  recipient_domain_throttled: RATE,
  warmup_limit_exceeded: RATE,
  risk_budget_exceeded: RATE,
  negative_signal_budget_exceeded: RATE,
  approval_required: QUEUED,
  content_review_required: QUEUED,
  waiting_for_slot: QUEUED,
  quarantine_hold: QUEUED,
  policy_unavailable: UNAVAILABLE,
  service_unavailable: UNAVAILABLE,
  internal_error: word(500, 'internal_error'),
} as const satisfies Readonly<Record<ReasonCode, SendmuxWord>>;

/** The word of a reason as it was found: a domain that the tenant does not have is one that does not exist for it. */
export function wordOf({
  code,
  evidence,
}: {
  code: ReasonCode;
  evidence: Readonly<Record<string, unknown>>;
}): SendmuxWord {
  return code === 'domain_not_verified' && evidence['state'] === 'absent'
    ? SENDMUX_WORDS.not_found
    : SENDMUX_WORDS[code];
}

const RETRYABLE: ReadonlySet<string> = new Set([
  'rate_limit_exceeded',
  'daily_limit_exceeded',
  'internal_error',
  'no_active_providers',
  'service_unavailable',
]);

export function isRetryable(code: string): boolean {
  return RETRYABLE.has(code);
}
