/**
 * Leases: an agent's exclusive, expiring hold on a contact. Sends to it pass when their agent holds the lease.
 *
 * Deliberately absent: what a lease does to a send (a rule), and waiting for one that another agent holds.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import { formatTime } from '../core/time.ts';
import {
  LEASE_STATES,
  type LeaseCaller,
  type LeaseConflict,
  type LeaseRow,
  type LeaseRowState,
} from '../data/port/leases.ts';
import { actorOf, conflict, invalid, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readEmail } from './emails.ts';
import { CLOSED, ID_PARAMS, line, listOf, listQuery, NOTE, orNull, pageBody, pagingOf } from './shapes.ts';

const LONGEST_SECONDS = 7 * 86_400;
const TTL = Type.Integer({
  minimum: 1,
  maximum: LONGEST_SECONDS,
  description: 'How long it holds, in seconds: up to seven days. It can be renewed.',
});
const AGENT = line(255, 'An agent, by its name or id. It need not be registered.');
const TOKEN = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'The token of the lease: it proves its holder.',
});
const CONTACT = Type.String({ minLength: 3, maxLength: 1000, description: 'The address of the contact.' });

const ACQUIRE = Type.Object(
  {
    contact: CONTACT,
    agent: Type.Optional(AGENT),
    ttl_seconds: TTL,
    purpose: Type.Optional(orNull(line(255, 'What the agent is about, for people who look.'))),
  },
  CLOSED,
);
const RENEW = orNull(
  Type.Object({ ttl_seconds: Type.Optional(TTL), token: Type.Optional(TOKEN), agent: Type.Optional(AGENT) }, CLOSED),
);
const RELEASE = orNull(
  Type.Object({ token: Type.Optional(TOKEN), agent: Type.Optional(AGENT), note: Type.Optional(orNull(NOTE)) }, CLOSED),
);

const FIELDS = {
  id: Type.String(),
  contact: Type.String({ description: 'The key of the address.' }),
  agent: Type.String(),
  purpose: orNull(Type.String()),
  state: Type.String({
    description: '`active`, `released`, `expired`, or `superseded` by a later one of the same agent.',
  }),
  acquired_at: Type.String(),
  expires_at: Type.String({
    description: "When it ends or has ended: sooner than agreed where the agent's heartbeat fails to come.",
  }),
};
const LEASE = Type.Object(FIELDS);
const OWN_LEASE = Type.Object({
  ...FIELDS,
  token: Type.String({
    description: 'Give it as `lease_token` with a send: it is refused once somebody else holds the contact.',
  }),
});

function leaseBody(lease: LeaseRow): Static<typeof LEASE> {
  const { id, contact, agent, purpose, state, acquiredAt, expiresAt } = lease;
  const times = { acquired_at: formatTime(acquiredAt), expires_at: formatTime(expiresAt) };
  return { id, contact, agent, purpose, state, ...times };
}

const QUERY = listQuery({
  contact: Type.Optional(CONTACT),
  agent: Type.Optional(Type.String({ maxLength: 255, description: 'Those of this agent, by its name.' })),
  state: Type.Optional(Type.Enum([...LEASE_STATES])),
});

const TAGS = ['Agents'];
const READING = { config: { scopes: ['read', 'send', 'manage', 'approve'] } } as const;
const HOLDING = { config: { scopes: ['send', 'manage', 'approve'] } } as const;

/** The agent that the caller speaks for; false where the key belongs to another than the one named. */
function spokenFor(request: FastifyRequest, named: string | undefined): string | null | false {
  const { agent } = request.caller!;
  if (agent !== null) return named === undefined || named === agent ? agent : false;
  const header = request.headers['x-agent-id'];
  return named ?? (typeof header === 'string' && header !== '' ? header.slice(0, 255) : null);
}

export function leaseRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  function refuseAgent(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const detail = 'This key belongs to another agent than the one named.';
    return problems.refuse(request, reply, 'insufficient_permissions', { detail, param: 'agent' });
  }

  function refuseHeld(request: FastifyRequest, reply: FastifyReply, found: LeaseConflict, agent: string | null) {
    const { lease, problem, now } = found;
    const reason = {
      code: 'lease_conflict',
      scope: { kind: 'recipient', id: lease.contact },
      clearsAt: lease.expiresAt,
      evidence: { lease_id: lease.id, problem, held_by: lease.agent, agent, expires_at: lease.expiresAt },
    } as const;
    return problems.send(request, reply, { reasons: [reason], messageId: null }, now);
  }

  function ended(request: FastifyRequest, reply: FastifyReply, id: string, state: LeaseRowState, action: string) {
    return conflict(request, reply, problems, { resource: 'lease', id, state, action });
  }

  server.get(
    '/v1/leases',
    {
      ...READING,
      schema: {
        summary: 'List leases, newest first',
        tags: TAGS,
        querystring: QUERY,
        response: { 200: listOf(LEASE, 'Leases') },
      },
    },
    async (request, reply) => {
      const {
        contact,
        agent = null,
        state = null,
      } = request.query as {
        contact?: string;
        agent?: string;
        state?: LeaseRowState;
      };
      const address = contact === undefined ? null : readEmail(contact, 'contact');
      if (address !== null && isIssue(address)) return problems.invalid(request, reply, [address]);
      const { tenantNo, mode } = principalOf(request);
      const chosen = { contact: address?.key ?? null, agent, state };
      return pageBody(await store.leases({ ...pagingOf(request), tenantNo, mode, ...chosen }), leaseBody);
    },
  );

  server.get(
    '/v1/leases/:id',
    { ...READING, schema: { summary: 'Look at a lease', tags: TAGS, params: ID_PARAMS, response: { 200: LEASE } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const lease = await store.lease({ tenantNo, mode, id });
      return lease === null ? notFound(request, reply, problems, 'lease', id) : leaseBody(lease);
    },
  );

  server.post(
    '/v1/leases',
    {
      ...HOLDING,
      schema: {
        summary: 'Acquire a lease on a contact',
        description:
          'As long as it holds, only sends of this agent reach the contact. Another agent gets `lease_conflict`; the same agent gets a new token, and its earlier one is stale.',
        tags: TAGS,
        body: ACQUIRE,
        response: { 201: OWN_LEASE },
      },
    },
    async (request, reply) => {
      const body = request.body as Static<typeof ACQUIRE>;
      const address = readEmail(body.contact, 'contact');
      if (isIssue(address)) return problems.invalid(request, reply, [address]);
      const agent = spokenFor(request, body.agent);
      if (agent === false) return refuseAgent(request, reply);
      if (agent === null) {
        const message = '"agent" is required: it says whose lease it is.';
        return problems.invalid(request, reply, [{ code: 'missing_parameter', param: 'agent', message }]);
      }
      const { tenantNo, mode } = principalOf(request);
      const answer = await store.acquireLease({
        tenantNo,
        mode,
        id: newId('lse'),
        token: newId('lsetok'),
        contact: address.key,
        agent,
        purpose: body.purpose ?? null,
        ttlMs: body.ttl_seconds * 1000,
        actor: actorOf(request),
      });
      switch (answer.outcome) {
        case 'acquired':
          return reply.code(201).send({ ...leaseBody(answer.lease), token: answer.lease.token });
        case 'conflict':
          return refuseHeld(request, reply, answer, agent);
        case 'unknown_agent':
          return invalid(request, reply, problems, 'agent', 'No agent has this id.');
        case 'too_many': {
          const about = { resource: 'lease', id: address.key, state: 'full', action: 'lease.acquire' };
          return conflict(request, reply, problems, about, `There are ${answer.most} open leases: release some first.`);
        }
      }
    },
  );

  server.post(
    '/v1/leases/:id/renew',
    {
      ...HOLDING,
      schema: {
        summary: 'Renew a lease',
        description:
          'Puts its end off, by as long as it was acquired for unless said. The holder alone may: its token, its agent, or the key that acquired it.',
        tags: TAGS,
        params: ID_PARAMS,
        body: RENEW,
        response: { 200: OWN_LEASE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const body = (request.body ?? {}) as NonNullable<Static<typeof RENEW>>;
      const who = callerOf(request, body);
      if (who === null) return refuseAgent(request, reply);
      const { tenantNo, mode } = principalOf(request);
      const ttlMs = body.ttl_seconds === undefined ? null : body.ttl_seconds * 1000;
      const answer = await store.renewLease({ tenantNo, mode, id, ttlMs, ...who });
      switch (answer.outcome) {
        case 'renewed':
          return { ...leaseBody(answer.lease), token: answer.lease.token };
        case 'conflict':
          return refuseHeld(request, reply, answer, who.agent);
        case 'ended':
          return ended(request, reply, id, answer.state, 'lease.renew');
        case 'missing':
          return notFound(request, reply, problems, 'lease', id);
      }
    },
  );

  async function release(request: FastifyRequest, reply: FastifyReply) {
    const { id } = request.params as Static<typeof ID_PARAMS>;
    const body = (request.body ?? {}) as NonNullable<Static<typeof RELEASE>>;
    const who = callerOf(request, body);
    if (who === null) return refuseAgent(request, reply);
    const { tenantNo, mode } = principalOf(request);
    const answer = await store.releaseLease({ tenantNo, mode, id, note: body.note ?? null, ...who });
    switch (answer.outcome) {
      case 'released':
        return leaseBody(answer.lease);
      case 'ended':
        return ended(request, reply, id, answer.state, 'lease.release');
      case 'missing':
        return notFound(request, reply, problems, 'lease', id);
      case 'human_decision_required':
        return refuseLoosening(request, reply, problems, answer, 'lease.release');
    }
  }

  const releasing = {
    ...HOLDING,
    schema: {
      summary: 'Release a lease',
      description: "Releasing another agent's lease needs a key with `approve` and a note.",
      tags: TAGS,
      params: ID_PARAMS,
      body: RELEASE,
      response: { 200: LEASE },
    },
  };
  server.post('/v1/leases/:id/release', releasing, release);
  server.delete(
    '/v1/leases/:id',
    { ...releasing, schema: { ...releasing.schema, summary: 'Release a lease, as above' } },
    release,
  );
}

/** Null where the key belongs to another agent than the one named. */
function callerOf(request: FastifyRequest, body: { agent?: string; token?: string }): LeaseCaller | null {
  const agent = spokenFor(request, body.agent);
  return agent === false ? null : { agent, token: body.token ?? null, actor: actorOf(request) };
}
