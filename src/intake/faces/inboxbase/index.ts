/**
 * 12m, whose API is called inboxbase: an identity sends, begins conversations and goes on with them, and its events are read on from a
 * number. An error is a text and what there is to say beside it.
 *
 * What holds: an id of a conversation is given out once and stored; whatever is asked for under another identity than its own is not
 * there. Absent: mail that answers nothing of ours (`email.received`), and whatever their dashboard alone can do.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../../core/explain.ts';
import type { ManagedIdentity } from '../../../data/port/identities.ts';
import { EventBell } from '../../../http/event-bell.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { type IntakeDoor, readByHand } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import type { Face } from '../face.ts';
import { renamed } from '../renamed.ts';
import { listConversations } from './conversations.ts';
import { readEvents } from './events.ts';
import { sendAs } from './send.ts';
import type { SentAs } from './sent-as.ts';
import { showConversation } from './timeline.ts';
import { INBOXBASE_WORDS } from './words.ts';

const BASE = '/compat/12m';
const TO_WAIT = 'send with the header `X-Inboxbase-Shape: queued` to take the earliest free place';

export const inboxbase: Face = {
  name: '12m',
  title: '12m',
  base: BASE,
  words: INBOXBASE_WORDS,
  fixes: {
    send_rate_exceeded: `Wait as long as \`Retry-After\` says, or ${TO_WAIT}.`,
    hourly_quota_exceeded: `Wait until \`clears.at\`, or ${TO_WAIT}.`,
    daily_quota_exceeded: `Wait until \`clears.at\`, or ${TO_WAIT}.`,
  },
  refuse,
  routes,
};

function refuse(refused: ProblemBody, request: FastifyRequest): OtherAnswer {
  const problem = renamed(refused, inTheirFields);
  const { http } = INBOXBASE_WORDS[problem.code];
  const handle = unknownHandle(problem);
  if (handle !== null) return { status: http, body: { error: 'identity not found in org', details: { handle } } };
  const { code, detail, fix, clears, retry_at, errors, type: doc_url, request_id } = problem;
  const details = { code, detail, fix, clears, retry_at, ...(errors && { errors }), doc_url, request_id };
  return { status: http, body: { error: errorOf(problem, request), details } };
}

const THEIR_FIELDS: Readonly<Record<string, string>> = {
  in_reply_to: 'inReplyTo',
  tags: 'labels',
  thread_id: 'convId',
};

function inTheirFields(param: string): string {
  const [, name = '', rest = ''] = /^([a-z_]+)($|[.[].*)/s.exec(param) ?? [];
  return THEIR_FIELDS[name] === undefined ? param : THEIR_FIELDS[name] + rest;
}

/** Where the problem is that an identity is not there. */
function unknownHandle({ code, reasons }: ProblemBody): string | null {
  const { resource, id } = reasons[0]?.evidence ?? {};
  return code === 'not_found' && resource === 'identity' ? String(id) : null;
}

function errorOf({ code, reasons }: ProblemBody, request: FastifyRequest): string {
  if (code === 'authentication_required') return keyTrouble(request);
  const isConversation = code === 'not_found' && reasons[0]?.evidence['resource'] === 'conversation';
  return isConversation ? 'conversation not found' : INBOXBASE_WORDS[code].word;
}

function keyTrouble({ headers }: FastifyRequest): string {
  if (headers.authorization === undefined) return 'missing api key';
  return /^bearer\s+pst_/i.test(headers.authorization) ? 'invalid api key' : 'invalid api key format';
}

type ByHandle = { Params: { handle: string } };
type ByConversation = { Params: { handle: string; convId: string } };

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const hidden = { schema: { hide: true } };
  const sends = { ...readByHand, ...hidden, config: { scopes: ['send'] as const, flawsRead: true } };
  const reads = { ...hidden, config: { scopes: ['read'] as const } };
  const bell = new EventBell(door.store);
  server.addHook('preClose', (done) => {
    bell.close();
    done();
  });
  for (const path of ['/send', '/v1/send']) {
    server.post(BASE + path, sends, (request, reply) => sendNamed(request, reply, door));
  }
  const identity = `${BASE}/v1/identities/:handle`;
  server.post<ByHandle>(`${identity}/send`, sends, async (request, reply) => {
    const found = await identityOf(request, request.params.handle, door);
    return found === null
      ? refuseHandle(request, reply, door, request.params.handle)
      : sendAs(request, reply, { door, identity: found });
  });
  server.get<ByHandle>(`${identity}/conversations`, reads, (request, reply) =>
    forIdentity(request, reply, door, (as) => listConversations(request, reply, as)),
  );
  server.get<ByConversation>(`${identity}/conversations/:convId`, reads, (request, reply) =>
    forIdentity(request, reply, door, (as) => showConversation(request, reply, as, request.params.convId)),
  );
  server.get<ByHandle>(`${identity}/events`, reads, (request, reply) =>
    forIdentity(request, reply, door, (as) => readEvents(request, reply, as, bell)),
  );
}

async function forIdentity(
  request: FastifyRequest<ByHandle> | FastifyRequest<ByConversation>,
  reply: FastifyReply,
  door: IntakeDoor,
  answer: (as: SentAs) => Promise<FastifyReply>,
): Promise<FastifyReply> {
  const { handle } = request.params;
  const identity = await identityOf(request as FastifyRequest, handle, door);
  return identity === null ? refuseHandle(request as FastifyRequest, reply, door, handle) : answer({ door, identity });
}

/** The identity that the body names. */
async function sendNamed(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const handle = isFields(request.body) ? request.body['identity'] : undefined;
  if (typeof handle !== 'string' || handle === '') {
    const message = 'It must be the handle of an identity.';
    return door.problems.invalid(request, reply, [{ code: 'missing_parameter', param: 'identity', message }]);
  }
  const identity = await identityOf(request, handle, door);
  return identity === null ? refuseHandle(request, reply, door, handle) : sendAs(request, reply, { door, identity });
}

async function identityOf(
  request: FastifyRequest,
  handle: string,
  { store }: IntakeDoor,
): Promise<ManagedIdentity | null> {
  const { tenantNo, mode } = request.caller!.principal!;
  return store.identity({ tenantNo, mode, id: handle });
}

function refuseHandle(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor, handle: string): FastifyReply {
  const evidence = { resource: 'identity', id: handle.slice(0, 255) };
  return door.problems.refuse(request, reply, 'not_found', { evidence });
}
