/** What would become of a send, in the shape of Molted's dry run. Nothing is consumed. */
import type { ReasonCode } from '../../../core/reasons.ts';
import { formatTime } from '../../../core/time.ts';
import { type Decided, inOrder, named, refusalFields, traceOf, type Vocabulary } from './answer.ts';
import { wordOf } from './words.ts';

const BILLING: ReadonlySet<ReasonCode> = new Set([
  'trial_not_activated',
  'trial_expired',
  'subscription_expired',
  'insufficient_credits',
]);

/** `billingPlan`: the name of the account's plan; null: it has none. */
export function simulationBody(
  told: Decided,
  vocabulary: Vocabulary,
  billingPlan: string | null,
): Record<string, unknown> & { wouldAllow: boolean } {
  const { reasons, status, departAt } = told.recipients[0]!;
  const refusing = inOrder(reasons);
  const [first] = refusing;
  const words = new Set(refusing.map((reason) => wordOf(reason).word));
  const has = (code: ReasonCode): boolean => reasons.some((reason) => reason.code === code);
  const fields = refusalFields(reasons);
  const reasonCode = fields['suppressionReason'];
  return {
    wouldAllow: status !== 'blocked',
    simulation: true,
    ...(first === undefined ? {} : { reason: named(wordOf(first), vocabulary) }),
    ...(reasonCode === undefined ? {} : { suppressionInfo: { scope: 'tenant', reasonCode } }),
    ...fields,
    resolvedFromAddress: told.from,
    rateLimited: words.has('rate_limited'),
    policyContext: {
      hasDuplicate: has('duplicate'),
      isCooldownHit: has('cooldown'),
      isSuppressed: has('suppressed') || has('do_not_contact'),
      isDisengaged: has('disengaged'),
      hasActiveOpportunity: has('active_opportunity'),
      isTenantPaused: words.has('tenant_paused'),
      templateApproved: !words.has('template_not_approved'),
      templateLintPassed: !has('template_lint_failed'),
      isBillingBlocked: reasons.some(({ code }) => BILLING.has(code)),
      billingPlan,
    },
    ...(status === 'scheduled' ? { wouldDefer: true, scheduledFor: formatTime(departAt) } : {}),
    ...(status === 'held' ? { wouldHold: true } : {}),
    ...(has('content_review_required') ? { contentCheck: { held: true } } : {}),
    policyTrace: traceOf(reasons, vocabulary),
  };
}
