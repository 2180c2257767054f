/**
 * What became of a send, as every face is told of it: the decision with its texts, or a problem that came before one. A face
 * translates it and decides nothing.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../core/explain.ts';
import { type DecidedReason, type ExplainedReason, type ExplainedWarning, explainReason } from '../../core/explain.ts';
import type { RecipientState } from '../../core/states.ts';
import type { RiskStanding } from '../../data/port/quarantine.ts';
import { type LimitState, StoreFault } from '../../data/store.ts';
import { setHeadroom } from '../../http/headroom-headers.ts';
import { refusal, retryAfterSeconds } from '../../http/problems.ts';
import { unserved } from '../../http/unserved.ts';
import { answerWithOther, type OtherAnswer } from '../../http/wording.ts';
import { type IntakeDoor, outcomeOf } from '../door.ts';
import { decidedOutcome, foremost, headroomOf, messageWarnings, problemOutcome, STATE_OF } from '../outcome.ts';
import type { Checked, Submitted } from '../submit.ts';
import type { SubmitInput } from '../submit-input.ts';

export type ToldRecipient = {
  id: string | null;
  email: string;
  status: RecipientState;
  /** Milliseconds. */
  departAt: number;
  reasons: ExplainedReason[];
  limits: LimitState[];
};

export type Told =
  | {
      kind: 'decided';
      messageId: string;
      /** Milliseconds. */
      createdAt: number;
      /** At least one recipient is not blocked. */
      isAccepted: boolean;
      isReplayed: boolean;
      /** The address that it would go out under; of a check alone. */
      from: string | null;
      recipients: ToldRecipient[];
      warnings: ExplainedWarning[];
      limits: LimitState[];
      risk: RiskStanding;
      /** Why all recipients are refused; null where one is accepted. */
      problem: ProblemBody | null;
      /** Whole seconds until a retry is worth it, or null. */
      retryAfter: number | null;
      /** The primary reason of the recipients that are refused, or null. */
      reason: ExplainedReason | null;
    }
  | {
      kind: 'problem';
      problem: ProblemBody;
      retryAfter: number | null;
      headers: Readonly<Record<string, string | number>>;
    };

/** Of a send, or of a check of one, which has no id. */
export async function toldOf(request: FastifyRequest, door: IntakeDoor, submitted: Submitted | Checked): Promise<Told> {
  const answer = submitted.outcome === 'answer' ? submitted.answer : null;
  if (answer === null || answer.outcome === 'invalid' || answer.outcome === 'key_reused') {
    return problemTold(await outcomeOf(request, door, submitted as Submitted));
  }
  const policy = await door.policies.get(answer.policyVersion);
  const texts = door.problems.texts(request);
  const refusedOnes = answer.recipients.filter(({ verdict }) => verdict === 'block');
  const isAccepted = refusedOnes.length < answer.recipients.length;
  const headroom = headroomOf(answer, policy, isAccepted);
  const problem = isAccepted
    ? null
    : (decidedOutcome(request, door.problems, answer, policy, false).body as ProblemBody);
  const explained = (reasons: readonly unknown[]) =>
    reasons.map((reason) => explainReason(reason as DecidedReason, texts));
  const primary = refusedOnes.length === 0 ? null : (foremost(refusedOnes).reasons[0] ?? null);
  return {
    kind: 'decided',
    messageId: answer.messageId,
    createdAt: answer.createdAt,
    isAccepted,
    isReplayed: answer.outcome === 'replayed',
    from: answer.outcome === 'checked' ? answer.from : null,
    recipients: answer.recipients.map((one, i) => ({
      id: one.id,
      email: one.email,
      status: STATE_OF[one.verdict],
      departAt: one.departAt,
      reasons: explained(one.reasons),
      limits: headroom.recipients[i] ?? [],
    })),
    warnings: messageWarnings(answer, texts),
    limits: headroom.message,
    risk: answer.risk,
    problem,
    retryAfter: problem === null ? null : retryAfterSeconds(problem, answer.createdAt),
    reason: primary === null ? null : explained([primary])[0]!,
  };
}

function problemTold({ body, headers }: { body: object; headers: Record<string, string | number> }): Told {
  const { 'Retry-After': wait, ...others } = headers;
  return {
    kind: 'problem',
    problem: body as ProblemBody,
    retryAfter: typeof wait === 'number' ? wait : null,
    headers: others,
  };
}

/** As one of several: a fault of the store in one is that one's, since the others were perhaps stored. */
export async function toldOfOne(
  request: FastifyRequest,
  door: IntakeDoor,
  submit: () => Promise<Submitted | Checked>,
): Promise<Told> {
  try {
    return await toldOf(request, door, await submit());
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    const { code, refusal: why } = unserved(error);
    return problemTold(problemOutcome(request, door.problems, refusal(code, why)));
  }
}

export type ToldAll =
  | { outcome: 'taken'; tolds: (Told & { kind: 'decided' })[] }
  /** None was sent, because of the one at this place; or those before it alone, where they made of the account what it is now. */
  | { outcome: 'refused'; at: number; told: Told; problem: ProblemBody };

/** Of several that are sent all or not at all. */
export async function toldOfAll(
  request: FastifyRequest,
  door: IntakeDoor,
  inputs: readonly SubmitInput[],
): Promise<ToldAll> {
  const all = await door.intake.submitAll(inputs);
  if (all.outcome === 'refused') {
    const told = await toldOf(request, door, all.submitted);
    return { outcome: 'refused', at: all.at, told, problem: sentBefore(told.problem!, 'None was sent') };
  }
  const tolds = await Promise.all(all.answers.map((answer) => toldOf(request, door, { outcome: 'answer', answer })));
  const at = tolds.findIndex(({ problem }) => problem !== null);
  if (at === -1) return { outcome: 'taken', tolds: tolds as (Told & { kind: 'decided' })[] };
  const told = tolds[at]!;
  return { outcome: 'refused', at, told, problem: sentBefore(told.problem!, `The first ${at} were sent, and no more`) };
}

/** Why not all were sent; issues say it each for itself. */
function sentBefore(problem: ProblemBody, what: string): ProblemBody {
  return { ...problem, detail: `${what}: ${problem.detail}` };
}

/** Answers in a face's words, with the headers that every face has: headroom, the canonical reason, when to come back, whether it is an earlier answer. */
export function answerTold(
  request: FastifyRequest,
  reply: FastifyReply,
  told: Told,
  answer: OtherAnswer,
): FastifyReply {
  if (told.kind === 'decided') {
    request.headroomSet = true;
    setHeadroom(reply, told.limits, told.createdAt, told.risk);
    if (told.isReplayed) reply.header('Idempotent-Replayed', 'true');
  } else reply.headers(told.headers);
  const reason = told.kind === 'decided' ? told.reason?.code : told.problem.code;
  if (reason !== undefined) reply.header('X-Postern-Reason', reason);
  if (told.retryAfter !== null) reply.header('Retry-After', told.retryAfter);
  return answerWithOther(reply, answer);
}
