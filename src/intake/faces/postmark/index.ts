/**
 * Postmark: what its official package needs to send (one, a batch, from templates) and to read back. A message of which one
 * recipient is taken is taken; in a batch each element has its own `ErrorCode`.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readAddress } from '../../../base/address.ts';
import type { ProblemBody } from '../../../core/explain.ts';
import { formatTime } from '../../../core/time.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, submitInput } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { refuseUnknown } from '../../lookup.ts';
import type { Face } from '../face.ts';
import { idOfUuid, uuidOf } from '../face-ids.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { readPostmark } from './read.ts';
import { shownInList, shownWhole } from './show.ts';
import { suppressionRoutes } from './suppressions.ts';
import { POSTMARK_WORDS } from './words.ts';

const BASE = '/compat/postmark';
const MOST_IN_A_BATCH = 500;

export const postmark: Face = {
  name: 'postmark',
  title: 'Postmark',
  base: BASE,
  words: POSTMARK_WORDS,
  authorization(headers) {
    const token = headers['x-postmark-server-token'];
    return typeof token === 'string' ? `Bearer ${token}` : undefined;
  },
  refuse,
  routes,
};

function refuse(problem: ProblemBody): OtherAnswer {
  const { http, word } = POSTMARK_WORDS[problem.code];
  return { status: http, body: { ErrorCode: word, Message: messageOf(problem), ...nameOfRefused(problem) } };
}

function messageOf({ detail, fix, errors }: ProblemBody): string {
  const issues = (errors ?? []).map(({ param, message }) => (param ? `${param}: ${message}` : message));
  return [...(issues.length > 1 ? issues : [detail]), fix].join(' ');
}

/** Refusals by the policy can be looked up. */
function nameOfRefused({ message_id }: ProblemBody): { MessageID?: string } {
  return message_id === null || message_id === '' ? {} : { MessageID: uuidOf('msg', message_id) };
}

type ById = { Params: { id: string } };

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const hidden = { schema: { hide: true } };
  const sends = { ...readByHand, ...hidden, config: { scopes: ['send'] as const, flawsRead: true } };
  const reads = { ...hidden, config: { scopes: ['read'] as const } };
  for (const path of ['/email', '/email/withTemplate']) {
    server.post(BASE + path, sends, (request, reply) => sendOne(request, reply, door));
  }
  server.post(`${BASE}/email/batch`, sends, (request, reply) => sendBatch(request, reply, door, request.body));
  server.post(`${BASE}/email/batchWithTemplates`, sends, (request, reply) => {
    const { body } = request;
    return sendBatch(request, reply, door, isFields(body) ? body['Messages'] : undefined);
  });
  server.get(`${BASE}/messages/outbound`, reads, (request, reply) => list(request, reply, door));
  server.get<ById>(`${BASE}/messages/outbound/:id/details`, reads, (request, reply) => show(request, reply, door));
  suppressionRoutes(server, door, BASE);
}

async function sendOne(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const read = readPostmark(request.body);
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, key)));
  if (told.problem !== null) return answerTold(request, reply, told, refuse(told.problem));
  return answerTold(request, reply, told, { status: 200, body: takenBody(told, read.to) });
}

function refuseKey(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): FastifyReply {
  return door.problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
}

function takenBody(told: Told, to: string): Record<string, unknown> {
  const { messageId, createdAt } = told as Told & { kind: 'decided' };
  return {
    To: to,
    SubmittedAt: formatTime(createdAt),
    MessageID: uuidOf('msg', messageId),
    ErrorCode: 0,
    Message: 'OK',
  };
}

async function sendBatch(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  messages: unknown,
): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  if (!Array.isArray(messages)) {
    const message = `It must be a list of at most ${MOST_IN_A_BATCH} messages.`;
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'Messages', message }]);
  }
  if (messages.length > MOST_IN_A_BATCH) {
    const evidence = { limit: MOST_IN_A_BATCH, count: messages.length };
    return door.problems.refuse(request, reply, 'batch_too_large', { evidence });
  }
  const rows = await Promise.all(
    messages.map(async (one, i) => {
      const read = readPostmark(one);
      if (!read.ok) return { ErrorCode: POSTMARK_WORDS.validation_failed.word, Message: read.errors[0]!.message };
      const named = key === null ? null : `${key}:${i}`;
      const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, named)));
      return told.problem === null ? takenBody(told, read.to) : refuse(told.problem).body;
    }),
  );
  return reply.send(rows);
}

const EVERYTHING = { status: null, recipient: null, tag: null, reason: null, since: null, until: null, q: null };

/** How far a list reaches back. */
const MOST_LISTED = 200;

async function list(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { count = '50', offset = '0', tag, recipient } = request.query as Record<string, string | undefined>;
  const [wanted, skipped] = [Number(count), Number(offset)];
  const isRange = Number.isInteger(wanted) && Number.isInteger(skipped) && wanted >= 1 && skipped >= 0;
  if (!isRange || wanted + skipped > MOST_LISTED) {
    const message = `Count and offset together reach at most ${MOST_LISTED}.`;
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'count', message }]);
  }
  const { tenantNo, mode } = request.caller!.principal!;
  const read = recipient === undefined ? null : readAddress(recipient);
  const filter = { ...EVERYTHING, tag: tag ?? null, recipient: read?.ok === true ? read.address.key : null };
  const { rows, next } = await door.store.messages({ tenantNo, mode, filter, limit: wanted + skipped, cursor: null });
  const Messages = rows.slice(skipped).map(shownInList);
  return reply.send({ TotalCount: rows.length + (next === null ? 0 : 1), Messages });
}

async function show(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { tenantNo, mode } = request.caller!.principal!;
  const name = { tenantNo, mode, id: idOfUuid('msg', request.params.id) ?? '' };
  const timeline = await door.store.messageTimeline(name);
  if (timeline === null) return refuseUnknown(request, reply, door, request.params.id);
  return reply.send(shownWhole(timeline.message, timeline.events, await door.intake.content(name)));
}
