/** Policy documents of the operator: the default, and the one for a tenant. Both replace what they name. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { Mode } from '../core/message.ts';
import type { PolicyPlace } from '../data/port/policies.ts';
import { actorOf, notFound } from './answers.ts';
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
import { ID_PARAMS, listOf, listQuery, pageBody, pagingOf } from './shapes.ts';

const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: policy'];

/** `X-Mode`, which the key check has judged; null where it is not given. */
function modeGiven(request: FastifyRequest): Mode | null {
  const given = request.headers['x-mode'];
  return given === undefined ? null : given === 'test' ? 'test' : 'live';
}

export function operatorPolicyRoutes(server: FastifyInstance, deps: AdminDeps): void {
  defaultRoutes(server, deps);
  tenantRoutes(server, deps);
}

function defaultRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  const place = (request: FastifyRequest): PolicyPlace => ({
    owner: 'default',
    tenantNo: 0,
    mode: modeGiven(request) ?? 'live',
  });

  server.get(
    '/v1/policy/default',
    { ...ABOUT, schema: { summary: 'The default for all tenants', tags: TAGS, response: { 200: POLICY } } },
    async (request) => policyBody(await store.policyState(place(request)), false),
  );

  server.put(
    '/v1/policy/default',
    {
      ...ABOUT,
      ...judgedByReader,
      schema: {
        summary: 'Replace the default for all tenants',
        description: 'In both modes, unless `X-Mode` names one. Fields left out are as Postern comes.',
        tags: TAGS,
        querystring: NOTE_QUERY,
        body: putPolicySchema(),
        response: { 200: POLICY },
      },
    },
    async (request, reply) => {
      const input = readPolicyInput(request.body, request.query);
      if (Array.isArray(input)) return problems.invalid(request, reply, input);
      const { name, id } = actorOf(request);
      const author = { author: name, authorId: id };
      await store.putPolicy({ owner: 'default', tenantNo: 0, mode: modeGiven(request), ...input, ...author });
      return policyBody(await store.policyState(place(request)), false);
    },
  );
}

function tenantRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  const placeOf = async (request: FastifyRequest): Promise<PolicyPlace | null> => {
    const { id } = request.params as Static<typeof ID_PARAMS>;
    const tenant = await store.tenantById({ id });
    return tenant === null ? null : { owner: 'operator', tenantNo: tenant.no, mode: modeGiven(request) ?? 'live' };
  };
  const tenantIdOf = (request: FastifyRequest): string => (request.params as Static<typeof ID_PARAMS>).id;

  server.get(
    '/v1/tenants/:id/policy',
    {
      ...ABOUT,
      schema: {
        summary: "The operator's document for a tenant",
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: POLICY },
      },
    },
    async (request, reply) => {
      const place = await placeOf(request);
      return place === null
        ? notFound(request, reply, problems, 'tenant', tenantIdOf(request))
        : policyBody(await store.policyState(place), false);
    },
  );

  server.put(
    '/v1/tenants/:id/policy',
    {
      ...ABOUT,
      ...judgedByReader,
      schema: {
        summary: "Replace the operator's document for a tenant",
        description: 'For live mode, unless `X-Mode` says test. It replaces what it names in the default and the plan.',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: NOTE_QUERY,
        body: putPolicySchema(),
        response: { 200: POLICY },
      },
    },
    async (request, reply) => {
      const input = readPolicyInput(request.body, request.query);
      if (Array.isArray(input)) return problems.invalid(request, reply, input);
      const place = await placeOf(request);
      if (place === null) return notFound(request, reply, problems, 'tenant', tenantIdOf(request));
      const { name, id } = actorOf(request);
      await store.putPolicy({ ...place, ...input, author: name, authorId: id });
      return policyBody(await store.policyState(place), false);
    },
  );

  server.get(
    '/v1/tenants/:id/policy/versions',
    {
      ...ABOUT,
      schema: {
        summary: "Versions of the operator's document for a tenant, newest first",
        tags: TAGS,
        params: ID_PARAMS,
        querystring: listQuery(),
        response: { 200: listOf(POLICY_VERSION, 'Versions') },
      },
    },
    async (request, reply) => {
      const place = await placeOf(request);
      if (place === null) return notFound(request, reply, problems, 'tenant', tenantIdOf(request));
      return pageBody(await store.policyVersions({ ...place, ...pagingOf(request) }), versionBody);
    },
  );
}
