/**
 * Resend: what its official package needs to send (one, or a batch), read back, cancel and reschedule.
 *
 * A send with several recipients is taken when at least one of them is; the others' reasons stand in `X-Postern-Reason` and on
 * the message. Deliberately absent: what is no sending (audiences, broadcasts, inboxes, API keys).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Issue, ProblemBody } from '../../../core/explain.ts';
import { parseTime } from '../../../core/time.ts';
import type { MessageName } from '../../../data/port/messages.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { refusedCancel, refusedReschedule } from '../../changes.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, submitInput } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { refuseUnknown } from '../../lookup.ts';
import type { Face } from '../face.ts';
import { idOfUuid, uuidOf } from '../face-ids.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { readResend } from './read.ts';
import { shownInList, shownWhole } from './show.ts';
import { suppressionRoutes } from './suppressions.ts';
import { RESEND_WORDS } from './words.ts';

const BASE = '/compat/resend';
const MOST_IN_A_BATCH = 100;

export const resend: Face = {
  name: 'resend',
  title: 'Resend',
  base: BASE,
  words: RESEND_WORDS,
  refuse,
  routes,
};

function refuse(problem: ProblemBody, request: FastifyRequest): OtherAnswer {
  const isKeyAbsent = problem.code === 'authentication_required' && request.headers.authorization === undefined;
  const { http, word } = isKeyAbsent ? { http: 401, word: 'missing_api_key' } : RESEND_WORDS[problem.code];
  return { status: http, body: { statusCode: http, name: word, message: messageOf(problem) } };
}

/** What happened, and what to do about it, in one line. */
function messageOf({ detail, fix, errors }: ProblemBody): string {
  const issues = (errors ?? []).map(({ param, message }) => (param ? `${param}: ${message}` : message));
  return [...(issues.length > 1 ? issues : [detail]), fix].join(' ');
}

type ById = { Params: { id: string } };

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const hidden = { schema: { hide: true } };
  const sends = { ...readByHand, ...hidden, config: { scopes: ['send'] as const, flawsRead: true } };
  const reads = { ...hidden, config: { scopes: ['read'] as const } };
  const changes = { ...hidden, config: { scopes: ['send'] as const } };
  server.post(`${BASE}/emails`, sends, (request, reply) => sendOne(request, reply, door));
  server.post(`${BASE}/emails/batch`, sends, (request, reply) => sendBatch(request, reply, door));
  server.get(`${BASE}/emails`, reads, (request, reply) => list(request, reply, door));
  server.get<ById>(`${BASE}/emails/:id`, reads, (request, reply) => show(request, reply, door));
  server.patch<ById>(`${BASE}/emails/:id`, changes, (request, reply) => reschedule(request, reply, door));
  server.post<ById>(`${BASE}/emails/:id/cancel`, changes, (request, reply) => cancel(request, reply, door));
  suppressionRoutes(server, door, BASE);
}

async function sendOne(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const read = readResend(request.body);
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, key)));
  return answerTold(request, reply, told, answerOf(told, request));
}

function refuseKey(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): FastifyReply {
  return door.problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
}

function answerOf(told: Told, request: FastifyRequest): OtherAnswer {
  const problem = told.problem;
  if (problem !== null) return refuse(problem, request);
  return { status: 200, body: { id: uuidOf('msg', (told as Told & { kind: 'decided' }).messageId) } };
}

/**
 * `x-batch-validation: strict` (the default): all are looked at first, and where one cannot be sent none is. `permissive`: each
 * for itself, and the answer names those that were refused.
 */
async function sendBatch(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const { body } = request;
  if (!Array.isArray(body) || body.length === 0) {
    return door.problems.invalid(request, reply, [
      { code: 'invalid_parameter', param: '', message: `The body must be a list of 1 to ${MOST_IN_A_BATCH} emails.` },
    ]);
  }
  if (body.length > MOST_IN_A_BATCH) {
    const evidence = { limit: MOST_IN_A_BATCH, count: body.length };
    return door.problems.refuse(request, reply, 'batch_too_large', { evidence });
  }
  const reads = body.map(readResend);
  const isStrict = request.headers['x-batch-validation'] !== 'permissive';
  const broken = reads.flatMap((read, i) => (read.ok ? [] : read.errors.map((issue) => within(issue, i))));
  if (isStrict && broken.length > 0) return door.problems.invalid(request, reply, broken);
  if (isStrict) {
    const refused = await firstRefused(request, door, reads);
    if (refused !== null) return answerTold(request, reply, refused, answerOf(refused, request));
  }
  const tolds = await Promise.all(
    reads.map((read, i) => {
      if (!read.ok) return null;
      const named = key === null ? null : `${key}:${i}`;
      return toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, named)));
    }),
  );
  return answerBatch(reply, reads, tolds);
}

function within({ code, param, message }: Issue, i: number): Issue {
  return { code, param: `[${i}]${param ? `.${param}` : ''}`, message };
}

/** Each is looked at by itself and consumes nothing; null: all could be sent now. */
async function firstRefused(
  request: FastifyRequest,
  door: IntakeDoor,
  reads: readonly ReturnType<typeof readResend>[],
): Promise<Told | null> {
  for (const read of reads) {
    if (!read.ok) continue;
    const told = await toldOfOne(request, door, () => door.intake.check(submitInput(request, read.body, null)));
    if (told.problem !== null) return told;
  }
  return null;
}

function answerBatch(
  reply: FastifyReply,
  reads: readonly ReturnType<typeof readResend>[],
  tolds: readonly (Told | null)[],
): FastifyReply {
  const data: { id: string }[] = [];
  const errors: { index: number; message: string }[] = [];
  tolds.forEach((told, index) => {
    const read = reads[index]!;
    const messages = read.ok ? [] : read.errors.map(({ param, message }) => (param ? `${param}: ${message}` : message));
    if (told === null) errors.push({ index, message: messages.join(' ') });
    else if (told.problem !== null) errors.push({ index, message: messageOf(told.problem) });
    else data.push({ id: uuidOf('msg', (told as Told & { kind: 'decided' }).messageId) });
  });
  const primary = tolds.find((told) => told !== null && told.problem !== null)?.problem?.code;
  if (primary !== undefined) reply.header('X-Postern-Reason', primary);
  return reply.send(errors.length === 0 ? { data } : { data, errors });
}

/** The message that a path names, by its UUID or by our own id. */
const nameIn = (request: FastifyRequest<ById>): MessageName => named(request, request.params.id);

function named(request: FastifyRequest, id: string): MessageName {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode, id: idOfUuid('msg', id) ?? '' };
}

async function show(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const name = nameIn(request);
  const timeline = await door.store.messageTimeline(name);
  if (timeline === null) return refuseUnknown(request, reply, door, request.params.id);
  return reply.send(shownWhole(timeline.message, timeline.events, await door.intake.content(name)));
}

const DEFAULT_PAGE = 20;
const LARGEST_PAGE = 100;
const EVERYTHING = { status: null, recipient: null, tag: null, reason: null, since: null, until: null, q: null };

async function list(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { limit: asked = String(DEFAULT_PAGE), after, before } = request.query as Record<string, string | undefined>;
  const limit = Number(asked);
  const invalid = (param: string, message: string) =>
    door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
    return invalid('limit', `It must be a whole number from 1 to ${LARGEST_PAGE}.`);
  }
  if (before !== undefined) return invalid('before', 'Lists go from the newest to the oldest: use "after".');
  const { tenantNo, mode } = request.caller!.principal!;
  const last = after === undefined ? null : await door.store.message(named(request, after));
  if (after !== undefined && last === null) return refuseUnknown(request, reply, door, after);
  // What arrived in the same millisecond is passed over up to the one that was named.
  const filter = { ...EVERYTHING, until: last === null ? null : last.createdAt + 1 };
  const { rows, next } = await door.store.messages({ tenantNo, mode, filter, limit: 2 * limit, cursor: null });
  const older = rows.slice(rows.findIndex(({ id }) => id === last?.id) + 1);
  const data = older.slice(0, limit).map((message) => shownInList(message));
  return reply.send({ object: 'list', has_more: next !== null || older.length > limit, data });
}

async function reschedule(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { body } = request;
  const given = isFields(body) ? body['scheduled_at'] : undefined;
  const sendAt = typeof given === 'string' ? parseTime(given) : null;
  if (sendAt === null) {
    const message = 'It must be a time as RFC 3339 has it, such as "2026-12-01T09:00:00Z".';
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'scheduled_at', message }]);
  }
  const refused = await refusedReschedule(request, reply, door, nameIn(request), sendAt);
  return refused ?? reply.send({ object: 'email', id: request.params.id });
}

async function cancel(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const refused = await refusedCancel(request, reply, door, nameIn(request));
  return refused ?? reply.send({ object: 'email', id: request.params.id });
}
