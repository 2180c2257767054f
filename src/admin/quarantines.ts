/** The operator's side: the queue of quarantines, their evidence, and the decisions on them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Mode } from '../core/message.ts';
import { parseTime } from '../core/time.ts';
import { QUARANTINE_STATES, type QuarantineAnswer, type QuarantineState } from '../data/port/quarantine.ts';
import type { Problems } from '../http/problems.ts';
import { actorOf, conflict, invalid, notFound } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { QUARANTINE, quarantineBody, WHOLE_QUARANTINE, wholeQuarantineBody } from './quarantine-bodies.ts';
import { CLOSED, ID, ID_PARAMS, listOf, listQuery, orNull, pageBody, pagingOf, TIME } from './shapes.ts';

const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: quarantines'];

const NOTE = Type.String({ minLength: 1, maxLength: 1000, description: 'Why; the tenant sees it.' });

const MODE = Type.Enum(['live', 'test']);
const QUERY = listQuery(
  {
    state: Type.Optional(
      Type.Enum([...QUARANTINE_STATES], { description: 'Unless said, those that wait for a decision.' }),
    ),
    mode: Type.Optional(MODE),
    tenant: Type.Optional(ID),
  },
  '^[0-9]{1,15}-[0-9]{1,15}-[0-9]{1,15}$',
);

const RELEASE = Type.Object(
  {
    note: NOTE,
    probation: Type.Optional(
      orNull(
        Type.Object(
          {
            factor: Type.Number({
              minimum: 0.001,
              exclusiveMaximum: 1,
              description: 'The share of each limit that is open at first.',
              examples: [0.25],
            }),
            days: Type.Number({
              exclusiveMinimum: 0,
              maximum: 365,
              description: 'After so many days the limits are whole again.',
              examples: [7],
            }),
          },
          CLOSED,
        ),
        { description: 'Smaller limits that grow back; null: none.' },
      ),
    ),
    held: Type.Optional(
      Type.Enum(['send', 'drop'], { description: 'What becomes of mail that it held; `send` unless said.' }),
    ),
  },
  CLOSED,
);

const UPHOLD = Type.Object({ note: NOTE }, CLOSED);
const SET = Type.Object(
  {
    note: NOTE,
    mode: Type.Optional(MODE),
    release_at: Type.Optional(orNull(TIME, { description: 'When it ends by itself; null: when it is released.' })),
  },
  CLOSED,
);

export function quarantineReviewRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/quarantines',
    {
      ...ABOUT,
      schema: {
        summary: 'The queue of quarantines',
        description: 'By score, then by age.',
        tags: TAGS,
        querystring: QUERY,
        response: { 200: listOf(QUARANTINE, 'Quarantines') },
      },
    },
    async (request) => {
      const { state, mode, tenant } = request.query as { state?: QuarantineState; mode?: Mode; tenant?: string };
      const states = state === undefined ? [] : [state];
      const filter = { states, mode: mode ?? null, tenantId: tenant ?? null };
      return pageBody(await store.quarantines({ ...pagingOf(request), ...filter }), quarantineBody);
    },
  );

  server.get(
    '/v1/quarantines/:id',
    {
      ...ABOUT,
      schema: {
        summary: 'One quarantine with its evidence and sample messages',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: WHOLE_QUARANTINE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const found = await store.quarantineById({ id });
      if (found === null) return notFound(request, reply, problems, 'quarantine', id);
      return wholeQuarantineBody(found.quarantine, found.samples);
    },
  );

  server.post(
    '/v1/quarantines/:id/release',
    {
      ...ABOUT,
      schema: {
        summary: 'Release an account',
        description:
          'Sending resumes at once, with smaller limits that grow back where a probation is set. For an account on probation it ends that one or sets another.',
        tags: TAGS,
        params: ID_PARAMS,
        body: RELEASE,
        response: { 200: QUARANTINE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { note, probation = null, held = 'send' } = request.body as Static<typeof RELEASE>;
      const decided = await store.releaseQuarantine({ id, note, probation, held, actor: actorOf(request) });
      return answer(request, reply, problems, decided, { id, action: 'release' });
    },
  );

  server.post(
    '/v1/quarantines/:id/uphold',
    {
      ...ABOUT,
      schema: {
        summary: 'Keep an account in quarantine',
        description: 'Closes its appeal; the tenant sees the note and may appeal anew.',
        tags: TAGS,
        params: ID_PARAMS,
        body: UPHOLD,
        response: { 200: QUARANTINE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { note } = request.body as Static<typeof UPHOLD>;
      const decided = await store.upholdQuarantine({ id, note, actor: actorOf(request) });
      return answer(request, reply, problems, decided, { id, action: 'uphold' });
    },
  );

  server.post(
    '/v1/tenants/:id/quarantine',
    {
      ...ABOUT,
      schema: {
        summary: 'Put an account in quarantine',
        description: 'Whatever its score and policy. Accepted mail that has not left is held.',
        tags: TAGS,
        params: ID_PARAMS,
        body: SET,
        response: { 201: QUARANTINE },
      },
    },
    async (request, reply) => {
      const { id: tenantId } = request.params as Static<typeof ID_PARAMS>;
      const { note, mode, release_at: release } = request.body as Static<typeof SET>;
      const releaseAt = release == null ? null : parseTime(release);
      if (release != null && releaseAt === null) {
        return invalid(request, reply, problems, 'release_at', 'It must be a time as RFC 3339 has it.');
      }
      const decided = await store.quarantineTenant({
        tenantId,
        mode: mode ?? headerMode(request) ?? 'live',
        note,
        releaseAt,
        actor: actorOf(request),
      });
      if (decided.outcome === 'not_found') return notFound(request, reply, problems, 'tenant', tenantId);
      return answer(request, reply, problems, decided, { id: tenantId, action: 'quarantine' }, 201);
    },
  );
}

function headerMode(request: FastifyRequest): Mode | null {
  const mode = request.headers['x-mode'];
  return mode === 'live' || mode === 'test' ? mode : null;
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  decided: QuarantineAnswer,
  asked: { id: string; action: string },
  status = 200,
): FastifyReply {
  if (decided.outcome === 'done') return reply.code(status).send(quarantineBody(decided.quarantine));
  if (decided.outcome === 'not_found') return notFound(request, reply, problems, 'quarantine', asked.id);
  const { id, state } = decided;
  return conflict(request, reply, problems, { resource: 'quarantine', id, state, action: asked.action });
}
