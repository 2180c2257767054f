/** The tenant's own account: its standing, and the pause with which anybody may stop all sending at once. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Account } from '../data/port/management.ts';
import { actorOf, conflict, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, NOTE, orNull } from './shapes.ts';
import { TENANT, tenantBody } from './tenants.ts';

const ACCOUNT = Type.Object({
  ...TENANT.properties,
  mode: Type.String(),
  storage: Type.Object({
    used_bytes: Type.Integer(),
    limit_bytes: orNull(Type.Integer(), { description: 'Null: no limit.' }),
  }),
});

function accountBody(account: Account, mode: string): Static<typeof ACCOUNT> {
  return {
    ...tenantBody(account.tenant),
    mode,
    storage: { used_bytes: account.storageUsed, limit_bytes: account.storageLimit },
  };
}

const WHY = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));
const TAGS = ['Account'];

function noteOf(body: unknown): string | null {
  return (body as { note?: string | null } | null | undefined)?.note ?? null;
}

export function accountRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/account',
    {
      config: { scopes: ['read', 'manage', 'approve'] },
      schema: { summary: 'Standing and storage', tags: TAGS, response: { 200: ACCOUNT } },
    },
    async (request) => {
      const { tenantId, mode } = principalOf(request);
      return accountBody((await store.account({ tenantId, mode }))!, mode);
    },
  );

  server.post(
    '/v1/account/pause',
    {
      config: { scopes: ['manage', 'approve'] },
      schema: {
        summary: 'Stop all sending',
        description: 'In both modes, until it is resumed. Accepted messages wait.',
        tags: TAGS,
        body: WHY,
        response: { 200: ACCOUNT },
      },
    },
    async (request, reply) => {
      const { tenantNo, tenantId, mode } = principalOf(request);
      const note = noteOf(request.body);
      const paused = await store.pauseAccount({ tenantNo, mode, note, actor: actorOf(request) });
      if (paused.outcome === 'paused') return accountBody(paused.account, mode);
      const evidence = { resource: 'account', id: tenantId, state: paused.standing, action: 'pause' };
      return conflict(request, reply, problems, evidence);
    },
  );

  server.post(
    '/v1/account/resume',
    {
      config: { scopes: ['manage', 'approve'] },
      schema: {
        summary: 'Go on sending after a pause',
        description:
          'What a person paused needs a key with `approve` and a note; what the operator or an incident paused, the operator resumes.',
        tags: TAGS,
        body: WHY,
        response: { 200: ACCOUNT },
      },
    },
    async (request, reply) => {
      const { tenantNo, tenantId, mode } = principalOf(request);
      const note = noteOf(request.body);
      const resumed = await store.resumeAccount({ tenantNo, mode, note, actor: actorOf(request) });
      if (resumed.outcome === 'resumed') return accountBody(resumed.account, mode);
      if (resumed.outcome === 'human_decision_required') {
        return refuseLoosening(request, reply, problems, resumed, 'account.resume');
      }
      const evidence = { resource: 'account', id: tenantId, state: resumed.standing, action: 'resume' };
      return conflict(request, reply, problems, evidence);
    },
  );
}
