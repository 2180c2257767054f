/** Emails read back: one with all that is known of it, and lists before and after one of them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { MessageName } from '../../../data/port/messages.ts';
import type { StoredMessage } from '../../../data/store.ts';
import type { IntakeDoor } from '../../door.ts';
import { refuseUnknown } from '../../lookup.ts';
import { messageIdIn } from '../face-ids.ts';
import { eachMessage } from '../message-pages.ts';
import { shownInList, shownWhole } from './show.ts';

export type ById = { Params: { id: string } };

/** The message that a path names, by its UUID or by our own id. */
export const nameIn = (request: FastifyRequest<ById>): MessageName => named(request, request.params.id);

function named(request: FastifyRequest, id: string): MessageName {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode, id: messageIdIn(id) };
}

/** Paths of Resend's that stand where an id does. */
const NO_IDS: ReadonlySet<string> = new Set(['metrics', 'receiving']);

export async function show(
  request: FastifyRequest<ById>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const { id } = request.params;
  if (NO_IDS.has(id)) {
    const [path] = request.url.split('?');
    return door.problems.refuse(request, reply, 'not_found', { evidence: { path } });
  }
  const name = nameIn(request);
  const timeline = await door.store.messageTimeline(name);
  if (timeline === null) return refuseUnknown(request, reply, door, id);
  const { message, events } = timeline;
  return reply.send(shownWhole(message, msgIdOf(request, door, message), events, await door.intake.content(name)));
}

const msgIdOf = (request: FastifyRequest, { intake }: IntakeDoor, { id }: { id: string }): string =>
  intake.msgIdOf(id, request.caller!.principal!.tenantNo);

const DEFAULT_PAGE = 20;
const LARGEST_PAGE = 100;

export async function list(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { limit: asked = String(DEFAULT_PAGE), after, before } = request.query as Record<string, string | undefined>;
  const limit = Number(asked);
  const invalid = (param: string, message: string) =>
    door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
    return invalid('limit', `It must be a whole number from 1 to ${LARGEST_PAGE}.`);
  }
  if (after !== undefined && before !== undefined) return invalid('before', 'Give "after" or "before", not both.');
  const marker = after ?? before;
  const marked = marker === undefined ? null : await door.store.message(named(request, marker));
  if (marker !== undefined && marked === null) return refuseUnknown(request, reply, door, marker);
  const found = before === undefined ? older(request, door, marked, limit) : newer(request, door, marked!, limit);
  const { messages, hasMore } = await found;
  const data = messages.map((message) => shownInList(message, msgIdOf(request, door, message)));
  return reply.send({ object: 'list', has_more: hasMore, data });
}

type Found = { messages: StoredMessage[]; hasMore: boolean };

/** What came before the one named, or the newest of all. */
async function older(
  request: FastifyRequest,
  door: IntakeDoor,
  last: StoredMessage | null,
  limit: number,
): Promise<Found> {
  const messages: StoredMessage[] = [];
  for await (const message of eachMessage(request, door, { wanted: limit + 1, olderThan: last?.id ?? null })) {
    messages.push(message);
    if (messages.length > limit) break;
  }
  return { messages: messages.slice(0, limit), hasMore: messages.length > limit };
}

/** What came right after the one named, still the newest first. */
async function newer(request: FastifyRequest, door: IntakeDoor, first: StoredMessage, limit: number): Promise<Found> {
  const messages: StoredMessage[] = [];
  for await (const message of eachMessage(request, door, { since: first.createdAt })) {
    if (message.id === first.id) break;
    messages.push(message);
    if (messages.length > limit + 1) messages.shift();
  }
  return { messages: messages.slice(-limit), hasMore: messages.length > limit };
}
