/** `/v1/threads`: conversations, in the mode of the key. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { readContentText } from '../core/content-text.ts';
import type { Submission } from '../core/message.ts';
import { messageStatus } from '../core/states.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { Blobs } from '../data/blobs.ts';
import type { ThreadEntry, ThreadRow } from '../data/port/threads.ts';
import type { Store } from '../data/store.ts';
import { PAGE_QUERY, type PageQuery, pageOf, pageSchema } from '../http/page-query.ts';
import type { Problems } from '../http/problems.ts';
import { idText, oneOf, orNull } from '../http/schemas.ts';
import { inboundBody, inboundSchema, spaceOf } from './inbound-http.ts';

const TAGS = ['Threads'];
const LAST = ['message', 'reply', 'auto_reply'] as const;

const threadFields = {
  id: idText('thr'),
  subject: Type.String(),
  identity: orNull(Type.String(), { description: 'Handle of the sending identity.' }),
  contacts: Type.Array(Type.String(), { description: 'Whom it was written to, at most 100.' }),
  created_at: Type.String(),
  last_at: Type.String({ description: 'When something was last sent or came in.' }),
  last: oneOf(LAST, { description: 'What that was.' }),
  messages: Type.Integer({ description: 'How many were sent, at most 501.' }),
  replies: Type.Integer({ description: 'How many letters of people came in, at most 500.' }),
  archived_at: orNull(Type.String()),
};
const threadSchema = Type.Object(threadFields, { title: 'Thread' });

const entrySchema = Type.Object({
  type: oneOf(LAST),
  at: Type.String(),
  message: orNull(
    Type.Object({
      id: idText('msg'),
      status: Type.String(),
      from: Type.String(),
      to: Type.Array(Type.String(), { description: 'All addressees.' }),
      subject: Type.String(),
      text: orNull(Type.String()),
      html: orNull(Type.String(), { description: 'Null also where the content is no longer stored.' }),
    }),
    { description: 'What was sent.' },
  ),
  reply: orNull(inboundSchema, { description: 'What came in.' }),
});
const timelineSchema = Type.Object({ ...threadFields, timeline: Type.Array(entrySchema) }, { title: 'ThreadTimeline' });

const listQuery = Type.Object(
  {
    ...PAGE_QUERY,
    contact: Type.Optional(Type.String({ maxLength: 320, description: 'Only those with this address.' })),
    identity: Type.Optional(Type.String({ maxLength: 255, description: 'Only those of this identity: handle or id.' })),
    archived: Type.Optional(oneOf(['true', 'false'], { description: 'Only those put aside, or only the others.' })),
    since: Type.Optional(Type.String({ maxLength: 35, description: 'RFC 3339: something happened from then on.' })),
  },
  { additionalProperties: false },
);
type ListQuery = PageQuery & { contact?: string; identity?: string; archived?: 'true' | 'false'; since?: string };

const oneId = Type.Object({ id: Type.String({ maxLength: 100 }) });
const changeBody = Type.Object({ archived: Type.Boolean() }, { additionalProperties: false });

function threadBody(row: ThreadRow): Static<typeof threadSchema> {
  return {
    id: row.id,
    subject: row.subject,
    identity: row.identity,
    contacts: row.contacts,
    created_at: formatTime(row.createdAt),
    last_at: formatTime(row.lastAt),
    last: row.last,
    messages: row.messages,
    replies: row.replies,
    archived_at: row.archivedAt === null ? null : formatTime(row.archivedAt),
  };
}

async function entryBody(entry: ThreadEntry, blobs: Blobs): Promise<Static<typeof entrySchema>> {
  const at = formatTime(entry.at);
  if (entry.type !== 'message') return { type: entry.type, at, message: null, reply: inboundBody(entry.reply) };
  const { message, content } = entry;
  const octets = content === null ? null : 'inline' in content ? content.inline : await blobs.get(content.blob);
  const stored = octets === null ? null : contentOf(octets);
  return {
    type: 'message',
    at,
    message: {
      id: message.id,
      status: messageStatus(message.recipients.map(({ state }) => state)),
      from: message.from.email,
      to: message.recipients.map(({ email }) => email),
      subject: message.subject,
      text: stored?.text ?? null,
      html: stored?.html ?? null,
    },
    reply: null,
  };
}

function contentOf(octets: Uint8Array): Pick<Submission, 'text' | 'html'> | null {
  try {
    return readContentText(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString());
  } catch {
    return null;
  }
}

export type ThreadRoutes = {
  store: Store;
  problems: Problems;
  blobs: Blobs;
  /** The one key of an address, or null where it is none. */
  addressKey: (text: string) => string | null;
};

export function threadRoutes(server: FastifyInstance, { store, problems, blobs, addressKey }: ThreadRoutes): void {
  server.get<{ Querystring: ListQuery }>(
    '/v1/threads',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'List conversations',
        description:
          'The one in which something was last sent or came in comes first. Every message that joins no other begins one. A page looks at a bounded part of the past: it may hold fewer than asked for, and still have a next one.',
        tags: TAGS,
        querystring: listQuery,
        response: { 200: pageSchema('ThreadPage', threadSchema) },
      },
    },
    async (request, reply) => {
      const { contact, identity = null, archived, since } = request.query;
      const key = contact === undefined ? null : addressKey(contact);
      const from = since === undefined ? null : parseTime(since);
      const errors = [
        ...(contact !== undefined && key === null ? [invalid('contact', 'It must be an e-mail address.')] : []),
        ...(since !== undefined && from === null ? [invalid('since', 'It must be a time as RFC 3339 has it.')] : []),
      ];
      if (errors.length > 0) return problems.invalid(request, reply, errors);
      const filter = {
        contact: key,
        identity,
        archived: archived === undefined ? null : archived === 'true',
        since: from,
      };
      const page = await store.threads({ ...spaceOf(request), filter, ...pageOf(request.query) });
      return { data: page.rows.map(threadBody), next_cursor: page.next };
    },
  );

  server.get<{ Params: { id: string } }>(
    '/v1/threads/:id',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'Read a conversation',
        description: 'Its messages and what came in, oldest first: at most the newest 500 of each.',
        tags: TAGS,
        params: oneId,
        response: { 200: timelineSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const found = await store.thread({ ...spaceOf(request), id });
      if (found === null) return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'thread', id } });
      const timeline = await Promise.all(found.entries.map((entry) => entryBody(entry, blobs)));
      return { ...threadBody(found.thread), timeline };
    },
  );

  server.patch<{ Params: { id: string }; Body: { archived: boolean } }>(
    '/v1/threads/:id',
    {
      config: { scopes: ['manage'] },
      schema: {
        summary: 'Put a conversation aside, or take it back',
        description: 'A reply takes it back by itself.',
        tags: TAGS,
        params: oneId,
        body: changeBody,
        response: { 200: threadSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const name = { ...spaceOf(request), id };
      const changed = await store.archiveThread({ ...name, archived: request.body.archived });
      const found = changed === null ? null : await store.thread(name);
      if (found === null) return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'thread', id } });
      return threadBody(found.thread);
    },
  );
}

function invalid(param: string, message: string): { code: string; param: string; message: string } {
  return { code: 'invalid_parameter', param, message };
}
