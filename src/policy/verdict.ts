/** The decision on one recipient. Its canonical form (codes, evidence, numbers, order) is reproducible bit for bit. */
import type { ReasonCode, WarningCode } from '../core/reasons.ts';

type Plain = string | number | boolean | null;

export type Evidence = Record<string, Plain | readonly string[] | readonly Readonly<Record<string, Plain>>[]>;

export type Clearer = 'time' | 'caller' | 'tenant' | 'operator' | 'recipient' | 'never';

export type Scope = { kind: string; id: string };

/** What a rule found. No finding means pass. */
export type Finding =
  | {
      outcome: 'block' | 'hold';
      code: ReasonCode;
      scope: Scope | null;
      /** Milliseconds, or null where no time can be computed. */
      clearsAt: number | null;
      /** Where it differs from the catalogue's. */
      clearsBy?: readonly Clearer[];
      evidence: Evidence;
    }
  | { outcome: 'warn'; code: WarningCode; scope: Scope | null; evidence: Evidence };

export type DecidedReason = {
  code: ReasonCode;
  scope: Scope | null;
  clearsAt: number | null;
  clearsBy?: readonly Clearer[];
  evidence: Evidence;
};

export type DecidedWarning = { code: WarningCode; scope: Scope | null; evidence: Evidence };

export type Verdict = {
  verdict: 'accept' | 'schedule' | 'hold' | 'block';
  /** When the recipient leaves, in milliseconds; what it counts at. Meaningless for a block. */
  departAt: number;
  reasons: readonly DecidedReason[];
  warnings: readonly DecidedWarning[];
};

/** The bytes that deciding again must give. */
export function canonicalVerdict(verdict: Verdict): string {
  return JSON.stringify([
    verdict.verdict,
    verdict.verdict === 'block' ? null : verdict.departAt,
    verdict.reasons.map((r) => [
      r.code,
      r.scope?.kind,
      r.scope?.id,
      r.clearsAt,
      r.clearsBy ?? null,
      sorted(r.evidence),
    ]),
    verdict.warnings.map((w) => [w.code, w.scope?.kind, w.scope?.id, sorted(w.evidence)]),
  ]);
}

function sorted(evidence: Evidence): [string, Evidence[string]][] {
  return Object.keys(evidence)
    .sort()
    .map((name) => [name, evidence[name]!]);
}
