/**
 * What each reason is in Molted's words. Its policy page has eighteen, and an answer to a send is always 200 with one of them; the
 * finer names of its reference for agents come where a client asks for them. The first that fails on the wire is the one in
 * `MOLTED_ORDER`, which is not the catalogue's order.
 */
import type { ReasonCode } from '../../../core/reasons.ts';
import type { FaceWord } from '../face.ts';

/** The reasons of the policy page in the order of its rules; those that it does not order stand behind. */
export const MOLTED_ORDER = [
  'tenant_paused',
  'template_not_approved',
  'suppressed',
  'dnc',
  'active_opportunity',
  'duplicate',
  'cooldown',
  'budget_exceeded',
  'monthly_budget_exceeded',
  'risk_budget_exceeded',
  'negative_signal_budget_exceeded',
  'trial_not_activated',
  'subscription_expired',
  'template_lint_failed',
  'thread_taken_over',
  'rate_limited',
  'lease_conflict',
  'no_verified_domain',
  'storage_limit_exceeded',
] as const;

export type MoltedReason = (typeof MOLTED_ORDER)[number];

/** `finer`: its name where the client asks for the vocabulary of the reference for agents. */
export type MoltedWord = FaceWord & { word: string; finer?: string };

const blocked = (word: MoltedReason, finer?: string): MoltedWord & { http: 200; word: MoltedReason } => ({
  http: 200,
  word,
  ...(finer === undefined ? {} : { finer }),
});

export const MOLTED_WORDS = {
  authentication_required: { http: 401, word: 'unauthorized' },
  insufficient_permissions: { http: 403, word: 'insufficient_scope' },
  human_decision_required: { http: 403, word: 'human_decision_required' },
  malformed_request: { http: 400, word: 'invalid_params' },
  unsupported_media_type: { http: 400, word: 'invalid_params' },
  method_not_allowed: { http: 405, word: 'method_not_allowed' },
  request_timeout: { http: 408, word: 'request_timeout' },
  validation_failed: { http: 400, word: 'invalid_params' },
  attachment_rejected: { http: 400, word: 'invalid_params' },
  payload_too_large: { http: 413, word: 'payload_too_large' },
  batch_too_large: { http: 400, word: 'batch_too_large' },
  not_found: { http: 404, word: 'not_found' },
  cursor_expired: { http: 410, word: 'cursor_expired' },
  state_conflict: { http: 409, word: 'state_conflict' },
  idempotency_key_invalid: { http: 400, word: 'invalid_params' },
  idempotency_key_reused: blocked('duplicate'),
  idempotency_in_progress: blocked('duplicate'),
  request_rate_exceeded: { http: 429, word: 'rate_limited' },
  account_quarantined: blocked('tenant_paused'),
  account_suspended: blocked('tenant_paused'),
  account_paused: blocked('tenant_paused'),
  trial_not_activated: blocked('trial_not_activated'),
  trial_expired: blocked('subscription_expired'),
  subscription_expired: blocked('subscription_expired'),
  insufficient_credits: blocked('subscription_expired'),
  storage_limit_exceeded: blocked('storage_limit_exceeded'),
  sender_not_authorized: blocked('no_verified_domain'),
  domain_not_verified: blocked('no_verified_domain', 'sender_domain_not_verified'),
  identity_inactive: blocked('no_verified_domain', 'mailbox_not_active'),
  identity_suspended: blocked('no_verified_domain', 'mailbox_paused'),
  no_active_provider: blocked('no_verified_domain'),
  template_not_found: blocked('template_not_approved', 'template_not_found'),
  template_not_approved: blocked('template_not_approved'),
  template_lint_failed: blocked('template_lint_failed'),
  template_render_failed: blocked('template_lint_failed', 'template_render_failed'),
  content_rejected: blocked('template_lint_failed', 'content_check'),
  canary_leaked: blocked('template_lint_failed', 'canary_violation'),
  invalid_recipient: blocked('suppressed'),
  do_not_contact: blocked('dnc'),
  suppressed: blocked('suppressed'),
  consent_missing: blocked('suppressed', 'no_consent'),
  disengaged: blocked('suppressed', 'disengaged'),
  active_opportunity: blocked('active_opportunity'),
  thread_taken_over: { http: 409, word: 'thread_taken_over' },
  lease_conflict: blocked('lease_conflict'),
  duplicate: blocked('duplicate'),
  cooldown: blocked('cooldown'),
  recipient_frequency_exceeded: blocked('rate_limited'),
  send_rate_exceeded: blocked('rate_limited'),
  // Of the whole account; of a part of it they are `rate_limited`, see `wordOf`.
  hourly_quota_exceeded: blocked('budget_exceeded', 'hourly_limit_exceeded'),
  daily_quota_exceeded: blocked('budget_exceeded', 'daily_limit_exceeded'),
  monthly_quota_exceeded: blocked('monthly_budget_exceeded', 'monthly_limit_exceeded'),
  identity_cap_exceeded: blocked('rate_limited'),
  mailboxes_exhausted: blocked('rate_limited'),
  recipient_domain_throttled: blocked('rate_limited', 'domain_throttled'),
  warmup_limit_exceeded: blocked('rate_limited', 'warmup_limit'),
  risk_budget_exceeded: blocked('risk_budget_exceeded'),
  negative_signal_budget_exceeded: blocked('negative_signal_budget_exceeded'),
  approval_required: { http: 200, word: 'pending_approval' },
  content_review_required: { http: 200, word: 'pending_approval' },
  waiting_for_slot: { http: 200, word: 'scheduled' },
  quarantine_hold: { http: 200, word: 'pending_approval' },
  policy_unavailable: { http: 503, word: 'suppression_check_unavailable' },
  service_unavailable: { http: 503, word: 'service_unavailable' },
  internal_error: { http: 500, word: 'internal_error' },
} as const satisfies Readonly<Record<ReasonCode, MoltedWord>>;

const QUOTAS: ReadonlySet<ReasonCode> = new Set([
  'hourly_quota_exceeded',
  'daily_quota_exceeded',
  'monthly_quota_exceeded',
]);

type Found = { code: ReasonCode; scope: { kind: string } | null; evidence: Readonly<Record<string, unknown>> };

/** A budget is the whole account's; every other limit is a rate. An address that is missing has a finer name of its own. */
export function wordOf({ code, scope, evidence }: Found): MoltedWord {
  const word: MoltedWord = MOLTED_WORDS[code];
  if (QUOTAS.has(code) && scope !== null && scope.kind !== 'tenant') return { ...word, word: 'rate_limited' };
  const isAddress = code === 'template_lint_failed' && String(evidence['findings']) === 'missing_address';
  return isAddress ? { ...word, finer: 'missing_physical_address' } : word;
}

/** Where a word stands among those that fail first. */
export function rankOf({ word }: MoltedWord): number {
  const rank = (MOLTED_ORDER as readonly string[]).indexOf(word);
  return rank === -1 ? MOLTED_ORDER.length : rank;
}

/** Names of rules in a trace, where Molted has one of its own. */
const RULE_NAMES: Readonly<Partial<Record<ReasonCode, string>>> = {
  account_paused: 'tenant_pause',
  template_not_approved: 'template_approval',
  suppressed: 'suppression',
  do_not_contact: 'dnc',
  duplicate: 'deduplication',
  hourly_quota_exceeded: 'hourly_budget',
  daily_quota_exceeded: 'daily_budget',
  monthly_quota_exceeded: 'monthly_budget',
  risk_budget_exceeded: 'risk_budget',
  negative_signal_budget_exceeded: 'negative_signal_budget',
  lease_conflict: 'lease',
  approval_required: 'autonomy_level',
  content_review_required: 'content_check',
};

export function ruleNameOf(code: ReasonCode): string {
  return RULE_NAMES[code] ?? code;
}
