/** `decide`: folds the ordered rules over the facts. Pure; the same facts, policy and engine give the same verdict. */

import type { ReasonCode } from '../core/reasons.ts';
import { simulatedReason } from '../core/simulator.ts';
import { type Policy, withIdentityCap } from './document.ts';
import type { Facts } from './facts.ts';
import { RULES } from './rules/index.ts';
import type { Send, SendRecipient } from './send.ts';
import type { DecidedReason, DecidedWarning, Evidence, Finding, Verdict } from './verdict.ts';

const NO_REASONS: readonly DecidedReason[] = [];
const NO_WARNINGS: readonly DecidedWarning[] = [];

export function decide(send: Send, recipient: SendRecipient, facts: Facts, base: Policy): Verdict {
  if (facts.simulated !== null) return simulatedVerdict(facts.simulated as ReasonCode, facts);
  const policy = withIdentityCap(base, facts.identityCap);
  let blocks: DecidedReason[] | null = null;
  let warnings: DecidedWarning[] | null = null;
  for (const [, rule] of RULES) {
    const findings = rule(send, recipient, facts, policy);
    for (const finding of findings) {
      if (finding.outcome === 'warn') {
        warnings ??= [];
        warnings.push({ code: finding.code, scope: finding.scope, evidence: finding.evidence });
      } else {
        blocks ??= [];
        blocks.push(reasonOf(finding));
      }
    }
  }
  if (blocks !== null) {
    // Warnings speak of a send that goes through; a refused one has reasons.
    const slot = send.onLimit === 'defer' && facts.place !== null && blocks.every(clearsAsLimit) ? facts.place : null;
    if (slot === null) return { verdict: 'block', departAt: facts.departAt, reasons: blocks, warnings: NO_WARNINGS };
    return scheduled(slot, facts.departAt, blocks, warnings ?? NO_WARNINGS);
  }
  if (facts.departAt > facts.now) return scheduled(facts.departAt, facts.departAt, [], warnings ?? NO_WARNINGS);
  return { verdict: 'accept', departAt: facts.departAt, reasons: NO_REASONS, warnings: warnings ?? NO_WARNINGS };
}

const LIMIT_REASONS: ReadonlySet<ReasonCode> = new Set([
  'send_rate_exceeded',
  'hourly_quota_exceeded',
  'daily_quota_exceeded',
  'monthly_quota_exceeded',
  'identity_cap_exceeded',
  'recipient_domain_throttled',
  'recipient_frequency_exceeded',
]);

function clearsAsLimit(reason: DecidedReason): boolean {
  return reason.clearsAt !== null && LIMIT_REASONS.has(reason.code);
}

function scheduled(
  departAt: number,
  askedFor: number,
  waitedOn: readonly DecidedReason[],
  warnings: readonly DecidedWarning[],
): Verdict {
  const evidence: Evidence = {
    slot: departAt,
    asked_for: askedFor,
    waits_for: waitedOn.map((reason) => reason.code),
    limits: waitedOn.map((reason) => String(reason.evidence['limit_name'] ?? '')),
  };
  return {
    verdict: 'schedule',
    departAt,
    reasons: [{ code: 'waiting_for_slot', scope: null, clearsAt: departAt, evidence }],
    warnings,
  };
}

function simulatedVerdict(code: ReasonCode, facts: Facts): Verdict {
  return {
    verdict: 'block',
    departAt: facts.departAt,
    reasons: [simulatedReason(code, facts.now) as DecidedReason],
    warnings: NO_WARNINGS,
  };
}

function reasonOf(finding: Finding & { outcome: 'block' | 'hold' }): DecidedReason {
  const { code, scope, clearsAt, clearsBy, evidence } = finding;
  return clearsBy === undefined ? { code, scope, clearsAt, evidence } : { code, scope, clearsAt, clearsBy, evidence };
}

export type TraceLine = {
  rule: string;
  outcome: 'pass' | 'warn' | 'hold' | 'block';
  code: string | null;
  evidence: Evidence;
};

/** Every rule with what it found, in order: for a check and for a stored verdict that is looked at again. */
export function trace(send: Send, recipient: SendRecipient, facts: Facts, base: Policy): TraceLine[] {
  const policy = withIdentityCap(base, facts.identityCap);
  return RULES.flatMap(([name, rule]): TraceLine[] => {
    const findings = rule(send, recipient, facts, policy);
    if (findings.length === 0) return [{ rule: name, outcome: 'pass', code: null, evidence: {} }];
    return findings.map((finding) => ({
      rule: name,
      outcome: finding.outcome,
      code: finding.code,
      evidence: finding.evidence,
    }));
  });
}
