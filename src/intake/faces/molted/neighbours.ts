/**
 * Molted's endpoints beside sending, by our own routes: leases, suppressions, templates, approvals, uploads, what became of a send.
 * Answers have our fields under names in its style; lists are bare arrays, as most of its are.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify';
import type { ProblemBody } from '../../../core/explain.ts';
import { answerWithOther } from '../../../http/wording.ts';
import type { IntakeDoor } from '../../door.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { idOfRequest, requestOf } from '../face-ids.ts';
import { ask } from '../inside.ts';
import { elements, type Given, id, type Look, list, type Neighbour, noteOf } from './neighbour.ts';
import { refuseAsMolted } from './refuse.ts';
import { SUPPRESSIONS } from './suppressions.ts';
import { UPLOAD } from './uploads.ts';

const LEASES: Neighbour[] = [
  {
    method: 'POST',
    path: '/v1/agent/coordination/lease',
    ask: ({ body: { agentId, contactEmail, intent, durationMinutes } }) => ({
      ...{ method: 'POST', url: '/v1/leases' },
      body: {
        contact: contactEmail,
        agent: agentId,
        purpose: intent,
        ttl_seconds: typeof durationMinutes === 'number' ? Math.round(durationMinutes * 60) : durationMinutes,
      },
    }),
    show: leaseIn,
  },
  {
    method: 'DELETE',
    path: '/v1/agent/coordination/lease/:id',
    ask: (given) => {
      const agent = given.body['agentId'] ?? given.query['agentId'];
      const body = agent === undefined ? { note: noteOf(given) } : { agent, note: noteOf(given) };
      return { method: 'POST', url: `/v1/leases/${id(given)}/release`, body };
    },
    show: (body) => ({ released: true, ...leaseIn(body) }),
  },
  {
    method: 'GET',
    path: '/v1/agent/coordination/leases',
    ask: (given) => {
      const { contactEmail: contact, agentId: agent } = given.query;
      return list('/v1/leases', given, { contact, agent, state: 'active' });
    },
    show: (body) => elements(body).map(leaseIn),
  },
];

function leaseIn({ agent, contact, purpose, ...rest }: Fields): Fields {
  return { agentId: agent, contactEmail: contact, intent: purpose, ...rest };
}

function templateIn({ state, kind, newest_version, approved_version, ...rest }: Fields): Fields {
  const versions = { latestVersion: newest_version, approvedVersion: approved_version };
  return { ...rest, type: kind, approvalStatus: state, ...versions };
}

const TEMPLATE_FIELDS = ['slug', 'subject', 'html', 'text', 'variables'];

function templateOf(body: Fields): Fields {
  const kind = body['type'] ?? body['kind'];
  const same = Object.entries(body).filter(([name]) => TEMPLATE_FIELDS.includes(name));
  return { ...Object.fromEntries(same), ...(kind === undefined ? {} : { kind }) };
}

const TEMPLATES: Neighbour[] = [
  {
    ...{ method: 'POST', path: '/v1/templates', status: 201, show: templateIn },
    ask: ({ body }) => ({ method: 'POST', url: '/v1/templates', body: templateOf(body) }),
  },
  {
    ...{ method: 'GET', path: '/v1/templates', ask: (given) => list('/v1/templates', given) },
    show: (body) => elements(body).map(templateIn),
  },
  {
    ...{ method: 'GET', path: '/v1/templates/:id', show: templateIn },
    ask: (given) => ({ method: 'GET', url: `/v1/templates/${id(given)}` }),
  },
  {
    ...{ method: 'POST', path: '/v1/templates/:id/versions', status: 201, show: templateIn },
    ask: (given) => ({ method: 'PATCH', url: `/v1/templates/${id(given)}`, body: templateOf(given.body) }),
  },
  {
    ...{ method: 'POST', path: '/v1/templates/:id/publish', show: templateIn },
    ask: (given) => ({ method: 'POST', url: `/v1/templates/${id(given)}/submit`, body: {} }),
  },
  {
    // Its approvals of templates are named by the template here.
    ...{ method: 'PATCH', path: '/v1/templates/approvals/:id', show: templateIn },
    ask: (given) => {
      const verb = verbOf(given.body['decision']);
      return { method: 'POST', url: `/v1/templates/${id(given)}/${verb}`, body: { note: noteOf(given) } };
    },
  },
  {
    ...{ method: 'POST', path: '/v1/templates/:id/render' },
    ask: (given) => {
      const data = given.body['payload'] ?? given.body['variables'] ?? given.body['data'] ?? {};
      return { method: 'POST', url: `/v1/templates/${id(given)}/render`, body: { data } };
    },
  },
];

/** What is not plainly an approval is none. */
function verbOf(decision: unknown): 'approve' | 'reject' {
  return decision === 'approved' || decision === 'approve' ? 'approve' : 'reject';
}

function approvalIn({ message_id, state, recipients, requested_at, ...rest }: Fields): Fields {
  const [first] = Array.isArray(recipients) ? (recipients as Fields[]) : [];
  const requestId = typeof message_id === 'string' ? requestOf(message_id) : null;
  return { requestId, status: state, recipientEmail: first?.['email'] ?? null, createdAt: requested_at, ...rest };
}

function senderIn({ from }: Fields): string | null {
  return isFields(from) && typeof from['email'] === 'string' ? from['email'] : null;
}

const APPROVALS: Neighbour[] = [
  {
    ...{ method: 'GET', path: '/v1/send/approvals' },
    ask: (given) => list('/v1/approvals', given, { state: given.query['status'] ?? 'pending' }),
    show: async (body, { query: { mailboxId } }, look) => {
      const approvals = elements(body);
      if (mailboxId === undefined) return approvals.map(approvalIn);
      const found = await look({ method: 'GET', url: `/v1/identities/${encodeURIComponent(mailboxId)}` });
      // A mailbox fixes who a message is from.
      const address = senderIn((found.body ?? {}) as Fields);
      return approvals.filter((one) => address !== null && senderIn(one) === address).map(approvalIn);
    },
  },
  {
    ...{ method: 'PATCH', path: '/v1/send/approvals/:id', show: approvalIn },
    ask: (given) => {
      const verb = verbOf(given.body['decision']);
      return { method: 'POST', url: `/v1/approvals/${id(given)}/${verb}`, body: { note: noteOf(given) } };
    },
  },
];

const messageIn = (given: Given): string =>
  encodeURIComponent(idOfRequest(given.params['id'] ?? '') ?? given.params['id'] ?? '');

function becameIn({ id: messageId, request_id: _ofThisRequest, recipients, ...rest }: Fields): Fields {
  const [first] = Array.isArray(recipients) ? (recipients as Fields[]) : [];
  const requestId = typeof messageId === 'string' ? requestOf(messageId) : null;
  return { requestId, recipientEmail: first?.['email'] ?? null, ...rest, recipients };
}

const SENDS: Neighbour[] = [
  {
    ...{ method: 'DELETE', path: '/v1/agent/sends/:id', show: becameIn },
    ask: (given) => ({ method: 'POST', url: `/v1/messages/${messageIn(given)}/cancel` }),
  },
  {
    ...{ method: 'GET', path: '/v1/ops/trace/:id', show: becameIn },
    ask: (given) => ({ method: 'GET', url: `/v1/messages/${messageIn(given)}` }),
  },
];

export const NEIGHBOURS: readonly Neighbour[] = [
  ...[...LEASES, ...SUPPRESSIONS, ...TEMPLATES, ...APPROVALS, ...SENDS],
  UPLOAD,
];

type Routes = { server: FastifyInstance; door: IntakeDoor };

/** `ofTenant`: refuses what names another tenant than the key's. */
export function neighbourRoutes(routes: Routes, base: string, ofTenant: preHandlerHookHandler): void {
  for (const neighbour of NEIGHBOURS) {
    const { method, path } = neighbour;
    routes.server.route({
      ...{ method, url: base + path, schema: { hide: true }, preHandler: ofTenant },
      // What a key must have, the route that is asked knows.
      config: { scopes: ['send', 'read', 'manage', 'approve'] },
      handler: (request, reply) => answer(routes, neighbour, request, reply),
    });
  }
}

async function answer(
  { server, door }: Routes,
  { ask: asked, bars, show, status = 200, path }: Neighbour,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const given: Given = {
    params: request.params as Given['params'],
    query: request.query as Given['query'],
    body: isFields(request.body) ? request.body : {},
  };
  const barred = bars === undefined ? null : await bars(request, door);
  if (barred !== null) return answerWithOther(reply.header('X-Postern-Reason', barred.reason), barred.answer);
  const look: Look = (one) => ask(server, request, reply, one);
  const made = await asked(given, look);
  if ('code' in made) return door.problems.invalid(request, reply, [made]);
  const { status: became, body } = await look(made);
  if (became >= 300) {
    const problem = body as ProblemBody;
    reply.header('X-Postern-Reason', problem.code);
    return answerWithOther(reply, refusedOf(problem, path));
  }
  const { next_cursor: next } = (body ?? {}) as Fields;
  // Its lists are bare arrays: the way on stands beside.
  if (typeof next === 'string') reply.header('X-Next-Cursor', next);
  const shown = show === undefined ? body : await show((body ?? {}) as Fields, given, look);
  return reply.code(status).send(inItsStyle(shown));
}

/** A lease that another agent has says whose it is; a send that there is not has a word of its own. */
function refusedOf(problem: ProblemBody, path: string) {
  if (problem.code === 'lease_conflict') {
    const { held_by: holder, expires_at: expiresAt } = problem.reasons[0]!.evidence;
    const leaseHolder = { agentId: holder, agentName: holder, expiresAt };
    return { status: 409, body: { conflict: true, leaseHolder, error: 'lease_conflict', message: problem.detail } };
  }
  const answer = refuseAsMolted(problem);
  const isSend = problem.code === 'not_found' && SENDS.some((one) => one.path === path);
  return isSend ? { ...answer, body: { ...(answer.body as object), error: 'send_request_not_found' } } : answer;
}

const GIVEN_BY_CALLERS: ReadonlySet<string> = new Set(['metadata', 'headers', 'variables', 'data']);

/** Names of fields in camel case, however deep; what callers gave themselves stays. */
function inItsStyle(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inItsStyle);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      GIVEN_BY_CALLERS.has(name) ? member : inItsStyle(member),
    ]),
  );
}
