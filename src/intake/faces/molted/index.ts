/**
 * Molted: sends one by one and in batches, and looks at what would become of them. A refusal by the policy is HTTP 200 with
 * `status: "blocked"`, the first reason in the order of its policy page, and the trace of every rule.
 *
 * What holds: an accepted `dedupeKey` is refused when it comes again (`duplicate`, with the first request's id); a refused one is
 * free. The header `X-Molted-Vocabulary: finer` asks for the names of the reference for agents.
 * Deliberately absent: follow-ups, journeys, lists, and all else that is no sending.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { newId } from '../../../base/ids.ts';
import { parseTime } from '../../../core/time.ts';
import { setHeadroom } from '../../../http/headroom-headers.ts';
import { type IntakeDoor, readByHand, submitInput } from '../../door.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import type { SubmitInput } from '../../submit-input.ts';
import type { Face } from '../face.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { inOrder, sendBody, type Vocabulary } from './answer.ts';
import { budgetBody } from './budget.ts';
import { neighbourRoutes } from './neighbours.ts';
import { dedupeKeyOf, type MoltedRead, readMolted, refusedRead } from './read.ts';
import { moltedIssues, ownError, refuseAsMolted, saidOf } from './refuse.ts';
import { simulationBody } from './simulation.ts';
import { putOff } from './warmup.ts';
import { MOLTED_WORDS, wordOf } from './words.ts';

export const MOLTED_BASE = '/compat/molted';
const MOST_IN_A_BATCH = 500;
const TO_WAIT = 'send with `"deferOnWarmup": true` to take the earliest free place';

export const molted: Face = {
  name: 'molted',
  title: 'Molted',
  base: MOLTED_BASE,
  words: MOLTED_WORDS,
  fixes: {
    send_rate_exceeded: `Wait as long as \`Retry-After\` says, or ${TO_WAIT}.`,
    hourly_quota_exceeded: `Wait until \`clears.at\`, or ${TO_WAIT}.`,
    daily_quota_exceeded: `Wait until \`clears.at\`, or ${TO_WAIT}.`,
    template_render_failed: 'Send `payload` with every variable the template uses, in the type it expects.',
    cooldown: 'Send at `clears.at` or later, for example with `scheduledAt`.',
  },
  refuse: (problem, request) => refuseAsMolted(problem, vocabularyOf(request)),
  routes,
};

function vocabularyOf(request: FastifyRequest): Vocabulary {
  return request.headers['x-molted-vocabulary'] === 'finer' ? 'finer' : 'page';
}

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const ofTenant = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    if (isOwnTenant(request)) done();
    else refuseTenant(request, reply, door);
  };
  const sends = {
    ...readByHand,
    schema: { hide: true },
    config: { scopes: ['send'] as const, flawsRead: true },
    preHandler: ofTenant,
  };
  for (const path of ['/v1/agent/request-send', '/v1/send/request']) {
    server.post(MOLTED_BASE + path, sends, (request, reply) => sendOne(request, reply, door));
  }
  server.post(`${MOLTED_BASE}/v1/agent/batch/request-send`, sends, (request, reply) => sendBatch(request, reply, door));
  server.post(`${MOLTED_BASE}/v1/agent/simulate-send`, sends, (request, reply) => simulateOne(request, reply, door));
  server.post(`${MOLTED_BASE}/v1/agent/simulate-batch`, sends, (request, reply) => simulateBatch(request, reply, door));
  const looks = { schema: { hide: true }, config: { scopes: ['read', 'send'] as const }, preHandler: ofTenant };
  server.get(`${MOLTED_BASE}/v1/agent/budget`, looks, (request, reply) => showBudget(request, reply, door));
  neighbourRoutes({ server, door }, MOLTED_BASE, ofTenant);
}

async function showBudget(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const principal = request.caller!.principal!;
  const { mailboxId = null } = request.query as { mailboxId?: string };
  const headroom = await door.store.headroom({ principal, identity: mailboxId, recipient: null });
  request.headroomSet = true;
  setHeadroom(reply, headroom.limits, headroom.now, headroom.risk);
  return reply.send(budgetBody(principal.tenantId, headroom));
}

/** The key says the tenant; a request that names one names the same. */
function isOwnTenant(request: FastifyRequest): boolean {
  const { body, query } = request;
  const tenantId = (isFields(body) ? body['tenantId'] : undefined) ?? (query as Fields)['tenantId'];
  return tenantId === undefined || tenantId === null || tenantId === request.caller!.principal!.tenantId;
}

function refuseTenant(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): void {
  const { tenantId } = request.caller!.principal!;
  const detail = `The key belongs to the tenant ${tenantId}, and "tenantId" names another.`;
  const fix = `Give "${tenantId}" as "tenantId", or leave it out.`;
  door.problems.refuse(request, reply, 'insufficient_permissions', { detail, fix, param: 'tenantId' });
}

function inputOf(request: FastifyRequest, body: Fields): SubmitInput {
  // Phrases of spam in a template are errors here, as its lint has it.
  return { ...submitInput(request, body, null), refusesSpamPhrases: true };
}

/** A time to leave at lies ahead, on the clock of the account: the test clock in test mode. */
async function inTime(request: FastifyRequest, { store }: IntakeDoor, read: MoltedRead): Promise<MoltedRead> {
  const sendAt = read.ok ? read.body['send_at'] : undefined;
  const at = typeof sendAt === 'string' ? parseTime(sendAt) : null;
  if (at === null) return read;
  const { now } = await store.headroom({ principal: request.caller!.principal!, identity: null, recipient: null });
  return at > now ? read : refusedRead('invalid_params', 'scheduledAt', 'It must lie in the future.');
}

async function sendOne(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const read = await inTime(request, door, readMolted(request.body));
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const { body, projectedAt } = await putOff({ request, door, inputOf }, read);
  const told = await toldOfOne(request, door, () => door.intake.submit(inputOf(request, body)));
  return answerTold(request, reply, told, answerOf(told, request, projectedAt));
}

function answerOf(told: Told, request: FastifyRequest, projectedAt: number | null) {
  const vocabulary = vocabularyOf(request);
  if (told.kind === 'problem') return refuseAsMolted(told.problem, vocabulary);
  const body = sendBody(told, vocabulary, projectedAt);
  const [first] = told.problem === null ? [] : inOrder(told.recipients[0]!.reasons);
  // The one refusal that has a status of its own.
  if (first === undefined || wordOf(first).http === 200) return { status: 200, body };
  return {
    status: wordOf(first).http,
    body: { error: body['reason'], message: `${first.detail} ${first.fix}`, ...body },
  };
}

type Row = Record<string, unknown> & { status: string };

/** Each for itself: what is wrong with one is its own. */
async function sendBatch(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const sends = sendsIn(request, reply, door);
  if (sends === null) return reply;
  const vocabulary = vocabularyOf(request);
  const seen = new Set<string>();
  const rows = await Promise.all(
    sends.map((send) => {
      const key = isFields(send) ? dedupeKeyOf(send) : null;
      if (key !== null && seen.has(key)) return errorRow(send, 'duplicate_in_batch', 'Its key stands before.');
      if (key !== null) seen.add(key);
      return sendRow(request, door, send, vocabulary);
    }),
  );
  const blocked = rows.filter(({ status }) => status === 'blocked').length;
  const failed = rows.filter(({ status }) => status === 'error').length;
  return reply.send({
    batchId: newId('bat'),
    total: rows.length,
    queued: rows.length - blocked - failed,
    blocked,
    errors: failed,
    results: rows,
  });
}

/** Null: answered already. */
function sendsIn(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): unknown[] | null {
  const sends = isFields(request.body) ? request.body['sends'] : undefined;
  if (!Array.isArray(sends) || sends.length === 0) {
    const message = `It must be a list of 1 to ${MOST_IN_A_BATCH} sends.`;
    door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'sends', message }]);
    return null;
  }
  if (sends.length <= MOST_IN_A_BATCH) return sends;
  const evidence = { limit: MOST_IN_A_BATCH, count: sends.length };
  door.problems.refuse(request, reply, 'batch_too_large', { param: 'sends', evidence });
  return null;
}

/** What the batch says for all of its sends. */
function defaultsOf(request: FastifyRequest): Fields {
  const { templateId, mailboxId, sendReason, deferOnWarmup } = request.body as Fields;
  return { templateId, mailboxId, sendReason, deferOnWarmup };
}

async function sendRow(request: FastifyRequest, door: IntakeDoor, send: unknown, vocabulary: Vocabulary): Promise<Row> {
  const read = await inTime(request, door, readMolted(send, defaultsOf(request)));
  if (!read.ok)
    return errorRow(send, ownError('validation_failed', read.errors).error, read.errors.map(saidOf).join(' '));
  const { body: asked, projectedAt } = await putOff({ request, door, inputOf }, read);
  const told = await toldOfOne(request, door, () => door.intake.submit(inputOf(request, asked)));
  if (told.kind === 'decided') return { recipientEmail: recipientOf(send), ...sendBody(told, vocabulary, projectedAt) };
  const { status, body } = refuseAsMolted(told.problem, vocabulary);
  if (status === 200) return { recipientEmail: recipientOf(send), ...(body as Row) };
  const issues = moltedIssues(told.problem.errors ?? []);
  const said = issues.length > 0 ? issues.map(saidOf).join(' ') : told.problem.detail;
  return errorRow(send, ownError(told.problem.code, issues).error, said);
}

const recipientOf = (send: unknown): unknown => (isFields(send) ? (send['recipientEmail'] ?? null) : null);

function errorRow(send: unknown, reason: string, message: string): Row {
  return { recipientEmail: recipientOf(send), requestId: '', status: 'error', reason, message };
}

/** A look needs no key: one that is given is looked for. */
function readLook(value: unknown, defaults: Fields, fallback: string) {
  const hasKey = isFields(value) && dedupeKeyOf({ ...defaults, ...value }) !== null;
  return readMolted(value, hasKey ? defaults : { ...defaults, dedupeKey: fallback });
}

async function simulateOne(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const read = await inTime(request, door, readLook(request.body, {}, `look-${request.id}`));
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const { body: asked } = await putOff({ request, door, inputOf }, read);
  const told = await toldOfOne(request, door, () => door.intake.check(inputOf(request, asked)));
  if (told.kind === 'problem') return answerTold(request, reply, told, refuseAsMolted(told.problem));
  const body = simulationBody(told, vocabularyOf(request), await planOf(request, door));
  return answerTold(request, reply, { ...told, retryAfter: null }, { status: 200, body });
}

async function planOf(request: FastifyRequest, { store }: IntakeDoor): Promise<string | null> {
  return (await store.tenantById({ id: request.caller!.principal!.tenantId }))?.plan ?? null;
}

async function simulateBatch(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const sends = sendsIn(request, reply, door);
  if (sends === null) return reply;
  const vocabulary = vocabularyOf(request);
  const plan = await planOf(request, door);
  const results = await Promise.all(
    sends.map(async (send, i) => {
      const recipientEmail = recipientOf(send);
      const refused = (reason: string) => ({ recipientEmail, wouldAllow: false, simulation: true, reason });
      const read = await inTime(request, door, readLook(send, defaultsOf(request), `look-${request.id}-${i}`));
      if (!read.ok) return refused(ownError('validation_failed', read.errors).error);
      const { body } = await putOff({ request, door, inputOf }, read);
      const told = await toldOfOne(request, door, () => door.intake.check(inputOf(request, body)));
      if (told.kind === 'decided') return { recipientEmail, ...simulationBody(told, vocabulary, plan) };
      return refused(ownError(told.problem.code, moltedIssues(told.problem.errors ?? [])).error);
    }),
  );
  const wouldAllow = results.filter((one) => one.wouldAllow).length;
  return reply.send({ total: results.length, wouldAllow, wouldBlock: results.length - wouldAllow, results });
}
