/**
 * What each reason is in ServiceM8's words: the status, the `errorCode` and the message. 440 is its quarantine; from 10,000 up
 * the numbers are ours, for blocks that its pages do not name. A number is never given to another reason.
 */
import type { ReasonCode } from '../../../core/reasons.ts';
import type { FaceWord } from '../face.ts';

export const INVALID_NUMBER = 'Invalid phone number';

export type ServiceM8Word = FaceWord & { word: number; message: string };

const RATE = 'Maximum sending rate exceeded';
const QUOTA = 'Daily message quota exceeded';
const quota = { http: 429, word: 429, message: QUOTA } as const;
const payment = (message: string): ServiceM8Word => ({ http: 402, word: 402, message });
const own = (word: number, message: string): ServiceM8Word => ({ http: 400, word, message });

export const SERVICEM8_WORDS = {
  authentication_required: { http: 401, word: 401, message: 'Unauthorized' },
  insufficient_permissions: { http: 403, word: 403, message: 'Insufficient scope' },
  human_decision_required: { http: 403, word: 403, message: 'A person must do this' },
  malformed_request: { http: 400, word: 400, message: 'The body is not valid JSON' },
  unsupported_media_type: { http: 415, word: 415, message: 'The body must be JSON' },
  method_not_allowed: { http: 405, word: 405, message: 'Method not allowed' },
  request_timeout: { http: 408, word: 408, message: 'Request timed out' },
  validation_failed: { http: 400, word: 400, message: 'Invalid request' },
  attachment_rejected: own(10_001, 'Attachment rejected'),
  payload_too_large: { http: 413, word: 413, message: 'Request too large' },
  batch_too_large: { http: 400, word: 400, message: 'Too many messages' },
  not_found: { http: 404, word: 404, message: 'Not found' },
  cursor_expired: { http: 410, word: 410, message: 'Cursor expired' },
  state_conflict: { http: 409, word: 409, message: 'The message is in another state' },
  idempotency_key_invalid: { http: 400, word: 400, message: 'Invalid Idempotency-Key' },
  idempotency_key_reused: { http: 409, word: 409, message: 'Idempotency-Key was used with another message' },
  idempotency_in_progress: { http: 409, word: 409, message: 'The first request with this Idempotency-Key is running' },
  request_rate_exceeded: { http: 429, word: 429, message: 'Number of allowed API requests per minute exceeded' },
  account_quarantined: { http: 400, word: 440, message: 'Sending Email rejected due to Account in Quarantine' },
  account_suspended: own(10_010, 'Sending rejected: the account is suspended'),
  account_paused: own(10_011, 'Sending rejected: the account is paused'),
  trial_not_activated: payment('Sending rejected: the trial is not activated'),
  trial_expired: payment('Sending rejected: the trial has ended'),
  subscription_expired: payment('Sending rejected: the account is not in good standing'),
  insufficient_credits: payment('Sending rejected: not enough credits'),
  storage_limit_exceeded: own(10_012, 'Sending rejected: the storage is full'),
  sender_not_authorized: own(10_020, 'Sending rejected: the sender is not allowed'),
  domain_not_verified: own(10_021, 'Sending rejected: the sender domain is not verified'),
  identity_inactive: own(10_022, 'Sending rejected: the sender is not active'),
  identity_suspended: own(10_023, 'Sending rejected: the sender is suspended'),
  no_active_provider: own(10_024, 'Sending rejected: no mail server is active'),
  template_not_found: own(10_030, 'Template not found'),
  template_not_approved: own(10_031, 'Template not approved'),
  template_lint_failed: own(10_032, 'Template has faults'),
  template_render_failed: own(10_033, 'Template could not be filled in'),
  content_rejected: own(10_034, 'Sending rejected due to the content'),
  canary_leaked: own(10_035, 'Sending rejected: the content holds a secret marker'),
  invalid_recipient: { http: 400, word: 400, message: 'Invalid email address' },
  do_not_contact: own(10_040, 'Sending rejected: the recipient must not be contacted'),
  suppressed: own(10_041, 'Sending rejected: the recipient is suppressed'),
  consent_missing: own(10_042, 'Sending rejected: the recipient has not agreed'),
  disengaged: own(10_043, 'Sending rejected: the recipient no longer reacts'),
  active_opportunity: own(10_044, 'Sending rejected: the recipient has an open opportunity'),
  thread_taken_over: own(10_045, 'Sending rejected: a person has the conversation'),
  lease_conflict: own(10_046, 'Sending rejected: another agent holds the recipient'),
  duplicate: own(10_047, 'Sending rejected: the message was sent before'),
  cooldown: quota,
  recipient_frequency_exceeded: quota,
  send_rate_exceeded: { http: 429, word: 429, message: RATE },
  hourly_quota_exceeded: quota,
  daily_quota_exceeded: quota,
  monthly_quota_exceeded: quota,
  identity_cap_exceeded: quota,
  mailboxes_exhausted: quota,
  recipient_domain_throttled: quota,
  warmup_limit_exceeded: quota,
  risk_budget_exceeded: own(10_050, 'Sending rejected: too many bounces or complaints'),
  negative_signal_budget_exceeded: own(10_051, 'Sending rejected: too many bad signs'),
  approval_required: { http: 200, word: 0, message: 'OK' },
  content_review_required: { http: 200, word: 0, message: 'OK' },
  waiting_for_slot: { http: 200, word: 0, message: 'OK' },
  quarantine_hold: { http: 200, word: 0, message: 'OK' },
  policy_unavailable: { http: 503, word: 503, message: 'Service unavailable' },
  service_unavailable: { http: 503, word: 503, message: 'Service unavailable' },
  internal_error: { http: 500, word: 500, message: 'Internal error' },
} as const satisfies Readonly<Record<ReasonCode, ServiceM8Word>>;

/** The message of a reason; a limit whose window is `rate` is a rate, whatever it is set on. */
export function messageOf(code: ReasonCode, evidence: Readonly<Record<string, unknown>>): string {
  const { message } = SERVICEM8_WORDS[code];
  return message === QUOTA && evidence['window'] === 'rate' ? RATE : message;
}
