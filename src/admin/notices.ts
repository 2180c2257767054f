/** Notices to people, as the operator looks them up: what was said, to whom, and whether it arrived. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { NoticeRow } from '../data/port/notices.ts';
import { notFound } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { ID_PARAMS, listOf, listQuery, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';

const NOTICE = Type.Object({
  id: Type.String(),
  tenant: Type.String(),
  mode: Type.String(),
  kind: Type.String({ description: 'What it is about, such as `quarantine`.' }),
  created_at: Type.String(),
  texts: Type.Array(Type.Object({ subject: Type.String(), lines: Type.Array(Type.String()) }), {
    description: 'What it says; several where they came too fast for a mail each.',
  }),
  copies: Type.Array(
    Type.Object({
      email: Type.String(),
      state: Type.String({ description: '`waiting`, `sent` or `failed`.' }),
      attempts: Type.Integer(),
      next_attempt_at: orNull(Type.String()),
      reply: orNull(Type.String(), { description: 'The last answer of the next hop.' }),
    }),
    { description: 'One for each address. Empty: nobody is set to be told.' },
  ),
});

function noticeBody(row: NoticeRow): Static<typeof NOTICE> {
  return {
    id: row.id,
    tenant: row.tenantId,
    mode: row.mode,
    kind: row.kind,
    created_at: formatTime(row.createdAt),
    texts: row.texts,
    copies: row.copies.map(({ email, state, attempts, nextAttemptAt, reply }) => ({
      email,
      state,
      attempts,
      next_attempt_at: timeOrNull(nextAttemptAt),
      reply,
    })),
  };
}

const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: notices'];

export function noticeRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/notices',
    {
      ...ABOUT,
      schema: {
        summary: 'Notices to people, newest first',
        description: 'Of all tenants; with `X-Tenant` of that one, in the mode of `X-Mode`.',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(NOTICE, 'Notices') },
      },
    },
    async (request) => {
      const { principal } = request.caller!;
      const whose = { tenantNo: principal?.tenantNo ?? null, mode: principal?.mode ?? null };
      return pageBody(await store.notices({ ...pagingOf(request), ...whose }), noticeBody);
    },
  );

  server.get(
    '/v1/notices/:id',
    { ...ABOUT, schema: { summary: 'Look at a notice', tags: TAGS, params: ID_PARAMS, response: { 200: NOTICE } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const row = await store.noticeById({ id });
      return row === null ? notFound(request, reply, problems, 'notice', id) : noticeBody(row);
    },
  );
}
