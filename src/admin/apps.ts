/** Apps: what the operator's integrations are called. A key belongs to the installation of one app on one tenant. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import { formatTime } from '../core/time.ts';
import type { AppRow } from '../data/port/management.ts';
import { actorOf, conflict, notFound } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, line, listOf, listQuery, pageBody, pagingOf } from './shapes.ts';

const BODY = Type.Object({ name: line(200, 'What people call the app.') }, CLOSED);
const APP = Type.Object({ id: Type.String(), name: Type.String(), created_at: Type.String() });

function appBody({ id, name, createdAt }: AppRow): Static<typeof APP> {
  return { id, name, created_at: formatTime(createdAt) };
}

const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: apps'];

export function appRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.post(
    '/v1/apps',
    { ...ABOUT, schema: { summary: 'Make an app', tags: TAGS, body: BODY, response: { 201: APP } } },
    async (request, reply) => {
      const { name } = request.body as Static<typeof BODY>;
      const app = await store.createApp({ id: newId('app'), name, actor: actorOf(request) });
      return reply.code(201).send(appBody(app));
    },
  );

  server.get(
    '/v1/apps',
    {
      ...ABOUT,
      schema: {
        summary: 'List apps, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(APP, 'Apps') },
      },
    },
    async (request) => pageBody(await store.apps(pagingOf(request)), appBody),
  );

  server.get(
    '/v1/apps/:id',
    { ...ABOUT, schema: { summary: 'Look at an app', tags: TAGS, params: ID_PARAMS, response: { 200: APP } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const app = await store.appById({ id });
      return app === null ? notFound(request, reply, problems, 'app', id) : appBody(app);
    },
  );

  server.patch(
    '/v1/apps/:id',
    {
      ...ABOUT,
      schema: { summary: 'Rename an app', tags: TAGS, params: ID_PARAMS, body: BODY, response: { 200: APP } },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { name } = request.body as Static<typeof BODY>;
      const app = await store.changeApp({ id, name, actor: actorOf(request) });
      return app === null ? notFound(request, reply, problems, 'app', id) : appBody(app);
    },
  );

  server.delete(
    '/v1/apps/:id',
    {
      ...ABOUT,
      schema: {
        summary: 'Remove an app that is installed nowhere',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: Type.Object({ id: Type.String(), deleted: Type.Boolean() }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const deleted = await store.deleteApp({ id, actor: actorOf(request) });
      if (deleted === 'missing') return notFound(request, reply, problems, 'app', id);
      if (deleted === 'in_use') {
        const evidence = { resource: 'app', id, state: 'in_use', action: 'delete' };
        return conflict(request, reply, problems, evidence, 'The app is installed on tenants and stays.');
      }
      return { id, deleted: true };
    },
  );
}
