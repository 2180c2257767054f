/**
 * What became of a send in Molted's shapes: `queued`, `scheduled`, `pending_approval` or `blocked`, and the trace of every rule in
 * the order of its policy page. The reason in an answer is the first that fails in that order; all of them stand in the trace, with
 * the canonical codes.
 */
import type { ExplainedReason, ProblemBody } from '../../../core/explain.ts';
import { REASONS, type ReasonCode } from '../../../core/reasons.ts';
import { formatTime } from '../../../core/time.ts';
import { RULES } from '../../../policy/rules/index.ts';
import { requestOf } from '../face-ids.ts';
import type { Told, ToldRecipient } from '../told.ts';
import { MOLTED_WORDS, type MoltedWord, rankOf, ruleNameOf, wordOf } from './words.ts';

export type Decided = Told & { kind: 'decided' };

/** `finer`: in the vocabulary of the reference for agents. */
export type Vocabulary = 'page' | 'finer';

export const named = (word: MoltedWord, vocabulary: Vocabulary): string =>
  vocabulary === 'finer' ? (word.finer ?? word.word) : word.word;

/** The reasons that refuse, the first that fails first. */
export function inOrder(reasons: readonly ExplainedReason[]): ExplainedReason[] {
  return reasons
    .filter(({ code }) => REASONS[code].http !== null)
    .sort((a, b) => rankOf(wordOf(a)) - rankOf(wordOf(b)));
}

/** Each rule that can refuse or hold, in the order in which they fail. */
const TRACED: readonly ReasonCode[] = RULES.map(([name]) => name as ReasonCode)
  .filter((name) => Object.hasOwn(MOLTED_WORDS, name))
  .sort((a, b) => rankOf(MOLTED_WORDS[a]) - rankOf(MOLTED_WORDS[b]));

const sentence = ({ detail, fix }: ExplainedReason): string => `${detail} ${fix}`;

export function traceOf(reasons: readonly ExplainedReason[], vocabulary: Vocabulary): object {
  const refusing = inOrder(reasons);
  const [first] = refusing;
  const found = new Map(reasons.map((reason) => [reason.code, reason]));
  const traced = [...TRACED, ...refusing.map(({ code }) => code).filter((code) => !TRACED.includes(code))];
  const decision =
    first === undefined
      ? { allow: true }
      : { allow: false, reason: named(wordOf(first), vocabulary), code: first.code };
  return {
    decision,
    auditEvents: traced.map((code) => {
      const reason = found.get(code);
      const rule = ruleNameOf(code);
      if (reason === undefined) return { rule, passed: true, code };
      const { clears, scope, evidence } = reason;
      const said = { reason: named(wordOf(reason), vocabulary), detail: sentence(reason) };
      return { rule, passed: false, code, ...said, clears, scope, evidence };
    }),
    ...cooldownIn(reasons),
  };
}

function cooldownIn(reasons: readonly ExplainedReason[]): { cooldownExpiresAt?: string | null } {
  const cooldown = reasons.find(({ code }) => code === 'cooldown');
  return cooldown === undefined ? {} : { cooldownExpiresAt: cooldown.clears.at };
}

const MANUAL = 'manual_dnc';

/** Why nothing is sent there, in the five words that there are. */
const SUPPRESSION: Readonly<Partial<Record<ReasonCode, (reason: ExplainedReason) => string>>> = {
  suppressed: ({ evidence }) => {
    const why = String(evidence['suppression_reason']);
    return why === 'unsubscribe' ? MANUAL : why;
  },
  invalid_recipient: () => 'hard_bounce',
  consent_missing: () => MANUAL,
  disengaged: () => MANUAL,
};

/** What a refusal says beside its word. */
export function refusalFields(reasons: readonly ExplainedReason[]): Record<string, unknown> {
  const [first] = inOrder(reasons);
  if (first === undefined) return {};
  const suppressionReason = SUPPRESSION[first.code]?.(first);
  const original = reasons.find(({ code }) => code === 'duplicate')?.evidence['original_message_id'];
  return {
    ...(suppressionReason === undefined ? {} : { suppressionReason }),
    ...(typeof original === 'string' ? { originalRequestId: requestOf(original) } : {}),
    ...cooldownIn(reasons),
    detail: first.detail,
    fix: first.fix,
    retryable: reasons.every(({ retryable }) => retryable),
    clears: first.clears,
    customerMessage: first.customer_message,
    docUrl: first.doc_url,
  };
}

/** What its clients branch on. */
type Became = Record<string, unknown> & { status: string };

/** One send; `told.recipients` has one. `projectedAt`: when a warm-up would let it go, where that is too far. */
export function sendBody(told: Decided, vocabulary: Vocabulary, projectedAt: number | null): Became {
  const one = told.recipients[0]!;
  const requestId = requestOf(told.messageId);
  const policyTrace = traceOf(one.reasons, vocabulary);
  const warnings = told.warnings.length === 0 ? {} : { warnings: told.warnings };
  const limits = { limits: told.limits.map(budgetLine) };
  if (one.status === 'blocked') {
    const [first] = inOrder(one.reasons);
    const isTooFar = projectedAt !== null && vocabulary === 'finer';
    const reason = isTooFar ? 'warmup_horizon_exceeded' : named(wordOf(first!), vocabulary);
    const refusal = { ...refusalFields(one.reasons), ...projected(projectedAt) };
    return { requestId, status: 'blocked', reason, ...refusal, policyTrace, ...warnings, ...limits };
  }
  return { requestId, ...standingOf(one), policyTrace, ...warnings, ...limits };
}

const projected = (at: number | null): { projectedDate?: string } =>
  at === null ? {} : { projectedDate: formatTime(at).slice(0, 10) };

function standingOf({ status, reasons, departAt }: ToldRecipient): Became {
  if (status === 'held') {
    const held = reasons.find(({ evidence }) => typeof evidence['approval_id'] === 'string');
    const reason = reasons.some(({ code }) => code === 'approval_required') ? 'autonomy_level' : 'content_check';
    return {
      status: 'pending_approval',
      approvalId: held?.evidence['approval_id'] ?? null,
      reason,
      expiresAt: held?.clears.at ?? null,
    };
  }
  if (status !== 'scheduled') return { status: 'queued' };
  const slot = reasons.find(({ code }) => code === 'waiting_for_slot');
  // Of the mailboxes, or of the identity, whose places are a limit.
  const isWarmup = slot?.evidence['cause'] === 'warmup' || slot?.evidence['limit_name'] === 'warmup_places';
  return {
    status: 'scheduled',
    scheduledAt: formatTime(departAt),
    ...(isWarmup ? { reason: 'warmup_defer' } : {}),
  };
}

function budgetLine({ name, scope, limit, remaining, resetsAt }: Decided['limits'][number]): object {
  return { name, scope: scope.kind, limit, remaining, resetsAt: resetsAt === null ? null : formatTime(resetsAt) };
}

/** A refusal that no decision was made on, where it is one of its policy: in the form of those. */
export function undecidedBody(problem: ProblemBody, vocabulary: Vocabulary): Record<string, unknown> {
  const reason = named(wordOf(problem.reasons[0]!), vocabulary);
  return {
    requestId: '',
    status: 'blocked',
    reason,
    ...refusalFields(problem.reasons),
    policyTrace: traceOf(problem.reasons, vocabulary),
  };
}
