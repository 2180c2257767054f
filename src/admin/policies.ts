/** A tenant's own policy document: it is added to what the operator set and can only tighten; a person alone loosens it. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { policySchema } from '../policy/schema.ts';
import { actorOf, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import {
  judgedByReader,
  NOTE_QUERY,
  POLICY,
  POLICY_VERSION,
  policyBody,
  putPolicySchema,
  readPolicyInput,
  versionBody,
} from './policy-body.ts';
import { listOf, listQuery, pageBody, pagingOf } from './shapes.ts';

const READ = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const CHANGE = { config: { scopes: ['manage', 'approve'] } } as const;
const TAGS = ['Policy'];

export function policyRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/policy',
    { ...READ, schema: { summary: 'The own document and what is in force', tags: TAGS, response: { 200: POLICY } } },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return policyBody(await store.policyState({ owner: 'tenant', tenantNo, mode }), true);
    },
  );

  server.put(
    '/v1/policy',
    {
      ...CHANGE,
      ...judgedByReader,
      schema: {
        summary: 'Replace the own document',
        description:
          'A section left out is inherited. Loosening what the document held before needs a key with `approve` and a note.',
        tags: TAGS,
        querystring: NOTE_QUERY,
        body: putPolicySchema(),
        response: { 200: POLICY },
      },
    },
    async (request, reply) => {
      const input = readPolicyInput(request.body, request.query);
      if (Array.isArray(input)) return problems.invalid(request, reply, input);
      const { tenantNo, mode } = principalOf(request);
      const put = await store.putOwnPolicy({ tenantNo, mode, ...input, actor: actorOf(request) });
      return put.outcome === 'stored'
        ? policyBody(put, true)
        : refuseLoosening(request, reply, problems, put, 'policy.update');
    },
  );

  server.get(
    '/v1/policy/versions',
    {
      ...READ,
      schema: {
        summary: 'Versions of the own document, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(POLICY_VERSION, 'Versions') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return pageBody(
        await store.policyVersions({ ...pagingOf(request), owner: 'tenant', tenantNo, mode }),
        versionBody,
      );
    },
  );

  const schema = policySchema();
  server.get(
    '/v1/policy/schema',
    {
      config: { scopes: ['read', 'manage', 'approve'], operatorOnly: true },
      schema: {
        summary: 'The JSON Schema of a document',
        description: '`x-stricter` says in which direction each field is stricter.',
        tags: TAGS,
        response: { 200: Type.Unknown() },
      },
    },
    async () => schema,
  );
}
