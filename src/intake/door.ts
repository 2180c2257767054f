/** What the routes of this door share: who asks, the idempotency key, and what a submission is answered with. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Secrets } from '../base/secrets.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { simulatedReason } from '../core/simulator.ts';
import type { Blobs } from '../data/blobs.ts';
import type { Admission, Store } from '../data/store.ts';
import { agentOf } from '../http/actor.ts';
import { type Asking, type Problems, refusal } from '../http/problems.ts';
import { answerWhole, type WholeAnswer } from '../http/whole-answer.ts';
import type { Policy } from '../policy/document.ts';
import { acceptedAnswer } from './accepted-answer.ts';
import { answerWith, decidedOutcome, type Outcome, problemOutcome } from './outcome.ts';
import type { Policies } from './policies.ts';
import type { Intake, Submitted } from './submit.ts';
import type { SubmitInput } from './submit-input.ts';

export type IntakeDoor = {
  intake: Intake;
  policies: Policies;
  problems: Problems;
  store: Store;
  blobs: Blobs;
  secrets: Pick<Secrets, 'seal' | 'open'>;
};

const KEY = /^[\x21-\x7e]{1,255}$/;

/** Bodies of sends are read by their own reader, which says more and is faster; their schema is for the reference alone. */
export const readByHand = { validatorCompiler: () => () => true };

export const SEND_HEADERS = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        '1 to 255 visible ASCII characters. The same key and content give the first answer again, for 24 hours.',
      examples: ['quote-42'],
    }),
  ),
  'x-agent-id': Type.Optional(
    Type.String({
      description: 'The agent that sends, where the body names none and the key belongs to none.',
      examples: ['outreach-1'],
    }),
  ),
});

export function isIdempotencyKey(text: string): boolean {
  return KEY.test(text);
}

/** The key, null where there is none, false where it cannot be one. */
export function idempotencyKeyOf(request: Pick<Asking, 'headers'>): string | null | false {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  return typeof given === 'string' && KEY.test(given) ? given : false;
}

export function refuseKey(
  request: FastifyRequest,
  reply: FastifyReply,
  { problems }: Pick<IntakeDoor, 'problems'>,
): FastifyReply {
  return problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
}

export function submitInput(request: Asking, body: unknown, idempotencyKey: string | null): SubmitInput {
  const caller = request.caller!;
  return {
    principal: caller.principal!,
    requestId: request.id,
    agent: agentOf(request),
    isAgentBound: caller.agent !== null,
    identities: caller.identities,
    body,
    idempotencyKey,
  };
}

/** What is answered to a submission, in Postern's own format; at once where the policy that decided is known. */
export function outcomeOf(
  request: FastifyRequest,
  { problems, policies }: Pick<IntakeDoor, 'problems' | 'policies'>,
  submitted: Submitted,
): Outcome | Promise<Outcome> {
  if (submitted.outcome !== 'answer') return refusedOutcome(request, problems, submitted);
  const { answer } = submitted;
  if (answer.outcome === 'invalid') {
    const errors = [{ code: 'invalid_parameter', param: answer.param, message: answer.message }];
    return problemOutcome(request, problems, refusal('validation_failed', { errors }));
  }
  if (answer.outcome === 'key_reused') {
    const evidence = { first_at: answer.firstUsedAt, original_message_id: answer.messageId };
    return problemOutcome(request, problems, refusal('idempotency_key_reused', { clearsAt: answer.until, evidence }));
  }
  const decided = (policy: Policy) => decidedOutcome(request, problems, answer, policy, answer.outcome === 'replayed');
  const policy = policies.get(answer.policyVersion);
  return policy instanceof Promise ? policy.then(decided) : decided(policy);
}

/** Answers a submission in Postern's own format. */
export function answerSubmitted(
  request: FastifyRequest,
  reply: FastifyReply,
  door: Pick<IntakeDoor, 'problems' | 'policies'>,
  submitted: Submitted,
): FastifyReply | Promise<FastifyReply> {
  const accepted = wholeAnswer(request, door, submitted, request.requestLimits);
  if (accepted !== null) {
    request.headroomSet = true;
    return answerWhole(request, reply, accepted);
  }
  const outcome = outcomeOf(request, door, submitted);
  return outcome instanceof Promise
    ? outcome.then((known) => answerWith(request, reply, known))
    : answerWith(request, reply, outcome);
}

/** The answer to a send that was accepted, where the policy that decided is known; null: `outcomeOf` tells what to answer. */
export function wholeAnswer(
  request: Asking,
  { problems, policies }: Pick<IntakeDoor, 'problems' | 'policies'>,
  submitted: Submitted,
  requestLimits: FastifyRequest['requestLimits'],
): WholeAnswer | null {
  if (submitted.outcome !== 'answer') return null;
  const { answer } = submitted;
  if (answer.outcome === 'invalid' || answer.outcome === 'key_reused' || !isAccepted(answer)) return null;
  const policy = policies.at(answer.policyVersion);
  if (policy === undefined) return null;
  const texts = () => problems.texts(request);
  return acceptedAnswer(answer, { policy, requestLimits, isReplayed: answer.outcome === 'replayed', texts });
}

function isAccepted({ recipients }: Pick<Admission, 'recipients'>): boolean {
  for (const { verdict } of recipients) if (verdict !== 'block') return true;
  return false;
}

/** What is answered to a submission that no decision was made on. */
export function refusedOutcome(
  request: FastifyRequest,
  problems: Problems,
  submitted: Exclude<Submitted, { outcome: 'answer' }>,
): Outcome {
  switch (submitted.outcome) {
    case 'malformed':
      return problemOutcome(request, problems, refusal(submitted.reason, { errors: submitted.errors }));
    case 'in_progress':
      return problemOutcome(request, problems, refusal('idempotency_in_progress', { retryAfterSeconds: 1 }));
    case 'forbidden_agent': {
      const detail = `This key belongs to another agent than ${submitted.agent}.`;
      return problemOutcome(request, problems, refusal('insufficient_permissions', { detail, param: 'agent' }));
    }
    case 'simulated':
      return simulatedOutcome(request, problems, submitted.code);
  }
}

const SIMULATED_HEADERS: Partial<Record<ReasonCode, Outcome['headers']>> = {
  authentication_required: { 'WWW-Authenticate': 'Bearer' },
  method_not_allowed: { Allow: 'GET, POST' },
};

function simulatedOutcome(request: FastifyRequest, problems: Problems, code: ReasonCode): Outcome {
  const input = { reasons: [simulatedReason(code, Date.now())], messageId: null };
  return problemOutcome(request, problems, input, { headers: SIMULATED_HEADERS[code] });
}
