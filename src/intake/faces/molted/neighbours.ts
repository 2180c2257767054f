/**
 * Molted's endpoints beside sending, by our own routes: leases, suppressions, templates, approvals, uploads, what became of a send.
 * Answers have our fields under names in its style; lists are bare arrays, as most of its are.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify';
import type { Issue, ProblemBody } from '../../../core/explain.ts';
import type { Problems } from '../../../http/problems.ts';
import { answerWithOther } from '../../../http/wording.ts';
import { decodeBase64 } from '../../attachments.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { idOfRequest, requestOf } from '../face-ids.ts';
import { type Asked, ask } from '../inside.ts';
import { refuseAsMolted } from './refuse.ts';

type Given = { params: Readonly<Record<string, string>>; query: Readonly<Record<string, string>>; body: Fields };

type Neighbour = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  /** An issue: what is wrong with the request before any is made. */
  ask: (given: Given) => Asked | Issue;
  /** From our answer, in names of its style; absent: as it is. */
  show?: (body: Fields, given: Given) => unknown;
  status?: number;
};

/** Said in the audit log where a person loosens something and its clients have no field for a reason. */
const NOTE = 'Asked for through the interface of Molted.';
const MOST_LISTED = 200;
const MOST_UPLOADED = 10 * 1024 * 1024;

const noteOf = ({ body, query }: Given): string => {
  const note = body['note'] ?? body['reason'] ?? query['note'];
  return typeof note === 'string' && note !== '' ? note : NOTE;
};
const id = ({ params }: Given): string => encodeURIComponent(params['id'] ?? '');
const list = (path: string, filters: Readonly<Record<string, unknown>> = {}): Asked => {
  const given = Object.entries(filters).filter((one): one is [string, string] => typeof one[1] === 'string');
  return { method: 'GET', url: `${path}?${new URLSearchParams([...given, ['limit', String(MOST_LISTED)]])}` };
};
const elements = (body: Fields): Fields[] => (Array.isArray(body['data']) ? (body['data'] as Fields[]) : []);

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
    ask: ({ query }) =>
      list('/v1/leases', { contact: query['contactEmail'], agent: query['agentId'], state: 'active' }),
    show: (body) => elements(body).map(leaseIn),
  },
];

function leaseIn({ agent, contact, purpose, ...rest }: Fields): Fields {
  return { agentId: agent, contactEmail: contact, intent: purpose, ...rest };
}

/** Its five words; an `unsubscribe` is `manual_dnc`. */
function suppressionIn({ email, domain, reason, since, ...rest }: Fields): Fields {
  const reasonCode = reason === 'unsubscribe' ? 'manual_dnc' : reason;
  const target = email === null || email === undefined ? { domain } : { recipientEmail: email };
  return { ...target, reasonCode, scope: 'tenant', createdAt: since, ...rest };
}

const lift = (given: Given): Asked => ({
  ...{ method: 'DELETE', url: `/v1/suppressions/${id(given)}`, body: { note: noteOf(given) } },
});

const SUPPRESSIONS: Neighbour[] = [
  {
    method: 'POST',
    path: '/v1/suppressions',
    ask: ({ body: { recipientEmail, email, domain, reasonCode = 'manual_dnc', expiresAt, note } }) => ({
      ...{ method: 'POST', url: '/v1/suppressions' },
      body: { email: recipientEmail ?? email, domain, reason: reasonCode, expires_at: expiresAt, note },
    }),
    show: suppressionIn,
  },
  {
    method: 'GET',
    path: '/v1/suppressions',
    ask: ({ query }) => list('/v1/suppressions', { email: query['email'] ?? query['recipientEmail'] }),
    show: (body) => elements(body).map(suppressionIn),
  },
  {
    method: 'GET',
    path: '/v1/suppressions/check',
    ask: ({ query: { email, domain } }) =>
      domain === undefined || email !== undefined
        ? { method: 'GET', url: `/v1/suppressions/check?${new URLSearchParams(given({ email, domain }))}` }
        : list('/v1/suppressions', { domain }),
    show: (body, { query }) => {
      const rows = query['email'] === undefined ? elements(body) : (body['suppressions'] as Fields[]);
      const isSuppressed = rows.length > 0 || body['do_not_contact'] === true;
      const [first] = rows.map(suppressionIn);
      const reasonCode = first?.['reasonCode'] ?? (isSuppressed ? 'manual_dnc' : null);
      return { suppressed: isSuppressed, reasonCode, suppressions: rows.map(suppressionIn) };
    },
  },
  { method: 'DELETE', path: '/v1/suppressions/:id', ask: lift, show: suppressionIn },
  {
    method: 'POST',
    path: '/v1/suppressed-domains',
    ask: ({ body: { domain, reasonCode = 'manual_dnc', expiresAt, note } }) => ({
      ...{ method: 'POST', url: '/v1/suppressions' },
      body: { domain, reason: reasonCode, expires_at: expiresAt, note },
    }),
    show: suppressionIn,
  },
  {
    method: 'GET',
    path: '/v1/suppressed-domains',
    ask: () => list('/v1/suppressions'),
    show: (body) =>
      elements(body)
        .filter(({ domain }) => typeof domain === 'string')
        .map(suppressionIn),
  },
];

function given(values: Readonly<Record<string, string | undefined>>): [string, string][] {
  return Object.entries(values).filter((one): one is [string, string] => one[1] !== undefined);
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
    ...{ method: 'GET', path: '/v1/templates', ask: () => list('/v1/templates') },
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

const APPROVALS: Neighbour[] = [
  {
    ...{ method: 'GET', path: '/v1/send/approvals' },
    ask: ({ query }) => list('/v1/approvals', { state: query['status'] ?? 'pending' }),
    show: (body) => elements(body).map(approvalIn),
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
  {
    ...{ method: 'POST', path: '/v1/attachments', status: 201 },
    ask: ({ body: { filename, contentType, content, data } }) => {
      const base64 = content ?? data;
      const file = typeof base64 === 'string' && base64 !== '' ? decodeBase64(base64) : null;
      if (file === null || file.length > MOST_UPLOADED) {
        const message = 'It must be a file of at most 10 MB in base64 (RFC 4648 §4), with padding.';
        return { code: 'invalid_parameter', param: 'content', message };
      }
      const query = typeof filename === 'string' ? `?${new URLSearchParams({ filename })}` : '';
      const type = typeof contentType === 'string' ? contentType : 'application/octet-stream';
      const bytes = { content: Buffer.from(file), contentType: type };
      return { method: 'POST', url: `/v1/attachments${query}`, bytes };
    },
  },
];

export const NEIGHBOURS: readonly Neighbour[] = [...LEASES, ...SUPPRESSIONS, ...TEMPLATES, ...APPROVALS, ...SENDS];

type Routes = { server: FastifyInstance; problems: Problems };

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
  { server, problems }: Routes,
  { ask: asked, show, status = 200, path }: Neighbour,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const given: Given = {
    params: request.params as Given['params'],
    query: request.query as Given['query'],
    body: isFields(request.body) ? request.body : {},
  };
  const made = asked(given);
  if ('code' in made) return problems.invalid(request, reply, [made]);
  const { status: became, body } = await ask(server, request, reply, made);
  if (became >= 300) {
    const problem = body as ProblemBody;
    reply.header('X-Postern-Reason', problem.code);
    return answerWithOther(reply, refusedOf(problem, path));
  }
  const shown = show === undefined ? body : show((body ?? {}) as Fields, given);
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

/** Names of fields in camel case, however deep; what callers gave themselves stays. */
function inItsStyle(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inItsStyle);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      name === 'metadata' || name === 'headers' ? member : inItsStyle(member),
    ]),
  );
}
