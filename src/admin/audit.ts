/** The audit log: who changed what. A tenant sees its own rows; the operator without X-Tenant sees all. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime, parseTime } from '../core/time.ts';
import type { AuditRow } from '../data/port/management.ts';
import { invalid } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { listOf, listQuery, orNull, pageBody, pagingOf, TIME } from './shapes.ts';

const ROW = Type.Object({
  at: Type.String(),
  actor: Type.String({ description: 'The name of the key.' }),
  actor_id: orNull(Type.String()),
  agent: orNull(Type.String(), { description: 'The agent that the key belongs to, or that it named in `X-Agent-Id`.' }),
  action: Type.String(),
  target: orNull(Type.String()),
  note: orNull(Type.String()),
  tenant: orNull(Type.String()),
  mode: orNull(Type.String(), { description: 'Null for what both modes share.' }),
  before: Type.Unknown(),
  after: Type.Unknown(),
});

const TIMES = /(?:^|_)(?:at|since|until)$/;
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** As the API writes it: names with underscores, times as text. */
function written(value: unknown, isTime = false): unknown {
  if (typeof value === 'number') return isTime ? formatTime(value) : value;
  if (Array.isArray(value)) return value.map((one) => written(one));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, held]): [string, unknown] => {
    const shown = snake(name);
    return [shown, written(held, TIMES.test(shown))];
  });
  return Object.fromEntries(members);
}

function rowBody(row: AuditRow): Static<typeof ROW> {
  return {
    at: formatTime(row.at),
    actor: row.actor,
    actor_id: row.actorId,
    agent: row.agent,
    action: row.action,
    target: row.target,
    note: row.note,
    tenant: row.tenantId,
    mode: row.mode,
    before: written(row.before, row.action.startsWith('test_clock.')),
    after: written(row.after, row.action.startsWith('test_clock.')),
  };
}

const FILTERS = {
  action: Type.Optional(
    Type.String({
      pattern: '^[a-z_]{1,40}\\.(?:[a-z_]{1,40}|\\*)$',
      description: 'Such as `policy.changed`, or `policy.*`.',
    }),
  ),
  target: Type.Optional(Type.String({ maxLength: 400, description: 'The id or address that was changed.' })),
  actor: Type.Optional(Type.String({ maxLength: 400, description: 'The name or id of the key.' })),
  since: Type.Optional(TIME),
  until: Type.Optional(TIME),
};
type Query = { action?: string; target?: string; actor?: string; since?: string; until?: string };

export function auditRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/audit',
    {
      config: { scopes: ['read', 'manage', 'approve'], operatorOnly: true },
      schema: {
        summary: 'Changes, newest first',
        description:
          'Who changed what, from what to what, and why. A tenant sees its own; the operator without `X-Tenant` all.',
        tags: ['Audit'],
        querystring: listQuery(FILTERS),
        response: { 200: listOf(ROW, 'Changes') },
      },
    },
    async (request, reply) => {
      const { principal } = request.caller!;
      const whose = { tenantNo: principal?.tenantNo ?? null, mode: principal?.mode ?? null };
      const { action = null, target = null, actor = null, ...span } = request.query as Query;
      const since = span.since === undefined ? null : parseTime(span.since);
      const until = span.until === undefined ? null : parseTime(span.until);
      for (const [param, at] of Object.entries({ since, until })) {
        const isWrong = at === null && span[param as 'since' | 'until'] !== undefined;
        if (isWrong) return invalid(request, reply, problems, param, 'It must be a time as RFC 3339 has it.');
      }
      const filter = { action, target, actor, since, until };
      return pageBody(await store.audit({ ...pagingOf(request), ...whose, ...filter }), rowBody);
    },
  );
}
