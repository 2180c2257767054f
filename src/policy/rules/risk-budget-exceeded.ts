/** Too large a share of what was sent bounced or was reported as spam; each share is reported by itself. */
import type { Finding } from '../verdict.ts';
import { PASS, type Rule } from './rule.ts';

export const riskBudgetExceeded: Rule = (send, _recipient, facts, policy) => {
  const { budget } = facts;
  if (budget === null) return PASS;
  const { maxBounceRate, maxComplaintRate } = policy.budgets.rates;
  const found: Finding[] = [];
  const look = (measure: string, count: number, maxRate: number, clearsAt: number | null): void => {
    if (clearsAt === null) return;
    found.push({
      outcome: 'block',
      code: 'risk_budget_exceeded',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt,
      evidence: {
        measure,
        count,
        rate: count / budget.sent,
        max_rate: maxRate,
        sample: budget.sent,
        min_sample: policy.budgets.rates.minSample,
        window: policy.document.risk_budget.window ?? null,
        frees_at: clearsAt,
      },
    });
  };
  look('bounce_rate', budget.bounces, maxBounceRate, budget.bouncesClearAt);
  look('complaint_rate', budget.complaints, maxComplaintRate, budget.complaintsClearAt);
  return found.length === 0 ? PASS : found;
};
