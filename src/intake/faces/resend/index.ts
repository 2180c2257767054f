/**
 * Resend: what its official package needs to send (one, or a batch), read back, cancel and reschedule.
 *
 * A send with several recipients is taken when at least one of them is; the others' reasons stand in `X-Postern-Reason` and on
 * the message. Deliberately absent: what is no sending (audiences, broadcasts, inboxes, API keys).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Issue, ProblemBody } from '../../../core/explain.ts';
import type { ReasonCode } from '../../../core/reasons.ts';
import { parseTime } from '../../../core/time.ts';
import type { MessageName } from '../../../data/port/messages.ts';
import type { StoredMessage } from '../../../data/store.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { refusedCancel, refusedReschedule } from '../../changes.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, refuseKey, submitInput } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { refuseUnknown } from '../../lookup.ts';
import type { Face } from '../face.ts';
import { messageIdIn, uuidOf } from '../face-ids.ts';
import { fieldNames, issuesOf, messageOf, ofFace } from '../message-of.ts';
import { EVERYTHING, eachMessage } from '../message-pages.ts';
import { answerTold, type Told, toldOfAll, toldOfOne } from '../told.ts';
import { type ResendRead, readResend } from './read.ts';
import { shownInList, shownWhole } from './show.ts';
import { suppressionRoutes } from './suppressions.ts';
import { readWhen } from './when.ts';
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

const nameOf = fieldNames({
  ...{ send_at: 'scheduled_at', metadata: 'tags', kind: 'topic_id', in_reply_to: 'headers.In-Reply-To' },
  ...{ references: 'headers.References', 'template.data': 'variables' },
});

function refuse(problem: ProblemBody, request: FastifyRequest): OtherAnswer {
  const isKeyAbsent = problem.code === 'authentication_required' && request.headers.authorization === undefined;
  const { http, word } = isKeyAbsent ? { http: 401, word: 'missing_api_key' } : RESEND_WORDS[problem.code];
  const message = messageOf(ofFace(problem, request, resend), nameOf);
  return { status: http, body: { statusCode: http, name: word, message } };
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
  const read = readResend(request.body, Date.now());
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, key)));
  return answerTold(request, reply, told, answerOf(told, request));
}

function answerOf(told: Told, request: FastifyRequest): OtherAnswer {
  const problem = told.problem;
  if (problem !== null) return refuse(problem, request);
  return { status: 200, body: { id: uuidOf('msg', (told as Told & { kind: 'decided' }).messageId) } };
}

/** `x-batch-validation: strict` (the default): all or none. `permissive`: each for itself, and the answer names those refused. */
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
  const now = Date.now();
  const reads = body.map((one) => readResend(one, now));
  const keys = reads.map((_read, i) => (key === null ? null : `${key}:${i}`));
  return request.headers['x-batch-validation'] === 'permissive'
    ? sendEach(request, reply, door, reads, keys)
    : sendAll(request, reply, door, reads, keys);
}

type Keys = readonly (string | null)[];

async function sendAll(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  reads: readonly ResendRead[],
  keys: Keys,
): Promise<FastifyReply> {
  const broken = reads.flatMap((read, i) => (read.ok ? [] : read.errors.map((issue) => within(issue, i))));
  if (broken.length > 0) return door.problems.invalid(request, reply, broken);
  const inputs = reads.map((read, i) => submitInput(request, (read as ResendRead & { ok: true }).body, keys[i]!));
  const all = await toldOfAll(request, door, inputs);
  if (all.outcome === 'taken') return answerBatch(reply, all.tolds.map(outcomeOf), false);
  const { at, told } = all;
  return answerTold(request, reply, told, refuse(ofOne(told.problem!, at), request));
}

async function sendEach(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  reads: readonly ResendRead[],
  keys: Keys,
): Promise<FastifyReply> {
  const outcomes = reads.map(async (read, i): Promise<Outcome> => {
    if (!read.ok) return { error: issuesOf(read.errors, nameOf), code: 'validation_failed' };
    return outcomeOf(
      await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, keys[i]!))),
    );
  });
  return answerBatch(reply, await Promise.all(outcomes), true);
}

const within = ({ code, param, message }: Issue, i: number): Issue => ({ code, param: placeIn(i, param), message });

const placeIn = (i: number, param: string | null): string => `[${i}]${param ? `.${param}` : ''}`;

/** The problem of one of a batch, which says of which. */
function ofOne(problem: ProblemBody, at: number): ProblemBody {
  const { detail, errors } = problem;
  const numbered = errors === undefined ? {} : { errors: errors.map((issue) => within(issue, at)) };
  return { ...problem, ...numbered, detail: `None was sent, because of [${at}]: ${detail}` };
}

type Outcome = { id: string; isReplayed: boolean } | { error: string; code: ReasonCode };

function outcomeOf(told: Told): Outcome {
  const { problem } = told;
  if (problem !== null) return { error: messageOf(problem, nameOf), code: problem.code };
  const { messageId, isReplayed } = told as Told & { kind: 'decided' };
  return { id: uuidOf('msg', messageId), isReplayed };
}

function answerBatch(reply: FastifyReply, outcomes: readonly Outcome[], isPermissive: boolean): FastifyReply {
  const data = outcomes.flatMap((one) => ('id' in one ? [{ id: one.id }] : []));
  const errors = outcomes.flatMap((one, index) => ('error' in one ? [{ index, message: one.error }] : []));
  const refused = outcomes.find((one) => 'error' in one);
  if (refused !== undefined) reply.header('X-Postern-Reason', refused.code);
  if (outcomes.every((one) => 'id' in one && one.isReplayed)) reply.header('Idempotent-Replayed', 'true');
  return reply.send(isPermissive || errors.length > 0 ? { data, errors } : { data });
}

/** The message that a path names, by its UUID or by our own id. */
const nameIn = (request: FastifyRequest<ById>): MessageName => named(request, request.params.id);

function named(request: FastifyRequest, id: string): MessageName {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode, id: messageIdIn(id) };
}

/** Paths of Resend's that stand where an id does. */
const NO_IDS: ReadonlySet<string> = new Set(['metrics', 'receiving']);

async function show(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { id } = request.params;
  if (NO_IDS.has(id)) {
    const [path] = request.url.split('?');
    return door.problems.refuse(request, reply, 'not_found', { evidence: { path } });
  }
  const name = nameIn(request);
  const timeline = await door.store.messageTimeline(name);
  if (timeline === null) return refuseUnknown(request, reply, door, id);
  const { message, events } = timeline;
  return reply.send(shownWhole(message, msgIdOf(request, door, message), events, await door.intake.content(name)));
}

const msgIdOf = (request: FastifyRequest, { intake }: IntakeDoor, { id }: { id: string }): string =>
  intake.msgIdOf(id, request.caller!.principal!.tenantNo);

const DEFAULT_PAGE = 20;
const LARGEST_PAGE = 100;

async function list(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { limit: asked = String(DEFAULT_PAGE), after, before } = request.query as Record<string, string | undefined>;
  const limit = Number(asked);
  const invalid = (param: string, message: string) =>
    door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
    return invalid('limit', `It must be a whole number from 1 to ${LARGEST_PAGE}.`);
  }
  if (after !== undefined && before !== undefined) return invalid('before', 'Give "after" or "before", not both.');
  const marker = after ?? before;
  const marked = marker === undefined ? null : await door.store.message(named(request, marker));
  if (marker !== undefined && marked === null) return refuseUnknown(request, reply, door, marker);
  const found = before === undefined ? older(request, door, marked, limit) : newer(request, door, marked!, limit);
  const { messages, hasMore } = await found;
  const data = messages.map((message) => shownInList(message, msgIdOf(request, door, message)));
  return reply.send({ object: 'list', has_more: hasMore, data });
}

type Found = { messages: StoredMessage[]; hasMore: boolean };

/** What came before the one named, or the newest of all. */
async function older(
  request: FastifyRequest,
  door: IntakeDoor,
  last: StoredMessage | null,
  limit: number,
): Promise<Found> {
  const messages: StoredMessage[] = [];
  let isPast = last === null;
  const filter = { ...EVERYTHING, until: last === null ? null : last.createdAt + 1 };
  for await (const message of eachMessage(request, door, filter, limit + 1)) {
    if (isPast) messages.push(message);
    // What arrived in the same millisecond is passed over up to the one that was named.
    else isPast = message.id === last?.id;
    if (messages.length > limit) break;
  }
  return { messages: messages.slice(0, limit), hasMore: messages.length > limit };
}

/** What came right after the one named, still the newest first. */
async function newer(request: FastifyRequest, door: IntakeDoor, first: StoredMessage, limit: number): Promise<Found> {
  const messages: StoredMessage[] = [];
  for await (const message of eachMessage(request, door, { ...EVERYTHING, since: first.createdAt }, LARGEST_PAGE)) {
    if (message.id === first.id) break;
    messages.push(message);
    if (messages.length > limit + 1) messages.shift();
  }
  return { messages: messages.slice(-limit), hasMore: messages.length > limit };
}

async function reschedule(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { body } = request;
  const given = isFields(body) ? body['scheduled_at'] : undefined;
  const when = readWhen(given, Date.now());
  const sendAt = typeof when === 'string' ? parseTime(when) : null;
  if (sendAt === null) {
    const message = 'It must be a time such as "2026-12-01T09:00:00Z", or "in 1 hour".';
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'scheduled_at', message }]);
  }
  const refused = await refusedReschedule(request, reply, door, nameIn(request), sendAt);
  return refused ?? reply.send({ object: 'email', id: request.params.id });
}

async function cancel(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const refused = await refusedCancel(request, reply, door, nameIn(request));
  return refused ?? reply.send({ object: 'email', id: request.params.id });
}
