/** Looking messages up: the list, one whole, and the decision on one. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { readAddress } from '../base/address.ts';
import { messageIdIn } from '../base/id-forms.ts';
import { isReasonCode, REASON_CODES } from '../core/reasons.ts';
import { RECIPIENT_STATES } from '../core/states.ts';
import { parseTime } from '../core/time.ts';
import type { MessageFilter, MessageName } from '../data/port/messages.ts';
import { PAGE_QUERY, type PageQuery, pageOf, pageSchema } from '../http/page-query.ts';
import { idText, oneOf } from '../http/schemas.ts';
import type { IntakeDoor } from './door.ts';
import { messageBody, wholeMessageBody } from './message-body.ts';
import { messageSchema, verdictSchema, wholeMessageSchema } from './message-schemas.ts';
import { verdictBody } from './verdict-body.ts';

const longest = 320;

const listQuery = Type.Object(
  {
    ...PAGE_QUERY,
    status: Type.Optional(
      oneOf([...RECIPIENT_STATES, 'partial'], { description: 'Of the message, or of any of its recipients.' }),
    ),
    recipient: Type.Optional(Type.String({ maxLength: longest, description: 'An address, in any letter case.' })),
    tag: Type.Optional(Type.String({ maxLength: longest })),
    reason: Type.Optional(oneOf(REASON_CODES, { description: 'A reason of any of its recipients.' })),
    since: Type.Optional(Type.String({ maxLength: 35, description: 'RFC 3339; from this time on.' })),
    until: Type.Optional(Type.String({ maxLength: 35, description: 'RFC 3339; before this time.' })),
    q: Type.Optional(
      Type.String({ minLength: 1, maxLength: longest, description: 'Part of the subject or of an address.' }),
    ),
  },
  { additionalProperties: false },
);

type ListQuery = PageQuery &
  Partial<Record<'recipient' | 'tag' | 'reason' | 'since' | 'until' | 'q', string>> & {
    status?: MessageFilter['status'];
  };

export const ID_PARAMS = Type.Object({ id: idText('msg') });

export function lookupRoutes(server: FastifyInstance, door: IntakeDoor): void {
  const reads = { config: { scopes: ['read'] as const } };
  server.get<{ Querystring: ListQuery }>(
    '/v1/messages',
    {
      ...reads,
      schema: {
        tags: ['Messages'],
        summary: 'List messages',
        description:
          'Newest first. A page looks at a bounded number of messages: under a filter it may hold few or none and still have a `next_cursor`.',
        querystring: listQuery,
        response: { 200: pageSchema('MessageList', messageSchema) },
      },
    },
    (request, reply) => answerList(request, reply, door),
  );
  server.get<{ Params: { id: string } }>(
    '/v1/messages/:id',
    {
      ...reads,
      schema: {
        tags: ['Messages'],
        summary: 'Get a message',
        description: 'A message as it stands now, with all that happened to it. Refused ones can be looked up as well.',
        params: ID_PARAMS,
        response: { 200: wholeMessageSchema },
      },
    },
    (request, reply) => answerMessage(request, reply, door),
  );
  server.get<{ Params: { id: string }; Querystring: { now?: string } }>(
    '/v1/messages/:id/verdict',
    {
      ...reads,
      schema: {
        tags: ['Messages'],
        summary: 'Explain the decision on a message',
        description:
          'The stored decision, the facts it was made on, and the answer of every rule, decided once more to prove it. With `now=true` also what would be decided now; that consumes nothing.',
        params: ID_PARAMS,
        querystring: Type.Object(
          { now: Type.Optional(oneOf(['true', 'false'], { description: 'Whether to look again.' })) },
          { additionalProperties: false },
        ),
        response: { 200: verdictSchema },
      },
    },
    (request, reply) => answerVerdict(request, reply, door),
  );
}

/** The message that a route names, in any form of its id, for the store. */
export function nameOf(request: FastifyRequest<{ Params: { id: string } }>): MessageName {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode, id: messageIdIn(request.params.id) };
}

export function refuseUnknown(
  request: FastifyRequest,
  reply: FastifyReply,
  door: Pick<IntakeDoor, 'problems'>,
  id: string,
): FastifyReply {
  return door.problems.refuse(request, reply, 'not_found', { evidence: { resource: 'message', id: id.slice(0, 100) } });
}

/** Answers with a message as it stands. */
export async function answerMessage(
  request: FastifyRequest<{ Params: { id: string } }>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const timeline = await door.store.messageTimeline(nameOf(request));
  if (timeline === null) return refuseUnknown(request, reply, door, request.params.id);
  const policy = await door.policies.get(timeline.admission.policyVersion);
  return reply.send(wholeMessageBody(timeline, policy, door.problems.texts(request)));
}

async function answerList(
  request: FastifyRequest<{ Querystring: ListQuery }>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const filter = filterOf(request.query);
  if ('errors' in filter) return door.problems.invalid(request, reply, filter.errors);
  const { tenantNo, mode } = request.caller!.principal!;
  const { rows, next } = await door.store.messages({ tenantNo, mode, filter, ...pageOf(request.query) });
  const texts = door.problems.texts(request);
  return reply.send({ data: rows.map((message) => messageBody(message, texts)), next_cursor: next });
}

type Issue = { code: string; param: string; message: string };

function filterOf(query: ListQuery): MessageFilter | { errors: Issue[] } {
  const errors: Issue[] = [];
  const invalid = (param: string, message: string) => errors.push({ code: 'invalid_parameter', param, message });
  const time = (name: 'since' | 'until'): number | null => {
    const text = query[name];
    const ms = text === undefined ? null : parseTime(text);
    if (text !== undefined && ms === null) invalid(name, 'It must be a time as RFC 3339 has it.');
    return ms;
  };
  const since = time('since');
  const until = time('until');
  let recipient: string | null = null;
  if (query.recipient !== undefined) {
    const read = readAddress(query.recipient);
    if (read.ok) recipient = read.address.key;
    else invalid('recipient', read.message);
  }
  if (errors.length > 0) return { errors };
  const { status = null, tag = null, q = null } = query;
  const reason = query.reason !== undefined && isReasonCode(query.reason) ? query.reason : null;
  return { status, recipient, tag, reason, since, until, q };
}

async function answerVerdict(
  request: FastifyRequest<{ Params: { id: string }; Querystring: { now?: string } }>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const name = nameOf(request);
  const stored = await door.store.storedVerdict(name);
  if (stored === null) return refuseUnknown(request, reply, door, request.params.id);
  const again = request.query.now === 'true' ? await door.store.lookAgain(name) : null;
  const policies = await Promise.all(stored.recipients.map((one) => door.policies.get(one.policyVersion)));
  return reply.send(verdictBody(stored, policies, again, door.problems.texts(request)));
}
