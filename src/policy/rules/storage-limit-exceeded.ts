/** Stored content would pass the plan's limit. */
import { PASS, type Rule } from './rule.ts';

export const storageLimitExceeded: Rule = (send, _recipient, facts) => {
  const { storageUsed, storageLimit, storageFreesAt } = facts.account;
  if (storageLimit === null || storageUsed + facts.contentSize <= storageLimit) return PASS;
  return [
    {
      outcome: 'block',
      code: 'storage_limit_exceeded',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt: storageFreesAt,
      evidence: {
        used_bytes: storageUsed,
        limit_bytes: storageLimit,
        needed_bytes: facts.contentSize,
        frees_at: storageFreesAt,
      },
    },
  ];
};
