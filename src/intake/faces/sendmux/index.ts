/**
 * Sendmux: sends one by one and in batches, and files uploaded before.
 *
 * What holds: a key in flight is not waited for (409 at once); what its pages say of retrying is kept, also where ours differs; a
 * message is taken when at least one of its recipients is, and `rejected` names the others.
 * Deliberately absent: routing (the key decides it), its management and its mailboxes.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type IntakeDoor, idempotencyKeyOf, readByHand } from '../../door.ts';
import type { Face } from '../face.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { queuedData, refusalOf, refused, taken } from './answer.ts';
import { attachmentRoutes } from './attachments.ts';
import { answerBatch, inputOf } from './batch.ts';
import { openapiRoute } from './openapi.ts';
import { SENDMUX_LIMITS } from './rates.ts';
import { readSendmux } from './read.ts';
import { uploadRoutes } from './uploads.ts';
import { SENDMUX_WORDS } from './words.ts';

const BASE = '/compat/sendmux/api/v1';

export const sendmux: Face = {
  name: 'sendmux',
  title: 'Sendmux',
  base: '/compat/sendmux',
  words: SENDMUX_WORDS,
  refuse: (problem, request) => refused(request, refusalOf(problem)),
  routes,
};

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const sends = {
    ...readByHand,
    schema: { hide: true },
    config: { scopes: ['send'] as const, flawsRead: true, requestLimits: SENDMUX_LIMITS },
  };
  server.post(`${BASE}/emails/send`, sends, (request, reply) => sendOne(request, reply, door));
  server.post(`${BASE}/emails/send/batch`, sends, (request, reply) => sendBatch(request, reply, door));
  attachmentRoutes(server, door, BASE);
  uploadRoutes(server, door, BASE);
  openapiRoute(server, BASE);
}

async function sendOne(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const read = readSendmux(request.body);
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const told = await toldOfOne(request, door, () => door.intake.submit(inputOf(request, read.body, key)));
  const { problem } = told;
  const answer =
    problem === null
      ? taken(request, queuedData(told as Told & { kind: 'decided' }, read.body))
      : refused(request, refusalOf(problem, read.body));
  return answerTold(request, reply, told, answer);
}

function refuseKey(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): FastifyReply {
  return door.problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
}

async function sendBatch(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  return key === false ? refuseKey(request, reply, door) : answerBatch(request, reply, door, key);
}
