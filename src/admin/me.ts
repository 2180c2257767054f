/** Who a key is. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { AdminDeps } from './deps.ts';
import { orNull } from './shapes.ts';

const ME = Type.Object({
  id: Type.String({ description: '`key_…`, or `operator`.' }),
  name: Type.String({ description: 'As the audit log shows it.' }),
  operator: Type.Boolean(),
  scopes: Type.Array(Type.String()),
  mode: orNull(Type.String()),
  tenant: orNull(Type.Object({ id: Type.String(), name: Type.String() }), {
    description: 'The tenant acted for; null for an operator who names none in X-Tenant.',
  }),
  app: orNull(Type.String()),
  installation: orNull(Type.String()),
  agent: orNull(Type.String()),
  identities: Type.Array(Type.String(), { description: 'The identities it may send as; empty: all.' }),
});

const EVERY_SCOPE = ['send', 'read', 'manage', 'approve', 'operate'] as const;

export function meRoutes(server: FastifyInstance, { store }: AdminDeps): void {
  server.get(
    '/v1/me',
    {
      config: { scopes: EVERY_SCOPE, operatorOnly: true },
      schema: { summary: 'Who this key is', tags: ['Keys'], response: { 200: ME } },
    },
    async (request) => {
      const { keyId, name, operator, scopes, principal, agent, identities } = request.caller!;
      const tenant = principal === null ? null : await store.tenantById({ id: principal.tenantId });
      return {
        id: keyId,
        name,
        operator,
        scopes: [...scopes],
        mode: principal?.mode ?? null,
        tenant: tenant === null ? null : { id: tenant.id, name: tenant.name },
        app: principal?.appId ?? null,
        installation: principal?.installationId ?? null,
        agent,
        identities: [...identities],
      };
    },
  );
}
