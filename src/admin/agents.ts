/**
 * Agents: those who send on their own, and how they say that they live. Registering is needed for heartbeats and for holding
 * an agent's messages; a send or a lease may name any agent.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import { formatTime } from '../core/time.ts';
import type { AgentAnswer, AgentRow } from '../data/port/leases.ts';
import { APPROVAL_MODES } from '../policy/facts-approval.ts';
import { actorOf, conflict, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, NOTE, orNull, pageBody, pagingOf } from './shapes.ts';

const NAME = Type.String({
  minLength: 1,
  maxLength: 255,
  // What begins like an id could be taken for another agent.
  pattern: '^(?!agt_)[^\\u0000-\\u001f\\u007f-\\u009f]*$',
  description: 'How sends and leases name it.',
});
const OPTIONAL = {
  heartbeat_seconds: Type.Optional(
    orNull(Type.Integer({ minimum: 1, maximum: 86_400 }), {
      description: 'After so long without a heartbeat its leases end; null: none is asked for.',
    }),
  ),
  approvals: Type.Optional(
    Type.Enum([...APPROVAL_MODES], {
      description:
        'Which of its messages wait for a person, beside those that the policy holds. Holding fewer needs `approve` and a note.',
    }),
  ),
};
const REGISTER = Type.Object({ name: NAME, ...OPTIONAL }, CLOSED);
const CHANGE = Type.Object({ name: Type.Optional(NAME), ...OPTIONAL, note: Type.Optional(orNull(NOTE)) }, CLOSED);
const REMOVE = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));

const AGENT = Type.Object({
  id: Type.String(),
  name: Type.String(),
  heartbeat_seconds: orNull(Type.Integer()),
  approvals: Type.String(),
  last_seen_at: Type.String({
    description: 'Its last heartbeat, or the last lease it acquired or renewed; at first its registration.',
  }),
  heartbeat_due_at: orNull(Type.String(), { description: 'When its leases end unless it is heard of.' }),
  created_at: Type.String(),
});

function agentBody(agent: AgentRow): Static<typeof AGENT> {
  const { id, name, heartbeatSeconds, approvals, seenAt, createdAt } = agent;
  return {
    id,
    name,
    heartbeat_seconds: heartbeatSeconds,
    approvals,
    last_seen_at: formatTime(seenAt),
    heartbeat_due_at: heartbeatSeconds === null ? null : formatTime(seenAt + heartbeatSeconds * 1000),
    created_at: formatTime(createdAt),
  };
}

const TAGS = ['Agents'];
const READING = { config: { scopes: ['read', 'send', 'manage', 'approve'] } } as const;
const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;

export function agentRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    made: AgentAnswer,
    about: { id: string; action: string },
  ) {
    const { id, action } = about;
    switch (made.outcome) {
      case 'done':
        return agentBody(made.agent);
      case 'missing':
        return notFound(request, reply, problems, 'agent', id);
      case 'taken': {
        const taken = { resource: 'agent', id: id.slice(0, 100), state: 'taken', action };
        return conflict(request, reply, problems, taken, 'Another agent has this name.');
      }
      case 'too_many': {
        const full = { resource: 'agent', id: id.slice(0, 100), state: 'full', action };
        return conflict(request, reply, problems, full, `There are ${made.most} agents: remove some first.`);
      }
      case 'human_decision_required':
        return refuseLoosening(request, reply, problems, made, action);
    }
  }

  server.get(
    '/v1/agents',
    {
      ...READING,
      schema: {
        summary: 'List agents, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(AGENT, 'Agents') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return pageBody(await store.agents({ ...pagingOf(request), tenantNo, mode }), agentBody);
    },
  );

  server.get(
    '/v1/agents/:id',
    {
      ...READING,
      schema: { summary: 'Look at an agent, by id or name', tags: TAGS, params: ID_PARAMS, response: { 200: AGENT } },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const agent = await store.agent({ tenantNo, mode, id });
      return agent === null ? notFound(request, reply, problems, 'agent', id) : agentBody(agent);
    },
  );

  server.post(
    '/v1/agents',
    { ...CHANGING, schema: { summary: 'Register an agent', tags: TAGS, body: REGISTER, response: { 201: AGENT } } },
    async (request, reply) => {
      const { name, heartbeat_seconds, approvals } = request.body as Static<typeof REGISTER>;
      const { tenantNo, mode } = principalOf(request);
      const fields = { name, heartbeatSeconds: heartbeat_seconds ?? null, approvals: approvals ?? 'none' };
      const made = await store.registerAgent({ tenantNo, mode, id: newId('agt'), fields, actor: actorOf(request) });
      if (made.outcome === 'done') reply.code(201);
      return answer(request, reply, made, { id: name, action: 'agent.register' });
    },
  );

  server.patch(
    '/v1/agents/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Change an agent',
        description: 'What is left out stays. Its leases go with it to a new name.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: AGENT },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { name, heartbeat_seconds, approvals, note } = request.body as Static<typeof CHANGE>;
      const { tenantNo, mode } = principalOf(request);
      const change = { name, heartbeatSeconds: heartbeat_seconds, approvals };
      const actor = actorOf(request);
      const made = await store.changeAgent({ tenantNo, mode, id, change, note: note ?? null, actor });
      return answer(request, reply, made, { id: made.outcome === 'taken' ? (name ?? id) : id, action: 'agent.update' });
    },
  );

  server.delete(
    '/v1/agents/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove an agent',
        description:
          'Its leases are released. One whose messages wait for a person is removed by a key with `approve`, with a note.',
        tags: TAGS,
        params: ID_PARAMS,
        body: REMOVE,
        response: { 200: AGENT },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { note = null } = (request.body ?? {}) as { note?: string | null };
      const { tenantNo, mode } = principalOf(request);
      const made = await store.removeAgent({ tenantNo, mode, id, note, actor: actorOf(request) });
      return answer(request, reply, made, { id, action: 'agent.delete' });
    },
  );

  server.post(
    '/v1/agents/:id/heartbeat',
    {
      config: { scopes: ['send', 'manage'] },
      schema: {
        summary: 'Say that an agent lives',
        description: 'By id or name. Leases that have ended meanwhile stay ended.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: AGENT },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      return answer(request, reply, await store.agentHeartbeat({ tenantNo, mode, id }), {
        id,
        action: 'agent.heartbeat',
      });
    },
  );
}
