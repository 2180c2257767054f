/** The audit log: who changed what. A tenant sees its own rows; the operator without X-Tenant sees all. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { AuditRow } from '../data/port/management.ts';
import type { AdminDeps } from './deps.ts';
import { listOf, listQuery, orNull, pageBody, pagingOf } from './shapes.ts';

const ROW = Type.Object({
  at: Type.String(),
  actor: Type.String({ description: 'The name of the key.' }),
  actor_id: orNull(Type.String()),
  action: Type.String(),
  target: orNull(Type.String()),
  note: orNull(Type.String()),
  tenant: orNull(Type.String()),
  mode: orNull(Type.String(), { description: 'Null for what both modes share.' }),
  before: Type.Unknown(),
  after: Type.Unknown(),
});

function rowBody(row: AuditRow): Static<typeof ROW> {
  return {
    at: formatTime(row.at),
    actor: row.actor,
    actor_id: row.actorId,
    action: row.action,
    target: row.target,
    note: row.note,
    tenant: row.tenantId,
    mode: row.mode,
    before: row.before,
    after: row.after,
  };
}

export function auditRoutes(server: FastifyInstance, { store }: AdminDeps): void {
  server.get(
    '/v1/audit',
    {
      config: { scopes: ['read', 'manage', 'approve'], operatorOnly: true },
      schema: {
        summary: 'Changes, newest first',
        tags: ['Audit'],
        querystring: listQuery(),
        response: { 200: listOf(ROW, 'Changes') },
      },
    },
    async (request) => {
      const { principal } = request.caller!;
      const whose = { tenantNo: principal?.tenantNo ?? null, mode: principal?.mode ?? null };
      return pageBody(await store.audit({ ...pagingOf(request), ...whose }), rowBody);
    },
  );
}
