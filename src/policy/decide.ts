/** `decide`: folds the ordered rules over the facts. Pure; the same facts, policy and engine give the same verdict. */

import type { ReasonCode } from '../core/reasons.ts';
import { simulatedReason } from '../core/simulator.ts';
import type { Policy } from './document.ts';
import type { Facts } from './facts.ts';
import { adapted, adaptingIn } from './probation.ts';
import { RULES } from './rules/index.ts';
import type { Send, SendRecipient } from './send.ts';
import type { DecidedReason, DecidedWarning, Evidence, Finding, Verdict } from './verdict.ts';

const NO_REASONS: readonly DecidedReason[] = [];
const NO_WARNINGS: readonly DecidedWarning[] = [];
const IN_ORDER = RULES.map(([, rule]) => rule);

export function decide(send: Send, recipient: SendRecipient, facts: Facts, base: Policy): Verdict {
  if (facts.simulated !== null) return simulatedVerdict(facts.simulated as ReasonCode, send, recipient, facts);
  const policy = adapted(base, adaptingIn(facts));
  let blocks: DecidedReason[] | null = null;
  let holds: DecidedReason[] | null = null;
  let warnings: DecidedWarning[] | null = null;
  for (const rule of IN_ORDER) {
    const findings = rule(send, recipient, facts, policy);
    if (findings.length === 0) continue;
    for (const finding of findings) {
      if (finding.outcome === 'warn') {
        warnings ??= [];
        warnings.push({ code: finding.code, scope: finding.scope, evidence: finding.evidence });
      } else if (finding.outcome === 'hold') {
        holds ??= [];
        holds.push(reasonOf(finding));
      } else {
        blocks ??= [];
        blocks.push(reasonOf(finding));
      }
    }
  }
  const { departAt } = facts;
  const waits = blocks !== null && facts.place !== null && blocks.every((reason) => isWaitedFor(reason, send));
  // Warnings speak of a send that goes through; a refused one has reasons.
  if (blocks !== null && !waits) return { verdict: 'block', departAt, reasons: blocks, warnings: NO_WARNINGS };
  if (holds !== null) return { verdict: 'hold', departAt, reasons: holds, warnings: warnings ?? NO_WARNINGS };
  if (blocks !== null) return scheduled(facts.place!, quotaSlot(blocks), warnings ?? NO_WARNINGS);
  const pace = facts.pool?.pace ?? null;
  if (pace !== null && pace.cause !== 'none' && facts.place !== null) {
    return scheduled(facts.place, { cause: pace.cause }, warnings ?? NO_WARNINGS);
  }
  if (departAt > facts.now) return scheduled(departAt, { cause: 'send_at' }, warnings ?? NO_WARNINGS);
  return { verdict: 'accept', departAt, reasons: NO_REASONS, warnings: warnings ?? NO_WARNINGS };
}

const LIMIT_REASONS: ReadonlySet<ReasonCode> = new Set([
  'send_rate_exceeded',
  'hourly_quota_exceeded',
  'daily_quota_exceeded',
  'monthly_quota_exceeded',
  'identity_cap_exceeded',
  'warmup_limit_exceeded',
  'mailboxes_exhausted',
  'recipient_domain_throttled',
  'recipient_frequency_exceeded',
]);

/** Marketing mail waits for a mailbox's warm-up by itself; what else is full is waited for by those who asked for it. */
function isWaitedFor({ clearsAt, code, scope }: DecidedReason, { kind, onLimit }: Send): boolean {
  if (clearsAt === null || !LIMIT_REASONS.has(code)) return false;
  return onLimit === 'defer' || (kind === 'marketing' && isRamp(code, scope));
}

function isRamp(code: ReasonCode, scope: DecidedReason['scope']): boolean {
  return code === 'warmup_limit_exceeded' && scope?.kind === 'mailbox';
}

function scheduled(departAt: number, cause: Evidence, warnings: readonly DecidedWarning[]): Verdict {
  const evidence: Evidence = { ...cause, departs_at: departAt };
  return {
    verdict: 'schedule',
    departAt,
    reasons: [{ code: 'waiting_for_slot', scope: null, clearsAt: departAt, evidence }],
    warnings,
  };
}

/** Why a recipient waits for a place: `limit_name` is the limit that frees one last, `waits_for` are all that are full. */
function quotaSlot(full: readonly DecidedReason[]): Evidence {
  const last = full.reduce((a, b) => (b.clearsAt! > a.clearsAt! ? b : a));
  const waits_for = full.map(nameOf);
  const slot = { limit_name: nameOf(last), waits_for };
  if (last.code === 'mailboxes_exhausted') return { cause: 'mailbox', ...slot };
  if (isRamp(last.code, last.scope)) return { cause: 'warmup', ...slot, mailbox: last.evidence['mailbox']! };
  return { cause: 'quota', ...slot };
}

function nameOf({ code, scope, evidence }: DecidedReason): string {
  if (code === 'mailboxes_exhausted') return 'mailboxes';
  return isRamp(code, scope) ? 'mailbox_warmup' : String(evidence['limit_name']);
}

function simulatedVerdict(code: ReasonCode, send: Send, recipient: SendRecipient, facts: Facts): Verdict {
  return {
    verdict: 'block',
    departAt: facts.departAt,
    reasons: [simulated(code, send, recipient, facts)],
    warnings: NO_WARNINGS,
  };
}

/** What the simulator answers in place of the rules: a realistic case of the reason, for this tenant and recipient. */
function simulated(code: ReasonCode, send: Send, recipient: SendRecipient, facts: Facts): DecidedReason {
  return simulatedReason(code, facts.now, {
    tenant: { kind: 'tenant', id: send.scopes.tenant },
    recipient: { kind: 'recipient', id: recipient.key },
  }) as DecidedReason;
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
  if (facts.simulated !== null) {
    const { code, evidence } = simulated(facts.simulated as ReasonCode, send, recipient, facts);
    return [{ rule: code, outcome: 'block', code, evidence }];
  }
  const policy = adapted(base, adaptingIn(facts));
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
