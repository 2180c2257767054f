/** Installations: an app on a tenant, with the sender it uses where a message names none. They are made with their first key. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { InstallationRow } from '../data/port/management.ts';
import { actorOf, notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readEmail } from './emails.ts';
import { CLOSED, ID_PARAMS, line, listOf, listQuery, orNull, pageBody, pagingOf } from './shapes.ts';

const CHANGE = Type.Object(
  {
    name: Type.Optional(line(200, 'What people call it.')),
    default_from: Type.Optional(
      orNull(Type.String({ minLength: 3, maxLength: 254 }), {
        description: 'The bare address that sends where a message names no sender and no identity; null: none.',
      }),
    ),
  },
  CLOSED,
);

const INSTALLATION = Type.Object({
  id: Type.String(),
  name: Type.String(),
  app: Type.Object({ id: Type.String(), name: Type.String() }),
  default_from: orNull(Type.String()),
  created_at: Type.String(),
});

function installationBody(row: InstallationRow): Static<typeof INSTALLATION> {
  return {
    id: row.id,
    name: row.name,
    app: { id: row.appId, name: row.appName },
    default_from: row.defaultFrom,
    created_at: formatTime(row.createdAt),
  };
}

const READ = { config: { scopes: ['read', 'manage'] } } as const;
const TAGS = ['Installations'];

export function installationRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/installations',
    {
      ...READ,
      schema: {
        summary: 'List installations, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(INSTALLATION, 'Installations') },
      },
    },
    async (request) => {
      const { tenantNo } = principalOf(request);
      return pageBody(await store.installations({ ...pagingOf(request), tenantNo }), installationBody);
    },
  );

  server.get(
    '/v1/installations/:id',
    {
      ...READ,
      schema: { summary: 'Look at an installation', tags: TAGS, params: ID_PARAMS, response: { 200: INSTALLATION } },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const row = await store.installationById({ tenantNo: principalOf(request).tenantNo, id });
      return row === null ? notFound(request, reply, problems, 'installation', id) : installationBody(row);
    },
  );

  server.patch(
    '/v1/installations/:id',
    {
      config: { scopes: ['manage'] },
      schema: {
        summary: 'Name an installation, or set its sender',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: INSTALLATION },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { name, default_from: from } = request.body as Static<typeof CHANGE>;
      const address = typeof from === 'string' ? readEmail(from, 'default_from') : null;
      if (address !== null && isIssue(address)) return problems.invalid(request, reply, [address]);
      const { tenantNo } = principalOf(request);
      const change = { name, defaultFrom: from };
      const row = await store.changeInstallation({ tenantNo, id, change, actor: actorOf(request) });
      return row === null ? notFound(request, reply, problems, 'installation', id) : installationBody(row);
    },
  );
}
