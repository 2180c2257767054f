/** Incidents of a tenant: the operator opens one, which pauses the tenant, and closing it gives back what it interrupted. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { IncidentRow } from '../data/port/platform.ts';
import { actorOf, conflict, notFound } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID, ID_PARAMS, listOf, listQuery, NOTE, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';

const INCIDENT = Type.Object({
  id: Type.String(),
  tenant: Type.String(),
  state: Type.String({ description: '`open` or `closed`.' }),
  note: Type.String(),
  opened_at: Type.String(),
  opened_by: Type.String({ description: 'The name of the key.' }),
  closed_at: orNull(Type.String()),
  closed_by: orNull(Type.String()),
  closing_note: orNull(Type.String()),
  pauses: Type.Boolean({ description: 'Whether the account is paused by this incident and resumes with its end.' }),
});

function incidentBody(row: IncidentRow): Static<typeof INCIDENT> {
  return {
    id: row.id,
    tenant: row.tenantId,
    state: row.closedAt === null ? 'open' : 'closed',
    note: row.note,
    opened_at: formatTime(row.openedAt),
    opened_by: row.openedBy,
    closed_at: timeOrNull(row.closedAt),
    closed_by: row.closedBy,
    closing_note: row.closingNote,
    pauses: row.isPausing,
  };
}

const OPEN = Type.Object({ note: NOTE }, CLOSED);
const CLOSE = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));
const INCIDENT_PARAMS = Type.Object({ id: ID, incident: ID });
const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: incidents'];

export function incidentRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.post(
    '/v1/tenants/:id/incidents',
    {
      ...ABOUT,
      schema: {
        summary: 'Open an incident',
        description:
          'Pauses the account with the cause `incident`, in both modes, and tells its people. Accepted messages wait.',
        tags: TAGS,
        params: ID_PARAMS,
        body: OPEN,
        response: { 201: INCIDENT },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { note } = request.body as Static<typeof OPEN>;
      const opened = await store.openIncident({ tenantId: id, note, actor: actorOf(request) });
      if (opened === null) return notFound(request, reply, problems, 'tenant', id);
      return reply.code(201).send(incidentBody(opened));
    },
  );

  server.get(
    '/v1/tenants/:id/incidents',
    {
      ...ABOUT,
      schema: {
        summary: 'Incidents of a tenant, newest first',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: listQuery(),
        response: { 200: listOf(INCIDENT, 'Incidents') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const tenant = await store.tenantById({ id });
      if (tenant === null) return notFound(request, reply, problems, 'tenant', id);
      return pageBody(await store.incidents({ ...pagingOf(request), tenantNo: tenant.no }), incidentBody);
    },
  );

  server.get(
    '/v1/tenants/:id/incidents/:incident',
    {
      ...ABOUT,
      schema: { summary: 'Look at an incident', tags: TAGS, params: INCIDENT_PARAMS, response: { 200: INCIDENT } },
    },
    async (request, reply) => {
      const { id, incident } = request.params as Static<typeof INCIDENT_PARAMS>;
      const tenant = await store.tenantById({ id });
      const row = tenant === null ? null : await store.incidentById({ tenantNo: tenant.no, id: incident });
      return row === null ? notFound(request, reply, problems, 'incident', incident) : incidentBody(row);
    },
  );

  server.post(
    '/v1/tenants/:id/incidents/:incident/close',
    {
      ...ABOUT,
      schema: {
        summary: 'Close an incident',
        description: 'Gives back what it interrupted: a tenant that had paused itself stays paused.',
        tags: TAGS,
        params: INCIDENT_PARAMS,
        body: CLOSE,
        response: { 200: INCIDENT },
      },
    },
    async (request, reply) => {
      const { id, incident } = request.params as Static<typeof INCIDENT_PARAMS>;
      const note = (request.body as Static<typeof CLOSE> | undefined)?.note ?? null;
      const closed = await store.closeIncident({ tenantId: id, id: incident, note, actor: actorOf(request) });
      if (closed.outcome === 'missing') return notFound(request, reply, problems, 'incident', incident);
      if (closed.outcome === 'closed_now') return incidentBody(closed.incident);
      return conflict(request, reply, problems, {
        resource: 'incident',
        id: incident,
        state: 'closed',
        action: 'close',
      });
    },
  );
}
