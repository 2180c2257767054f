/**
 * Tenants: the operator's side.
 *
 * What is left out of a change stays as it is. Deliberately absent: deleting a tenant, which would take its audit log along;
 * `suspended` ends its sending.
 */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import type { Issue } from '../core/explain.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { TenantChange } from '../data/port/management.ts';
import type { Store, TenantRow } from '../data/store.ts';
import { STANDINGS } from '../policy/account.ts';
import { actorOf, notFound } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { emailIssues } from './emails.ts';
import {
  CLOSED,
  ID_PARAMS,
  line,
  listOf,
  listQuery,
  NOTE,
  orNull,
  pageBody,
  pagingOf,
  TIME,
  timeOrNull,
} from './shapes.ts';

const STANDING = Type.Enum([...STANDINGS], { description: 'Whether the tenant may send, or why not.' });
const LOCALE = Type.String({ maxLength: 35, pattern: '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$' });

const FIELDS = {
  standing: Type.Optional(STANDING),
  note: Type.Optional(orNull(NOTE, { description: 'Why the standing is what it is.' })),
  trial_ends_at: Type.Optional(orNull(TIME, { description: 'When a trial ends; null: it does not.' })),
  plan: Type.Optional(orNull(line(64, 'Name of a plan.'))),
  billing: Type.Optional(Type.Enum(['none', 'credits'])),
  credits: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 1e12, description: 'Credits left; one a recipient at acceptance.' }),
  ),
  trust: Type.Optional(
    Type.Enum(['new', 'established'], {
      description: '`established` starts the risk score with 90 days of good history.',
    }),
  ),
  locale: Type.Optional(orNull(LOCALE, { description: 'Language of texts, as RFC 5646 has it.' })),
  notify: Type.Optional(
    Type.Array(Type.String({ minLength: 3, maxLength: 254 }), {
      maxItems: 20,
      description: 'Addresses told of quarantines, appeals and waiting approvals.',
    }),
  ),
};
const NAME = line(200, 'What people call the tenant.');
const CREATE = Type.Object({ name: NAME, ...FIELDS }, CLOSED);
const CHANGE = Type.Object({ name: Type.Optional(NAME), ...FIELDS }, CLOSED);

export const TENANT = Type.Object({
  id: Type.String(),
  name: Type.String(),
  standing: Type.String(),
  standing_by: Type.String({ description: 'Who set the standing: `tenant`, `operator` or `incident`.' }),
  standing_since: Type.String(),
  standing_note: orNull(Type.String()),
  trial_ends_at: orNull(Type.String()),
  plan: orNull(Type.String()),
  billing: Type.String(),
  credits: orNull(Type.Integer(), { description: 'Null where billing does not count them.' }),
  trust: Type.String(),
  locale: orNull(Type.String()),
  notify: Type.Array(Type.String()),
  created_at: Type.String(),
});

export function tenantBody(tenant: TenantRow): Static<typeof TENANT> {
  return {
    id: tenant.id,
    name: tenant.name,
    standing: tenant.standing,
    standing_by: tenant.standingBy,
    standing_since: formatTime(tenant.standingSince),
    standing_note: tenant.standingNote,
    trial_ends_at: timeOrNull(tenant.trialEndsAt),
    plan: tenant.plan,
    billing: tenant.billing,
    credits: tenant.credits,
    trust: tenant.trust,
    locale: tenant.locale,
    notify: tenant.notify,
    created_at: formatTime(tenant.createdAt),
  };
}

/** What a body asks for, or everything that is wrong with it. */
async function readChange(store: Store, body: Static<typeof CHANGE>): Promise<TenantChange | Issue[]> {
  const issues: Issue[] = [];
  const endsAt = body.trial_ends_at;
  const trialEndsAt = endsAt === undefined || endsAt === null ? endsAt : parseTime(endsAt);
  if (endsAt && trialEndsAt === null) {
    issues.push({
      code: 'invalid_parameter',
      param: 'trial_ends_at',
      message: 'It must be a time as RFC 3339 has it.',
    });
  }
  const { plan } = body;
  if (typeof plan === 'string' && (await store.plan({ name: plan })) === null) {
    issues.push({ code: 'invalid_parameter', param: 'plan', message: `There is no plan "${plan}".` });
  }
  issues.push(...emailIssues(body.notify ?? [], 'notify'));
  if (issues.length > 0) return issues;
  const { trial_ends_at: _endsAt, ...same } = body;
  return { ...same, trialEndsAt };
}

const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: tenants'];

export function tenantRoutes(server: FastifyInstance, { store, problems, authenticator }: AdminDeps): void {
  server.post(
    '/v1/tenants',
    { ...ABOUT, schema: { summary: 'Make a tenant', tags: TAGS, body: CREATE, response: { 201: TENANT } } },
    async (request, reply) => {
      const body = request.body as Static<typeof CREATE>;
      const change = await readChange(store, body);
      if (Array.isArray(change)) return problems.invalid(request, reply, change);
      const actor = actorOf(request);
      const tenant = await store.createTenant({
        id: newId('ten'),
        installationId: newId('ins'),
        name: body.name,
        standing: change.standing ?? 'active',
        standingNote: change.note ?? null,
        trialEndsAt: change.trialEndsAt ?? null,
        plan: change.plan ?? null,
        billing: change.billing ?? 'none',
        credits: change.credits ?? null,
        trust: change.trust ?? 'new',
        locale: change.locale ?? null,
        notify: change.notify ?? [],
        actor: actor.name,
        actorId: actor.id,
      });
      return reply.code(201).send(tenantBody(tenant));
    },
  );

  server.get(
    '/v1/tenants',
    {
      ...ABOUT,
      schema: {
        summary: 'List tenants, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(TENANT, 'Tenants') },
      },
    },
    async (request) => pageBody(await store.tenants(pagingOf(request)), tenantBody),
  );

  server.get(
    '/v1/tenants/:id',
    { ...ABOUT, schema: { summary: 'Look at a tenant', tags: TAGS, params: ID_PARAMS, response: { 200: TENANT } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const account = await store.account({ tenantId: id, mode: 'live' });
      return account === null ? notFound(request, reply, problems, 'tenant', id) : tenantBody(account.tenant);
    },
  );

  server.patch(
    '/v1/tenants/:id',
    {
      ...ABOUT,
      schema: {
        summary: 'Change a tenant',
        description: 'What is left out stays as it is. A change of the standing is the operator’s until lifted.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: TENANT },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const change = await readChange(store, request.body as Static<typeof CHANGE>);
      if (Array.isArray(change)) return problems.invalid(request, reply, change);
      const tenant = await store.changeTenant({ tenantId: id, change, actor: actorOf(request) });
      if (tenant === null) return notFound(request, reply, problems, 'tenant', id);
      // A key remembers its tenant's language.
      authenticator.forget();
      return tenantBody(tenant);
    },
  );
}
