/** `/v1/inbound`: mail that came in, as it was read and as it came, in the mode of the key. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { addressKey } from '../base/address.ts';
import { INBOUND_KINDS, KEPT_FOR } from '../core/inbound.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { Blobs } from '../data/blobs.ts';
import type { InboundRow } from '../data/port/inbound.ts';
import type { Store } from '../data/store.ts';
import { PAGE_QUERY, type PageQuery, pageOf, pageSchema } from '../http/page-query.ts';
import type { Problems } from '../http/problems.ts';
import { idText, oneOf, orNull } from '../http/schemas.ts';
import { sendMail } from './operator-mail-http.ts';

const TAGS = ['Returns'];
const OUTCOMES = ['applied', 'kept'] as const;
const CHANNELS = ['smtp', 'imap', 'ses', 'hook'] as const;
const PROOFS = ['return_path', 'reply_address', 'unsubscribe_address', 'message_id'] as const;
const SHOWN_KINDS = [...INBOUND_KINDS, 'unreadable'] as const;

const WHY: Record<(typeof KEPT_FOR)[number], string> = {
  unreadable: 'it could not be read in its time',
  sender_not_null: 'a report of a delivery must come from the null sender',
  names_another: 'it names other addresses than the message went to',
  from_another: 'it was written from an address that the message did not go to',
  automatic: 'a program wrote it',
  without_effect: 'such mail changes nothing',
  wrong_address: 'a report came to an address for replies',
  too_late: 'a report came more than 45 days after the departure',
  known: 'it was known before',
  not_left: 'nothing has left for this recipient, or it has ended',
};

export const inboundSchema = Type.Object(
  {
    id: idText('inb'),
    received_at: Type.String({ description: 'On the clock of the mode.' }),
    kind: oneOf(SHOWN_KINDS, { description: 'What it was read as; a letter that counted, as what it counted.' }),
    form: orNull(Type.String(), { description: 'Of a report: `dsn`, `arf` or `free_form`.' }),
    outcome: oneOf(OUTCOMES, { description: 'Whether it changed something.' }),
    why: orNull(oneOf(KEPT_FOR), {
      description: `Why it changed nothing. ${KEPT_FOR.map((why) => `\`${why}\`: ${WHY[why]}.`).join(' ')}`,
    }),
    channel: oneOf(CHANNELS),
    proof: oneOf(PROOFS, { description: 'By what it is known which message it is about.' }),
    message_id: idText('msg'),
    recipient_id: orNull(idText('rcp')),
    recipient: orNull(Type.String()),
    thread_id: orNull(idText('thr')),
    envelope: Type.Object({
      from: orNull(Type.String(), { description: 'Empty: the null sender. Null: it came without an envelope.' }),
      to: orNull(Type.String()),
    }),
    from: orNull(Type.Object({ email: Type.String(), name: orNull(Type.String()) })),
    subject: Type.String(),
    header_message_id: orNull(Type.String(), { description: 'Its own Message-ID.' }),
    text: orNull(Type.String(), { description: 'Of a letter: what a person reads, cut at 65,536 characters.' }),
    reporting_mta: orNull(Type.String()),
    reported: Type.Array(
      Type.Object({
        email: orNull(Type.String()),
        class: orNull(Type.String()),
        status: orNull(Type.String()),
        action: orNull(Type.String()),
        said: Type.String(),
      }),
      { description: 'What a report says of recipients; it counts only as `applied` shows.' },
    ),
    applied: Type.Array(
      Type.Object({
        kind: Type.String(),
        recipient_id: idText('rcp'),
        event_id: idText('evt'),
        seq: Type.Integer(),
        type: Type.String(),
      }),
    ),
    size: Type.Integer({ description: 'Octets of the whole mail.' }),
  },
  { title: 'InboundMail' },
);

export function inboundBody(row: InboundRow): Static<typeof inboundSchema> {
  const { details } = row;
  return {
    id: row.id,
    received_at: formatTime(row.at),
    kind: row.kind,
    form: row.form,
    outcome: row.outcome,
    why: row.why,
    channel: row.channel,
    proof: row.proof,
    message_id: row.messageId,
    recipient_id: row.recipientId,
    recipient: row.recipient,
    thread_id: row.threadId,
    envelope: { from: row.mailFrom, to: row.rcptTo },
    from: row.from,
    subject: row.subject,
    header_message_id: row.ownId,
    text: row.text,
    reporting_mta: details.reporting_mta,
    reported: details.reported,
    applied: details.applied,
    size: row.size,
  };
}

const listQuery = Type.Object(
  {
    ...PAGE_QUERY,
    kind: Type.Optional(oneOf(SHOWN_KINDS)),
    outcome: Type.Optional(oneOf(OUTCOMES)),
    message_id: Type.Optional(Type.String({ maxLength: 100, description: 'Only mail about this message.' })),
    recipient: Type.Optional(
      Type.String({ maxLength: 320, description: 'Only mail about this address, or written from it.' }),
    ),
    since: Type.Optional(Type.String({ maxLength: 35, description: 'RFC 3339: only what came from then on.' })),
  },
  { additionalProperties: false },
);
type ListQuery = PageQuery & {
  kind?: string;
  outcome?: string;
  message_id?: string;
  recipient?: string;
  since?: string;
};

const oneId = Type.Object({ id: Type.String({ maxLength: 100 }) });
type OneId = { id: string };

export type InboundRoutes = { store: Store; problems: Problems; blobs: Blobs };

export function spaceOf(request: FastifyRequest) {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode };
}

export function inboundRoutes(server: FastifyInstance, { store, problems, blobs }: InboundRoutes): void {
  server.get<{ Querystring: ListQuery }>(
    '/v1/inbound',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'List mail that came in',
        description:
          'Bounces, complaints, replies and all else that came to a signed address of this account or was found in a mailbox, newest first, whether it changed something or not. Kept as long as messages are, at most 10,000 mails and 512 MB.',
        tags: TAGS,
        querystring: listQuery,
        response: { 200: pageSchema('InboundMailPage', inboundSchema) },
      },
    },
    async (request, reply) => {
      const { kind = null, outcome = null, message_id: messageId = null, recipient, since } = request.query;
      const from = since === undefined ? null : parseTime(since);
      if (since !== undefined && from === null) {
        const message = '"since" must be a time as RFC 3339 has it.';
        return problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'since', message }]);
      }
      const person = recipient === undefined ? null : (addressKey(recipient) ?? recipient.toLowerCase());
      const filter = { kind, outcome, messageId, person, since: from };
      const page = await store.inbound({ ...spaceOf(request), filter, ...pageOf(request.query) });
      return { data: page.rows.map(inboundBody), next_cursor: page.next };
    },
  );

  server.get<{ Params: OneId }>(
    '/v1/inbound/:id',
    {
      config: { scopes: ['read'] },
      schema: { summary: 'Read a mail that came in', tags: TAGS, params: oneId, response: { 200: inboundSchema } },
    },
    async (request, reply) => {
      const { id } = request.params;
      const row = await store.inboundById({ ...spaceOf(request), id });
      if (row === null) return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'inbound', id } });
      return inboundBody(row);
    },
  );

  server.get<{ Params: OneId }>(
    '/v1/inbound/:id/raw',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'A mail as it came in',
        description: 'The octets after DATA: a message as RFC 5322 has it. Whatever is in it was written by strangers.',
        tags: TAGS,
        params: oneId,
        response: {
          200: { description: 'The mail.', content: { 'message/rfc822': { schema: Type.String() } } },
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const found = await store.inboundRaw({ ...spaceOf(request), id });
      const octets = found === null ? null : 'inline' in found ? found.inline : await blobs.get(found.blob);
      if (octets === null)
        return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'inbound', id } });
      return sendMail(reply, id, octets);
    },
  );
}
