/** `/v1/operator-mail`: what was written to postmaster@ and abuse@ of the gateway, for the operator alone. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { OperatorMailRow } from '../data/port/operator-mail.ts';
import type { Store } from '../data/store.ts';
import { PAGE_QUERY, type PageQuery, pageOf, pageSchema } from '../http/page-query.ts';
import type { Problems } from '../http/problems.ts';
import { idText, orNull } from '../http/schemas.ts';

const mailSchema = Type.Object(
  {
    id: idText('opm'),
    received_at: Type.String(),
    envelope: Type.Object({
      from: Type.String({ description: 'Empty: the null sender.' }),
      to: Type.String(),
    }),
    from: orNull(Type.Object({ email: Type.String(), name: orNull(Type.String()) })),
    subject: Type.String(),
    text: orNull(Type.String(), { description: 'What a person reads, cut at 65,536 characters.' }),
    size: Type.Integer({ description: 'Octets of the whole mail.' }),
  },
  { title: 'OperatorMail' },
);

function bodyOf({
  id,
  receivedAt,
  mailFrom,
  rcptTo,
  from,
  subject,
  text,
  size,
}: OperatorMailRow): Static<typeof mailSchema> {
  return {
    ...{ id, received_at: formatTime(receivedAt), envelope: { from: mailFrom, to: rcptTo } },
    ...{ from: from === null ? null : { email: from.email, name: from.name }, subject, text, size },
  };
}

const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: mail'];
const oneId = Type.Object({ id: Type.String({ maxLength: 100 }) });
type OneId = { id: string };

export function operatorMailRoutes(
  server: FastifyInstance,
  { store, problems }: { store: Store; problems: Problems },
): void {
  const unknown = (request: FastifyRequest, reply: FastifyReply, id: string) =>
    problems.refuse(request, reply, 'not_found', { evidence: { resource: 'operator_mail', id } });

  server.get<{ Querystring: PageQuery }>(
    '/v1/operator-mail',
    {
      ...ABOUT,
      schema: {
        summary: 'List mail to postmaster@ and abuse@ of the gateway',
        description: 'Newest first. Kept for 90 days, at most 500 mails and 64 MB; it changes nothing.',
        tags: TAGS,
        querystring: Type.Object(PAGE_QUERY, { additionalProperties: false }),
        response: { 200: pageSchema('OperatorMailPage', mailSchema) },
      },
    },
    async (request) => {
      const page = await store.operatorMail(pageOf(request.query));
      return { data: page.rows.map(bodyOf), next_cursor: page.next };
    },
  );

  server.get<{ Params: OneId }>(
    '/v1/operator-mail/:id',
    {
      ...ABOUT,
      schema: { summary: 'Read a mail to the operator', tags: TAGS, params: oneId, response: { 200: mailSchema } },
    },
    async (request, reply) => {
      const { id } = request.params;
      const row = await store.operatorMailById({ id });
      return row === null ? unknown(request, reply, id) : bodyOf(row);
    },
  );

  server.get<{ Params: OneId }>(
    '/v1/operator-mail/:id/raw',
    {
      ...ABOUT,
      schema: {
        summary: 'A mail to the operator as it came in',
        description: 'The octets after DATA. Whatever is in it was written by strangers.',
        tags: TAGS,
        params: oneId,
        response: { 200: { description: 'The mail.', content: { 'message/rfc822': { schema: Type.String() } } } },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const octets = await store.operatorMailRaw({ id });
      return octets === null ? unknown(request, reply, id) : sendMail(reply, id, octets);
    },
  );

  server.delete<{ Params: OneId }>(
    '/v1/operator-mail/:id',
    {
      ...ABOUT,
      schema: {
        summary: 'Remove a mail to the operator',
        tags: TAGS,
        params: oneId,
        response: { 200: Type.Object({ id: idText('opm'), deleted: Type.Boolean() }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      return (await store.removeOperatorMail({ id })) ? { id, deleted: true } : unknown(request, reply, id);
    },
  );
}

/** As a download: no browser may take it for a page of this origin. */
export function sendMail(reply: FastifyReply, id: string, octets: Uint8Array): FastifyReply {
  return reply
    .header('Content-Disposition', `attachment; filename="${id}.eml"`)
    .header('X-Content-Type-Options', 'nosniff')
    .header('Content-Security-Policy', "default-src 'none'; sandbox")
    .header('Cache-Control', 'no-store')
    .type('message/rfc822')
    .send(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength));
}
