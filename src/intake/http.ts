/** The HTTP door: send, batch and check. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { REASONS } from '../core/reasons.ts';
import { simulatedReason } from '../core/simulator.ts';
import { formatTime } from '../core/time.ts';
import type { AdmitAnswer } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { sendOutcome } from './outcome.ts';
import type { Policies } from './policies.ts';
import type { Intake, SubmitInput, Submitted } from './submit.ts';

export type IntakeDoor = { intake: Intake; policies: Policies; problems: Problems };

const KEY = /^[\x21-\x7e]{1,255}$/;

export function intakeRoutes(server: FastifyInstance, door: IntakeDoor): void {
  server.post('/v1/messages', { config: { scopes: ['send'], flawsRead: true } }, async (request, reply) => {
    const key = idempotencyKeyOf(request);
    if (key === false) return refuseKey(request, reply, door);
    return answer(request, reply, door, await door.intake.submit(submitInput(request, request.body, key)));
  });
}

function refuseKey(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): FastifyReply {
  return door.problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
}

/** The key, null where there is none, false where it cannot be one. */
export function idempotencyKeyOf(request: FastifyRequest): string | null | false {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  return typeof given === 'string' && KEY.test(given) ? given : false;
}

export function submitInput(request: FastifyRequest, body: unknown, idempotencyKey: string | null): SubmitInput {
  const caller = request.caller!;
  return {
    principal: caller.principal!,
    requestId: request.id,
    agent: caller.agent ?? agentHeader(request),
    identities: caller.identities,
    body,
    idempotencyKey,
  };
}

function agentHeader(request: FastifyRequest): string | null {
  const given = request.headers['x-agent-id'];
  return typeof given === 'string' && given !== '' ? given.slice(0, 255) : null;
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  submitted: Submitted,
): Promise<FastifyReply> {
  const { problems } = door;
  switch (submitted.outcome) {
    case 'malformed':
      return problems.refuse(request, reply, submitted.reason, { errors: submitted.errors });
    case 'in_progress':
      return problems.refuse(request, reply, 'idempotency_in_progress', { retryAfterSeconds: 1 });
    case 'forbidden_identity':
      return problems.refuse(request, reply, 'insufficient_permissions', {
        detail: `This key may not send as ${submitted.identity}.`,
        param: 'identity',
      });
    case 'simulated':
      return answerSimulated(request, reply, problems, submitted.code);
    case 'answer':
      return answerAdmitted(request, reply, door, submitted.answer);
  }
}

function answerSimulated(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  code: keyof typeof REASONS,
): FastifyReply {
  if (code === 'authentication_required') reply.header('WWW-Authenticate', 'Bearer');
  if (code === 'method_not_allowed') reply.header('Allow', 'GET, POST');
  return problems.send(request, reply, { reasons: [simulatedReason(code, Date.now())], messageId: null });
}

async function answerAdmitted(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  answered: AdmitAnswer,
): Promise<FastifyReply> {
  const { problems } = door;
  if (answered.outcome === 'invalid') {
    return problems.invalid(request, reply, [
      { code: 'invalid_parameter', param: answered.param, message: answered.message },
    ]);
  }
  if (answered.outcome === 'key_reused') {
    return problems.refuse(request, reply, 'idempotency_key_reused', {
      clearsAt: answered.until,
      evidence: { first_used_at: answered.firstUsedAt, original_message_id: answered.messageId },
    });
  }
  const policy = await door.policies.get(answered.policyVersion);
  return sendOutcome(request, reply, problems, answered, policy, answered.outcome === 'replayed');
}

export { formatTime };
