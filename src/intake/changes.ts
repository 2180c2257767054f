/** Changing messages that have not left, and freeing the content of those that have. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { DecidedReason } from '../core/explain.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { RecipientDecision } from '../data/port/messages.ts';
import { decisionBody } from './check.ts';
import type { IntakeDoor } from './door.ts';
import { answerMessage, ID_PARAMS, nameOf, refuseUnknown } from './lookup.ts';
import { wholeMessageSchema } from './message-schemas.ts';
import { answerWith, foremost, problemOutcome, textsOf } from './outcome.ts';

type ById = { Params: { id: string } };

export function changeRoutes(server: FastifyInstance, door: IntakeDoor): void {
  const sends = { config: { scopes: ['send'] as const } };
  server.post<ById>(
    '/v1/messages/:id/cancel',
    {
      ...sends,
      schema: {
        tags: ['Messages'],
        summary: 'Cancel a message',
        description:
          'Recipients that have not left become `cancelled` and give their places in limits and their credits back. When all have left: `state_conflict`.',
        params: ID_PARAMS,
        response: { 200: wholeMessageSchema },
      },
    },
    (request, reply) => cancel(request, reply, door),
  );
  server.patch<ById & { Body: { send_at: string | null } }>(
    '/v1/messages/:id',
    {
      ...sends,
      schema: {
        tags: ['Messages'],
        summary: 'Give a message another time',
        description:
          'Recipients that have not left get new places under the limits at the new time, all or none: where one has no place the answer is its reasons, and nothing changes.',
        params: ID_PARAMS,
        body: Type.Object(
          {
            send_at: Type.Union([Type.String({ maxLength: 35 }), Type.Null()], {
              description: 'RFC 3339; null: as soon as possible.',
              examples: ['2026-12-01T09:00:00Z'],
            }),
          },
          { additionalProperties: false },
        ),
        response: { 200: wholeMessageSchema },
      },
    },
    (request, reply) => reschedule(request, reply, door),
  );
  server.delete<ById>(
    '/v1/messages/:id/content',
    {
      ...sends,
      schema: {
        tags: ['Messages'],
        summary: 'Free the content of a message',
        description:
          'The stored body and attachments are removed; envelope, verdict and events stay. Not for a message of which something is still to leave: `state_conflict`.',
        params: ID_PARAMS,
        response: { 200: wholeMessageSchema },
      },
    },
    (request, reply) => freeContent(request, reply, door),
  );
}

function refuseState(
  request: FastifyRequest<ById>,
  reply: FastifyReply,
  door: IntakeDoor,
  state: string,
  action: string,
): FastifyReply {
  const evidence = { resource: 'message', id: request.params.id, state, action };
  return door.problems.refuse(request, reply, 'state_conflict', { evidence });
}

async function cancel(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const answer = await door.store.cancelMessage(nameOf(request));
  if (answer.outcome === 'not_found') return refuseUnknown(request, reply, door);
  if (answer.outcome === 'conflict') return refuseState(request, reply, door, answer.state, 'cancel');
  return answerMessage(request, reply, door);
}

async function reschedule(
  request: FastifyRequest<ById & { Body: { send_at: string | null } }>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const given = request.body.send_at;
  const sendAt = given === null ? null : parseTime(given);
  if (given !== null && sendAt === null) {
    const message = 'It must be a time as RFC 3339 has it, such as "2026-12-01T09:00:00Z".';
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'send_at', message }]);
  }
  const answer = await door.store.rescheduleMessage({ ...nameOf(request), sendAt });
  switch (answer.outcome) {
    case 'not_found':
      return refuseUnknown(request, reply, door);
    case 'conflict':
      return refuseState(request, reply, door, answer.state, 'reschedule');
    case 'invalid': {
      const { param, message } = answer;
      return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
    }
    case 'refused':
      return refuseTime(request, reply, door, answer);
    case 'done':
      return answerMessage(request, reply, door);
  }
}

function refuseTime(
  request: FastifyRequest<ById>,
  reply: FastifyReply,
  door: IntakeDoor,
  { now, recipients }: { now: number; recipients: RecipientDecision[] },
): FastifyReply {
  const texts = textsOf(request, door.problems);
  const refused = recipients.filter(({ verdict }) => verdict.verdict === 'block');
  const input = {
    reasons: foremost(refused.map(({ verdict }) => verdict)).reasons as readonly DecidedReason[],
    recipients: recipients.map(({ email, verdict }) => ({
      ...decisionBody(email, verdict, texts),
      scheduled_at: verdict.verdict === 'schedule' ? formatTime(verdict.departAt) : null,
    })),
    messageId: request.params.id,
  };
  return answerWith(request, reply, problemOutcome(request, door.problems, input, { now }));
}

async function freeContent(
  request: FastifyRequest<ById>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const answer = await door.store.removeContent(nameOf(request));
  if (answer.outcome === 'not_found') return refuseUnknown(request, reply, door);
  if (answer.outcome === 'conflict') return refuseState(request, reply, door, answer.state, 'free the content');
  await door.blobs.removeUnused(answer.unused, (sha256s) => door.store.unusedBlobs({ sha256s }));
  return answerMessage(request, reply, door);
}
