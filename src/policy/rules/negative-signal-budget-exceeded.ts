/** Too many bounces, complaints and unsubscribes, whatever their share. */
import { PASS, type Rule } from './rule.ts';

export const negativeSignalBudgetExceeded: Rule = (send, _recipient, facts, policy) => {
  const { budget } = facts;
  if (budget === null || budget.signalsClearAt === null) return PASS;
  const { signals, signalBounces, signalComplaints } = budget;
  const clearsAt = budget.signalsClearAt;
  return [
    {
      outcome: 'block',
      code: 'negative_signal_budget_exceeded',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt,
      evidence: {
        used: signals,
        limit: policy.budgets.number.max,
        window: policy.document.negative_signals.window ?? null,
        bounces: signalBounces,
        complaints: signalComplaints,
        unsubscribes: signals - signalBounces - signalComplaints,
        frees_at: clearsAt,
      },
    },
  ];
};
