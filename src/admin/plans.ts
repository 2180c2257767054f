/**
 * Plans: limits, storage and tiers that tenants share.
 *
 * A plan is put as a whole: what is left out is not limited by it. One that a tenant has is not removed.
 */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Issue } from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { PlanDocument, PlanRow } from '../data/port/management.ts';
import { policySchema } from '../policy/schema.ts';
import { validateLimits } from '../policy/validate.ts';
import { actorOf, conflict, notFound } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { judgedByReader } from './policy-body.ts';
import { CLOSED, listOf, listQuery, orNull, pageBody, pagingOf } from './shapes.ts';

const NAME = '^[a-z0-9][a-z0-9_-]{0,62}$';
const PLAIN = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const PLAN_PARAMS = Type.Object({ name: Type.String({ pattern: NAME, description: 'The name of the plan.' }) });

const LIMITS = Type.Unsafe((policySchema()['properties'] as Record<string, object>)['limits']!);
const FIELDS = {
  limits: Type.Optional(LIMITS),
  storage_bytes: Type.Optional(
    orNull(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), { description: 'Null: no limit.' }),
  ),
  retention_days: Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: 3650 }))),
  tiers: Type.Optional(
    Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: 1e9 }), {
      description: 'Recipients a UTC day for an identity of each tier.',
    }),
  ),
};
const PUT = Type.Object(FIELDS, CLOSED);

const PLAN = Type.Object({
  name: Type.String(),
  limits: Type.Unknown(),
  storage_bytes: orNull(Type.Integer()),
  retention_days: orNull(Type.Integer()),
  tiers: Type.Unknown(),
  updated_at: Type.String(),
});

function planBody({ name, document, updatedAt }: PlanRow): Static<typeof PLAN> {
  return {
    name,
    limits: document.limits ?? [],
    storage_bytes: document.storage_bytes ?? null,
    retention_days: document.retention_days ?? null,
    tiers: document.tiers ?? {},
    updated_at: formatTime(updatedAt),
  };
}

const KNOWN = new Set(Object.keys(FIELDS));

/** A plan, or everything that is wrong with it. */
function readPlan(name: string, body: unknown): PlanDocument | Issue[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return [{ code: 'invalid_parameter', param: 'body', message: 'A plan is a JSON object.' }];
  }
  const plan = body as Record<string, unknown>;
  const issues: Issue[] = [];
  const invalid = (param: string, message: string) => issues.push({ code: 'invalid_parameter', param, message });
  if (!PLAIN.test(name)) invalid('name', 'A plan is named by a-z, 0-9, _ and -, 63 characters at most.');
  for (const param of Object.keys(plan)) {
    if (!KNOWN.has(param))
      issues.push({ code: 'unknown_parameter', param, message: 'There is no such field in a plan.' });
  }
  if (plan['limits'] !== undefined) {
    const reading = validateLimits(plan['limits'], 'limits');
    if (!reading.ok) issues.push(...reading.errors);
  }
  if (!isCount(plan['storage_bytes'], 0, Number.MAX_SAFE_INTEGER)) {
    invalid('storage_bytes', 'It must be a whole number of bytes, or null.');
  }
  if (!isCount(plan['retention_days'], 1, 3650)) invalid('retention_days', 'It must be from 1 to 3650, or null.');
  const tiers = plan['tiers'] ?? {};
  if (typeof tiers !== 'object' || Array.isArray(tiers)) invalid('tiers', 'It must be an object of caps by tier.');
  else {
    for (const [tier, cap] of Object.entries(tiers as Record<string, unknown>)) {
      const param = `tiers.${tier.slice(0, 64)}`;
      if (!PLAIN.test(tier)) invalid(param, 'A tier is named by a-z, 0-9, _ and -, 63 characters at most.');
      else if (cap === null || !isCount(cap, 0, 1e9))
        invalid(param, 'Its cap must be a whole number up to 1000000000.');
    }
  }
  return issues.length > 0 ? issues : (plan as PlanDocument);
}

function isCount(value: unknown, min: number, max: number): boolean {
  if (value === undefined || value === null) return true;
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: plans'];

export function planRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/plans',
    {
      ...ABOUT,
      schema: {
        summary: 'List plans by name',
        tags: TAGS,
        querystring: listQuery({}, NAME),
        response: { 200: listOf(PLAN, 'Plans') },
      },
    },
    async (request) => pageBody(await store.plans(pagingOf(request)), planBody),
  );

  server.get(
    '/v1/plans/:name',
    { ...ABOUT, schema: { summary: 'Look at a plan', tags: TAGS, params: PLAN_PARAMS, response: { 200: PLAN } } },
    async (request, reply) => {
      const { name } = request.params as Static<typeof PLAN_PARAMS>;
      const plan = await store.plan({ name });
      return plan === null ? notFound(request, reply, problems, 'plan', name) : planBody(plan);
    },
  );

  server.put(
    '/v1/plans/:name',
    {
      ...ABOUT,
      ...judgedByReader,
      schema: {
        summary: 'Make or replace a plan',
        tags: TAGS,
        params: PLAN_PARAMS,
        body: PUT,
        response: { 200: PLAN },
      },
    },
    async (request, reply) => {
      const { name } = request.params as Static<typeof PLAN_PARAMS>;
      const document = readPlan(name, request.body);
      if (Array.isArray(document)) return problems.invalid(request, reply, document);
      return planBody(await store.putPlan({ name, document, actor: actorOf(request) }));
    },
  );

  server.delete(
    '/v1/plans/:name',
    {
      ...ABOUT,
      schema: {
        summary: 'Remove a plan that no tenant has',
        tags: TAGS,
        params: PLAN_PARAMS,
        response: { 200: Type.Object({ name: Type.String(), deleted: Type.Boolean() }) },
      },
    },
    async (request, reply) => {
      const { name } = request.params as Static<typeof PLAN_PARAMS>;
      const deleted = await store.deletePlan({ name, actor: actorOf(request) });
      if (deleted === 'missing') return notFound(request, reply, problems, 'plan', name);
      if (deleted === 'in_use') {
        const evidence = { resource: 'plan', id: name, state: 'in_use', action: 'delete' };
        return conflict(request, reply, problems, evidence, 'Tenants have this plan: give them another first.');
      }
      return { name, deleted: true };
    },
  );
}
