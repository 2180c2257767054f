/** Hooks for what came back, as people manage them. A secret is shown once. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { newHookSecret } from '../base/hook-signature.ts';
import { newId } from '../base/ids.ts';
import type { Secrets } from '../base/secrets.ts';
import { formatTime } from '../core/time.ts';
import type { ReturnHookRow } from '../data/port/return-hooks.ts';
import { actorOf, conflict, notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, line, listOf, listQuery, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';

const CREATE = Type.Object({ name: line(100, 'What it is called here.') }, CLOSED);

const HOOK = Type.Object({
  id: Type.String({ examples: ['rhk_01jb2m3n4p5q6r7s8t9v0w1x2y'] }),
  name: Type.String(),
  url: Type.String({ description: 'Where signed calls go.' }),
  created_at: Type.String(),
  created_by: Type.String({ description: 'The name of the key.' }),
  used_at: orNull(Type.String(), { description: 'When the last call with a good signature came.' }),
});

const MADE = Type.Object({
  ...HOOK.properties,
  secret: Type.String({ description: '`whsec_` and base64. It is shown this once.' }),
});

const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const TAGS = ['Returns'];

export type ReturnHookParts = Pick<AdminDeps, 'store' | 'problems'> & { secrets: Secrets; publicUrl: () => string };

export function returnHookRoutes(server: FastifyInstance, parts: ReturnHookParts): void {
  const { store, problems, secrets, publicUrl } = parts;
  const hookBody = (row: ReturnHookRow): Static<typeof HOOK> => ({
    id: row.id,
    name: row.name,
    url: `${publicUrl()}/v1/returns/hook/${row.id}`,
    created_at: formatTime(row.createdAt),
    created_by: row.createdBy,
    used_at: timeOrNull(row.usedAt),
  });

  server.get(
    '/v1/return-hooks',
    {
      ...READING,
      schema: {
        summary: 'List hooks for what came back, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(HOOK, 'Hooks') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return pageBody(await store.returnHooks({ ...pagingOf(request), tenantNo, mode }), hookBody);
    },
  );

  server.get(
    '/v1/return-hooks/:id',
    { ...READING, schema: { summary: 'Look at a hook', tags: TAGS, params: ID_PARAMS, response: { 200: HOOK } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const hook = await store.returnHook({ tenantNo, mode, id });
      return hook === null ? notFound(request, reply, problems, 'hook', id) : hookBody(hook);
    },
  );

  server.post(
    '/v1/return-hooks',
    {
      ...CHANGING,
      schema: {
        summary: 'Make a hook for what came back',
        description:
          'For a program that sees bounces, complaints, replies or deliveries and shall have no key: it signs its calls to `url` with the secret. Whoever has the secret can report as `POST /v1/returns` does, and nothing else. To exchange a secret, make a second hook and remove the first.',
        tags: TAGS,
        body: CREATE,
        response: { 201: MADE },
      },
    },
    async (request, reply) => {
      const { name } = request.body as Static<typeof CREATE>;
      const { tenantNo, mode } = principalOf(request);
      const id = newId('rhk');
      const secret = newHookSecret();
      const sealed = secrets.seal(Buffer.from(secret), `return-hook/${id}`);
      const made = await store.createReturnHook({ tenantNo, mode, id, name, sealed, actor: actorOf(request) });
      if (made.outcome === 'done') return reply.code(201).send({ ...hookBody(made.hook), secret });
      const evidence = { resource: 'hook', id: name, state: made.outcome, action: 'return_hook.create' };
      return conflict(request, reply, problems, evidence, 'There are as many hooks as there may be.');
    },
  );

  server.delete(
    '/v1/return-hooks/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove a hook',
        description: 'Calls to it are refused from now on.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: HOOK },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const gone = await store.deleteReturnHook({ tenantNo, mode, id, actor: actorOf(request) });
      return gone === null ? notFound(request, reply, problems, 'hook', id) : hookBody(gone);
    },
  );
}
