/** A tenant's own keys: listed, made within what the making key may do, revoked. A test key sees test keys alone. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Mode } from '../core/message.ts';
import { actorOf, invalid, notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { KEY, KEY_FIELDS, keyBody, MADE_KEY, MODE, readKey } from './key-shapes.ts';
import { recordKeyUse } from './key-use.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, pageBody, pagingOf } from './shapes.ts';

const CREATE = Type.Object({ mode: Type.Optional(MODE), ...KEY_FIELDS }, CLOSED);
const ABOUT = { config: { scopes: ['manage'] } } as const;
const TAGS = ['Keys'];

/** Keys of both modes for a live key, of test mode for a test key. */
const shownTo = (mode: Mode): Mode | null => (mode === 'live' ? null : 'test');

export function keyRoutes(server: FastifyInstance, { store, problems, authenticator }: AdminDeps): void {
  server.get(
    '/v1/keys',
    {
      ...ABOUT,
      schema: {
        summary: 'List keys, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(KEY, 'Keys') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      await recordKeyUse(store, authenticator);
      return pageBody(await store.keys({ ...pagingOf(request), tenantNo, mode: shownTo(mode) }), keyBody);
    },
  );

  server.get(
    '/v1/keys/:id',
    { ...ABOUT, schema: { summary: 'Look at a key', tags: TAGS, params: ID_PARAMS, response: { 200: KEY } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      await recordKeyUse(store, authenticator);
      const key = await store.keyById({ tenantNo, mode: shownTo(mode), id });
      return key === null ? notFound(request, reply, problems, 'key', id) : keyBody(key);
    },
  );

  server.post(
    '/v1/keys',
    {
      ...ABOUT,
      schema: {
        summary: 'Make a key',
        description: 'It may do no more than the key that makes it; what is left out is as with that key.',
        tags: TAGS,
        body: CREATE,
        response: { 201: MADE_KEY },
      },
    },
    async (request, reply) => {
      const body = request.body as Static<typeof CREATE>;
      const { tenantId, mode, keyNo } = principalOf(request);
      const made = readKey(body, { tenantId, mode: body.mode ?? mode, actor: actorOf(request) });
      if (Array.isArray(made)) return problems.invalid(request, reply, made);
      const issued = request.caller!.operator
        ? await store.createKey(made.key)
        : await store.issueKey({ key: made.key, byKeyNo: keyNo });
      if (issued.ok) return reply.code(201).send({ ...keyBody(issued.key), key: made.secret });
      if ('missing' in issued) return invalid(request, reply, problems, 'app', `There is no app "${body.app}".`);
      const { param, granted } = issued.beyond;
      return problems.refuse(request, reply, 'insufficient_permissions', {
        detail: `A key hands on no more than it has: its "${param}" is limited to ${granted}.`,
        param,
        evidence: { granted: [...request.caller!.scopes] },
      });
    },
  );

  server.delete(
    '/v1/keys/:id',
    { ...ABOUT, schema: { summary: 'Revoke a key at once', tags: TAGS, params: ID_PARAMS, response: { 200: KEY } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const key = await store.revokeTenantKey({ tenantNo, mode: shownTo(mode), id, actor: actorOf(request) });
      if (key === null) return notFound(request, reply, problems, 'key', id);
      authenticator.forget();
      return keyBody(key);
    },
  );
}
