/**
 * Resend: what its official package needs to send (one, or a batch), read back, cancel and reschedule.
 *
 * A send with several recipients is taken when at least one of them is; the others' reasons stand in `X-Postern-Reason` and on
 * the message. Deliberately absent: what is no sending (audiences, broadcasts, inboxes, API keys).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseTime } from '../../../core/time.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { refusedCancel, refusedReschedule } from '../../changes.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, refuseKey, submitInput } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import type { Face } from '../face.ts';
import { uuidOf } from '../face-ids.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { sendBatch } from './batch.ts';
import { readResend } from './read.ts';
import { type ById, list, nameIn, show } from './read-back.ts';
import { RESEND, refuse } from './refuse.ts';
import { suppressionRoutes } from './suppressions.ts';
import { readWhen } from './when.ts';
import { RESEND_WORDS } from './words.ts';

const { base: BASE } = RESEND;

export const resend: Face = { name: 'resend', ...RESEND, words: RESEND_WORDS, refuse, routes };

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const hidden = { schema: { hide: true } };
  const sends = { ...readByHand, ...hidden, config: { scopes: ['send'] as const, flawsRead: true } };
  const reads = { ...hidden, config: { scopes: ['read'] as const } };
  const changes = { ...hidden, config: { scopes: ['send'] as const } };
  server.post(`${BASE}/emails`, sends, (request, reply) => sendOne(request, reply, door));
  server.post(`${BASE}/emails/batch`, sends, (request, reply) => sendBatch(request, reply, door));
  server.get(`${BASE}/emails`, reads, (request, reply) => list(request, reply, door));
  server.get<ById>(`${BASE}/emails/:id`, reads, (request, reply) => show(request, reply, door));
  server.patch<ById>(`${BASE}/emails/:id`, changes, (request, reply) => reschedule(request, reply, door));
  server.post<ById>(`${BASE}/emails/:id/cancel`, changes, (request, reply) => cancel(request, reply, door));
  suppressionRoutes(server, door, BASE);
}

async function sendOne(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const read = readResend(request.body, Date.now());
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, key)));
  return answerTold(request, reply, told, answerOf(told, request));
}

function answerOf(told: Told, request: FastifyRequest): OtherAnswer {
  const problem = told.problem;
  if (problem !== null) return refuse(problem, request);
  return { status: 200, body: { id: uuidOf('msg', (told as Told & { kind: 'decided' }).messageId) } };
}

async function reschedule(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { body } = request;
  const given = isFields(body) ? body['scheduled_at'] : undefined;
  const when = readWhen(given, Date.now());
  const sendAt = typeof when === 'string' ? parseTime(when) : null;
  if (sendAt === null) {
    const message = 'It must be a time such as "2026-12-01T09:00:00Z", or "in 1 hour".';
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'scheduled_at', message }]);
  }
  const refused = await refusedReschedule(request, reply, door, nameIn(request), sendAt);
  return refused ?? reply.send({ object: 'email', id: request.params.id });
}

async function cancel(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const refused = await refusedCancel(request, reply, door, nameIn(request));
  return refused ?? reply.send({ object: 'email', id: request.params.id });
}
