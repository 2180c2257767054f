/** Keys of a tenant, as the operator makes and revokes them. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { actorOf, invalid, notFound } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { KEY, KEY_FIELDS, keyBody, MADE_KEY, MODE, readKey } from './key-shapes.ts';
import { recordKeyUse } from './key-use.ts';
import { CLOSED, ID, ID_PARAMS, listOf, listQuery, pageBody, pagingOf } from './shapes.ts';

const CREATE = Type.Object({ mode: MODE, ...KEY_FIELDS }, CLOSED);
const KEY_PARAMS = Type.Object({ id: ID, key: ID });
const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: tenants'];

export function tenantKeyRoutes(server: FastifyInstance, { store, problems, authenticator }: AdminDeps): void {
  server.post(
    '/v1/tenants/:id/keys',
    {
      ...ABOUT,
      schema: { summary: 'Make a key', tags: TAGS, params: ID_PARAMS, body: CREATE, response: { 201: MADE_KEY } },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const body = request.body as Static<typeof CREATE>;
      const made = readKey(body, { tenantId: id, mode: body.mode, actor: actorOf(request) });
      if (Array.isArray(made)) return problems.invalid(request, reply, made);
      const created = await store.createKey(made.key);
      if (created.ok) return reply.code(201).send({ ...keyBody(created.key), key: made.secret });
      return created.missing === 'tenant'
        ? notFound(request, reply, problems, 'tenant', id)
        : invalid(request, reply, problems, 'app', `There is no app "${body.app}".`);
    },
  );

  server.get(
    '/v1/tenants/:id/keys',
    {
      ...ABOUT,
      schema: {
        summary: 'List the keys of a tenant, newest first',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: listQuery(),
        response: { 200: listOf(KEY, 'Keys') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const tenant = await store.tenantById({ id });
      if (tenant === null) return notFound(request, reply, problems, 'tenant', id);
      await recordKeyUse(store, authenticator);
      return pageBody(await store.keys({ ...pagingOf(request), tenantNo: tenant.no, mode: null }), keyBody);
    },
  );

  server.delete(
    '/v1/tenants/:id/keys/:key',
    {
      ...ABOUT,
      schema: {
        summary: 'Revoke a key at once',
        tags: TAGS,
        params: KEY_PARAMS,
        response: { 200: KEY },
      },
    },
    async (request, reply) => {
      const { id, key: keyId } = request.params as Static<typeof KEY_PARAMS>;
      const tenant = await store.tenantById({ id });
      if (tenant === null) return notFound(request, reply, problems, 'tenant', id);
      const key = await store.revokeTenantKey({ tenantNo: tenant.no, mode: null, id: keyId, actor: actorOf(request) });
      if (key === null) return notFound(request, reply, problems, 'key', keyId);
      authenticator.forget();
      return keyBody(key);
    },
  );
}
