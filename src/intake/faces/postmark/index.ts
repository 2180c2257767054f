/**
 * Postmark: what its official package needs to send (one, a batch, from templates) and to read back. A message of which one
 * recipient is taken is taken; in a batch each element has its own `ErrorCode`.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../../core/explain.ts';
import { formatTime } from '../../../core/time.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, refuseKey, submitInput } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { refuseUnknown } from '../../lookup.ts';
import type { Face } from '../face.ts';
import { messageIdIn, uuidOf } from '../face-ids.ts';
import { fieldNames, issuesOf, messageOf, ofFace } from '../message-of.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { list } from './list.ts';
import { readPostmark } from './read.ts';
import { shownWhole } from './show.ts';
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

const nameOf = fieldNames({
  ...{ from: 'From', to: 'To', cc: 'Cc', bcc: 'Bcc', reply_to: 'ReplyTo', subject: 'Subject', html: 'HtmlBody' },
  ...{ text: 'TextBody', metadata: 'Metadata', tags: 'Tag', headers: 'Headers', kind: 'MessageStream' },
  ...{ in_reply_to: 'Headers.In-Reply-To', references: 'Headers.References', attachments: 'Attachments' },
  ...{ 'attachments.filename': 'Name', 'attachments.content': 'Content', 'attachments.content_type': 'ContentType' },
  ...{ 'attachments.content_id': 'ContentID', template: '', 'template.id': 'TemplateAlias' },
  'template.data': 'TemplateModel',
});

const INACTIVE = POSTMARK_WORDS.suppressed.word;

function refuse(given: ProblemBody, request: FastifyRequest): OtherAnswer {
  const { http, word } = POSTMARK_WORDS[given.code];
  const problem =
    given.code === 'authentication_required' ? { ...given, fix: SEND_TOKEN } : ofFace(given, request, postmark);
  const message = messageOf(problem, nameOf);
  const Message = word === INACTIVE ? `${message} ${inactive(problem)}` : message;
  return { status: http, body: { ErrorCode: word, Message, ...nameOfRefused(problem) } };
}

const SEND_TOKEN = 'Send a valid key of Postern as `X-Postmark-Server-Token`.';

/** In the words from which its clients take the addresses. */
function inactive({ recipients }: ProblemBody): string {
  const emails = recipients.flatMap((one) => (isFields(one) && typeof one['email'] === 'string' ? [one['email']] : []));
  return `Found inactive addresses: ${emails.join(', ')}. Inactive recipients are not written to.`;
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
  server.get<ById>(`${BASE}/messages/outbound/:id/dump`, reads, (request, reply) => dump(request, reply, door));
  suppressionRoutes(server, door, BASE);
}

async function sendOne(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const read = readPostmark(request.body);
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, key)));
  if (told.problem !== null) return answerTold(request, reply, told, refuse(told.problem, request));
  return answerTold(request, reply, told, { status: 200, body: takenBody(told, read.told) });
}

function takenBody(told: Told, audience: Record<string, string>): Record<string, unknown> {
  const { messageId, createdAt, recipients } = told as Told & { kind: 'decided' };
  const refused = recipients.filter(({ status }) => status === 'blocked').map(({ email }) => email);
  return {
    ...audience,
    SubmittedAt: formatTime(createdAt),
    MessageID: uuidOf('msg', messageId),
    ErrorCode: 0,
    Message:
      refused.length === 0
        ? 'OK'
        : `Message OK, but will not deliver to these inactive addresses: ${refused.join(', ')}`,
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
      if (!read.ok) return { ErrorCode: POSTMARK_WORDS.validation_failed.word, Message: issuesOf(read.errors, nameOf) };
      const named = key === null ? null : `${key}:${i}`;
      const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, named)));
      return told.problem === null ? takenBody(told, read.told) : refuse(told.problem, request).body;
    }),
  );
  return reply.send(rows);
}

async function show(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { tenantNo, mode } = request.caller!.principal!;
  const name = { tenantNo, mode, id: messageIdIn(request.params.id) };
  const timeline = await door.store.messageTimeline(name);
  if (timeline === null) return refuseUnknown(request, reply, door, request.params.id);
  return reply.send(shownWhole(timeline.message, timeline.events, await door.intake.content(name)));
}

/** The mail as it went out is not kept; an empty text is Postmark's word for that. */
async function dump(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { tenantNo, mode } = request.caller!.principal!;
  const message = await door.store.message({ tenantNo, mode, id: messageIdIn(request.params.id) });
  return message === null ? refuseUnknown(request, reply, door, request.params.id) : reply.send({ Body: '' });
}
