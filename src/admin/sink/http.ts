/** `/v1/sink`: mail that was captured instead of leaving, in the mode of the key. */
import type {} from '@fastify/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { channelOfAddress } from '../../core/channel.ts';
import { formatTime } from '../../core/time.ts';
import type { CaptureRow } from '../../data/port/captures.ts';
import type { Store } from '../../data/store.ts';
import type { Problems } from '../../http/problems.ts';
import type { ReadMail } from './mail.ts';
import type { MailReader } from './mail-reader.ts';

export type SinkDoor = {
  store: Store;
  problems: Problems;
  reader: MailReader;
  /** The key by which an address is counted, or null where the text is no address. */
  addressKey: (email: string) => string | null;
};

const TAGS = ['Sink'];
const DEFAULT_LIMIT = 50;

const orNull = (schema: ReturnType<typeof Type.String>) => Type.Union([schema, Type.Null()]);

const CapturedMail = Type.Object(
  {
    id: Type.String({ description: '`cap_…`' }),
    message_id: orNull(Type.String({ description: 'The message, `msg_…`; null where it is gone.' })),
    recipient_id: orNull(Type.String({ description: 'The recipient, `rcp_…`; null where it is gone.' })),
    channel: Type.Union([Type.Literal('email'), Type.Literal('sms')], {
      description: '`sms`: a text message, to the telephone number before the `@`.',
    }),
    envelope: Type.Object(
      { from: Type.String(), to: Type.Array(Type.String()) },
      { description: 'What MAIL FROM and RCPT TO would have said (RFC 5321).' },
    ),
    subject: orNull(Type.String()),
    text: orNull(Type.String()),
    html: orNull(Type.String()),
    headers: Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())]), {
      description: 'By name as written, values unfolded; a list where the field occurs more than once.',
    }),
    attachments: Type.Array(
      Type.Object({
        filename: orNull(Type.String()),
        content_type: Type.String(),
        size: Type.Integer({ description: 'Octets, decoded.' }),
        content_id: orNull(Type.String()),
      }),
    ),
    size: Type.Integer({ description: 'Octets of the whole message.' }),
    incomplete: Type.Union([Type.Literal('too_long'), Type.Literal('unreadable'), Type.Null()], {
      description:
        '`too_long`: bodies are cut at 262,144 characters, lists at 1,000 entries. `unreadable`: only `raw` has the message.',
    }),
    received_at: Type.String({ description: 'On the clock of the mode.' }),
  },
  { title: 'Captured mail' },
);

const ListQuery = Type.Object(
  {
    recipient: Type.Optional(
      Type.String({ maxLength: 254, description: 'Only mail to this address, whatever its case or form.' }),
    ),
    limit: Type.Optional(
      Type.String({
        pattern: '^([1-9][0-9]?|1[0-9][0-9]|200)$',
        description: '1 to 200, 50 unless given. A page of large mail may be shorter, and still have a next one.',
      }),
    ),
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$', description: '`next_cursor` of the page before.' })),
  },
  { additionalProperties: false },
);

const List = Type.Object({ data: Type.Array(CapturedMail), next_cursor: orNull(Type.String()) });
const OneId = Type.Object({ id: Type.String({ maxLength: 100 }) });

export function sinkRoutes(server: FastifyInstance, door: SinkDoor): void {
  const { store, reader } = door;

  server.get<{ Querystring: Static<typeof ListQuery> }>(
    '/v1/sink',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'List captured mail',
        description:
          'Mail that stayed here instead of leaving, newest first, a row a recipient: all mail of test mode, and that of live mode where the provider is the sink.',
        tags: TAGS,
        querystring: ListQuery,
        response: { 200: List },
      },
    },
    async (request, reply) => {
      const { recipient, limit, cursor } = request.query;
      const key = recipient === undefined ? null : door.addressKey(recipient);
      if (recipient !== undefined && key === null) {
        const message = '"recipient" must be an e-mail address.';
        return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'recipient', message }]);
      }
      const page = await store.captures({
        ...spaceOf(request),
        recipient: key,
        limit: limit === undefined ? DEFAULT_LIMIT : Number(limit),
        cursor: cursor ?? null,
      });
      const data = await Promise.all(page.rows.map(async (row) => mailBody(row, await reader.read(row.raw))));
      return { data, next_cursor: page.next };
    },
  );

  server.get<{ Params: Static<typeof OneId> }>(
    '/v1/sink/:id',
    {
      config: { scopes: ['read'] },
      schema: { summary: 'Read captured mail', tags: TAGS, params: OneId, response: { 200: CapturedMail } },
    },
    async (request, reply) => {
      const row = await store.captureById({ ...spaceOf(request), id: request.params.id });
      if (row === null) return door.problems.refuse(request, reply, 'not_found');
      return mailBody(row, await reader.read(row.raw));
    },
  );

  server.get<{ Params: Static<typeof OneId> }>(
    '/v1/sink/:id/raw',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'Captured mail as it would have been sent',
        description: 'The octets after DATA: a message as RFC 5322 has it, lines ended by CRLF, dots not doubled.',
        tags: TAGS,
        params: OneId,
        response: {
          200: { description: 'The message.', content: { 'message/rfc822': { schema: Type.String() } } },
        },
      },
    },
    async (request, reply) => {
      const row = await store.captureById({ ...spaceOf(request), id: request.params.id });
      if (row === null) return door.problems.refuse(request, reply, 'not_found');
      return sendRaw(reply, row);
    },
  );
}

/** As a download: no browser may take it for a page of this origin. */
export function sendRaw(reply: FastifyReply, row: CaptureRow): FastifyReply {
  return reply
    .header('Content-Disposition', `attachment; filename="${row.id}.eml"`)
    .header('X-Content-Type-Options', 'nosniff')
    .header('Content-Security-Policy', "default-src 'none'; sandbox")
    .header('Cache-Control', 'no-store')
    .type('message/rfc822')
    .send(Buffer.from(row.raw.buffer, row.raw.byteOffset, row.raw.length));
}

function spaceOf(request: FastifyRequest) {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode };
}

function mailBody(row: CaptureRow, mail: ReadMail): Static<typeof CapturedMail> {
  return {
    id: row.id,
    message_id: row.messageId,
    recipient_id: row.recipientId,
    channel: channelOfAddress(row.to),
    envelope: { from: row.from, to: [row.to] },
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    headers: headersBody(mail.headers),
    attachments: mail.attachments.map(({ filename, contentType, size, contentId }) => ({
      filename,
      content_type: contentType,
      size,
      content_id: contentId,
    })),
    size: row.raw.length,
    incomplete: mail.incomplete,
    received_at: formatTime(row.receivedAt),
  };
}

/** Names come from outside: an object without a prototype, so that "__proto__" is a name like any. */
function headersBody(headers: ReadMail['headers']): Record<string, string | string[]> {
  const body: Record<string, string | string[]> = Object.create(null);
  const spelling = new Map<string, string>();
  for (const [name, value] of headers) {
    const written = spelling.get(name.toLowerCase()) ?? name;
    spelling.set(name.toLowerCase(), written);
    const known = body[written];
    if (known === undefined) body[written] = value;
    else if (typeof known === 'string') body[written] = [known, value];
    else known.push(value);
  }
  return body;
}
