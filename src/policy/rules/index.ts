/**
 * The rules in the order in which they are asked. Blocking ones stand in the catalogue's order of precedence, so the
 * first that blocks is the primary reason. All of them run, and all that they find is kept.
 */
import { accountPaused } from './account-paused.ts';
import { accountQuarantined } from './account-quarantined.ts';
import { accountSuspended } from './account-suspended.ts';
import { activeOpportunity } from './active-opportunity.ts';
import { approvalRequired } from './approval-required.ts';
import { canaryLeaked } from './canary-leaked.ts';
import { consentMissing } from './consent-missing.ts';
import { contentRejected } from './content-rejected.ts';
import { contentReviewRequired } from './content-review-required.ts';
import { contentWarning } from './content-warning.ts';
import { cooldown } from './cooldown.ts';
import { dailyQuotaExceeded } from './daily-quota-exceeded.ts';
import { disengaged } from './disengaged.ts';
import { disengaging } from './disengaging.ts';
import { disposableAddress } from './disposable-address.ts';
import { doNotContact } from './do-not-contact.ts';
import { domainNotVerified } from './domain-not-verified.ts';
import { duplicate } from './duplicate.ts';
import { hourlyQuotaExceeded } from './hourly-quota-exceeded.ts';
import { identityCapExceeded } from './identity-cap-exceeded.ts';
import { identityInactive } from './identity-inactive.ts';
import { identitySuspended } from './identity-suspended.ts';
import { insufficientCredits } from './insufficient-credits.ts';
import { invalidRecipient } from './invalid-recipient.ts';
import { leaseConflict } from './lease-conflict.ts';
import { limitApproaching } from './limit-approaching.ts';
import { mailboxesExhausted } from './mailboxes-exhausted.ts';
import { monthlyQuotaExceeded } from './monthly-quota-exceeded.ts';
import { negativeSignalBudgetExceeded } from './negative-signal-budget-exceeded.ts';
import { noActiveProvider } from './no-active-provider.ts';
import { possibleTypo } from './possible-typo.ts';
import { quarantineApproaching } from './quarantine-approaching.ts';
import { recipientDomainThrottled } from './recipient-domain-throttled.ts';
import { recipientFrequencyExceeded } from './recipient-frequency-exceeded.ts';
import { riskBudgetExceeded } from './risk-budget-exceeded.ts';
import { roleAccount } from './role-account.ts';
import type { Rule } from './rule.ts';
import { sendRateExceeded } from './send-rate-exceeded.ts';
import { senderNotAuthorized } from './sender-not-authorized.ts';
import { storageLimitExceeded } from './storage-limit-exceeded.ts';
import { subscriptionExpired } from './subscription-expired.ts';
import { suppressed } from './suppressed.ts';
import { templateLintFailed } from './template-lint-failed.ts';
import { templateNotApproved } from './template-not-approved.ts';
import { templateNotFound } from './template-not-found.ts';
import { templateRenderFailed } from './template-render-failed.ts';
import { templateWarning } from './template-warning.ts';
import { threadTakenOver } from './thread-taken-over.ts';
import { trialExpired } from './trial-expired.ts';
import { trialNotActivated } from './trial-not-activated.ts';
import { unreachableReplies } from './unreachable-replies.ts';
import { warmupLimitExceeded } from './warmup-limit-exceeded.ts';

export const RULES: readonly (readonly [name: string, rule: Rule])[] = [
  ['account_quarantined', accountQuarantined],
  ['account_suspended', accountSuspended],
  ['account_paused', accountPaused],
  ['trial_not_activated', trialNotActivated],
  ['trial_expired', trialExpired],
  ['subscription_expired', subscriptionExpired],
  ['insufficient_credits', insufficientCredits],
  ['storage_limit_exceeded', storageLimitExceeded],
  ['sender_not_authorized', senderNotAuthorized],
  ['domain_not_verified', domainNotVerified],
  ['identity_inactive', identityInactive],
  ['identity_suspended', identitySuspended],
  ['no_active_provider', noActiveProvider],
  ['template_not_found', templateNotFound],
  ['template_not_approved', templateNotApproved],
  ['template_lint_failed', templateLintFailed],
  ['template_render_failed', templateRenderFailed],
  ['content_rejected', contentRejected],
  ['canary_leaked', canaryLeaked],
  ['invalid_recipient', invalidRecipient],
  ['do_not_contact', doNotContact],
  ['suppressed', suppressed],
  ['consent_missing', consentMissing],
  ['disengaged', disengaged],
  ['active_opportunity', activeOpportunity],
  ['thread_taken_over', threadTakenOver],
  ['lease_conflict', leaseConflict],
  ['duplicate', duplicate],
  ['cooldown', cooldown],
  ['recipient_frequency_exceeded', recipientFrequencyExceeded],
  ['send_rate_exceeded', sendRateExceeded],
  ['hourly_quota_exceeded', hourlyQuotaExceeded],
  ['daily_quota_exceeded', dailyQuotaExceeded],
  ['monthly_quota_exceeded', monthlyQuotaExceeded],
  ['identity_cap_exceeded', identityCapExceeded],
  ['mailboxes_exhausted', mailboxesExhausted],
  ['recipient_domain_throttled', recipientDomainThrottled],
  ['warmup_limit_exceeded', warmupLimitExceeded],
  ['risk_budget_exceeded', riskBudgetExceeded],
  ['negative_signal_budget_exceeded', negativeSignalBudgetExceeded],
  ['approval_required', approvalRequired],
  ['content_review_required', contentReviewRequired],
  ['quarantine_approaching', quarantineApproaching],
  ['limit_approaching', limitApproaching],
  ['content_warning', contentWarning],
  ['unreachable_replies', unreachableReplies],
  ['disengaging', disengaging],
  ['role_account', roleAccount],
  ['disposable_address', disposableAddress],
  ['possible_typo', possibleTypo],
  ['template_warning', templateWarning],
];
