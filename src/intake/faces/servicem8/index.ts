/**
 * ServiceM8's messaging API: one `SendResult` for every status, with what its developers asked for beside it: the quota, warnings
 * before a quarantine, and on every refusal when it clears, who can lift it, what to tell the customer, and the evidence.
 */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../../core/explain.ts';
import { REASON_CODES, REASONS } from '../../../core/reasons.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, submitInput } from '../../door.ts';
import type { Face } from '../face.ts';
import { uuidOf } from '../face-ids.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { readServiceM8 } from './read.ts';
import { SERVICEM8_WORDS } from './words.ts';

const BASE = '/compat/servicem8';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const servicem8: Face = {
  name: 'servicem8',
  title: 'ServiceM8',
  base: BASE,
  words: SERVICEM8_WORDS,
  authorization(headers) {
    const key = headers['x-api-key'];
    return typeof key === 'string' ? `Bearer ${key}` : undefined;
  },
  refuse: (problem) => refuse(problem, null),
  routes,
};

/** To the second and with an offset, as its clients parse it. */
const offsetTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+00:00`;

function refuse(problem: ProblemBody, told: Told | null): OtherAnswer {
  const { http, word, message } = SERVICEM8_WORDS[problem.code];
  const id = problem.message_id;
  return {
    status: http,
    body: {
      errorCode: word,
      message: [saidOf(problem, message), ...(problem.errors ?? []).map((one) => `${one.param}: ${one.message}`)].join(
        '; ',
      ),
      // Support finds the line in the log by it, also where nothing was decided.
      messageID: id === null || id === '' ? randomUUID() : uuidOf('msg', id),
      submittedAt: offsetTime(told?.kind === 'decided' ? told.createdAt : Date.now()),
      ...(http === 429 && told?.kind === 'decided' ? quotaIn(told) : {}),
      reason: problem.code,
      detail: problem.detail,
      fix: problem.fix,
      customer_message: problem.customer_message,
      clears: problem.clears,
      retry_at: problem.retry_at,
      reasons: problem.reasons.map(({ code, detail, clears, evidence, scope }) => ({
        code,
        detail,
        clears,
        evidence,
        scope,
      })),
      doc_url: problem.type,
    },
  };
}

/** What its pages say of an address that is none, whether it was the form or the domain. */
function saidOf({ code, errors = [] }: ProblemBody, message: string): string {
  const isAddress = code === 'validation_failed' && errors.some(({ param }) => param === 'to' || param === 'cc');
  return isAddress ? SERVICEM8_WORDS.invalid_recipient.message : message;
}

/** The limit with the smallest share left, of those that the whole account, app, installation or identity has. */
function quotaIn(told: Told & { kind: 'decided' }): { quota?: object } {
  const scopes: ReadonlySet<string> = new Set(['tenant', 'app', 'installation', 'identity']);
  const known = told.limits.filter(({ rate, scope }) => !rate && scopes.has(scope.kind));
  const [tightest] = known.sort((a, b) => a.remaining * b.limit - b.remaining * a.limit);
  if (tightest === undefined) return {};
  const { limit, remaining, resetsAt, scope } = tightest;
  return { quota: { limit, remaining, reset: resetsAt === null ? null : offsetTime(resetsAt), scope: scope.kind } };
}

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const send = {
    ...readByHand,
    schema: { hide: true },
    config: { scopes: ['send'] as const, flawsRead: true },
    onSend: repeatQuota,
  };
  server.post(`${BASE}/platform_service_email`, send, (request, reply) => sendEmail(request, reply, door));
  server.get(`${BASE}/error_codes`, { schema: { hide: true } }, () => ({ data: ERROR_CODES }));
}

/** The quota in the headers that its developers asked for. */
function repeatQuota(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  for (const name of ['Limit', 'Remaining', 'Reset']) {
    const value = reply.getHeader(`X-Quota-${name}`);
    if (value !== undefined) reply.header(`X-SM8-Quota-${name}`, value);
  }
  done(null, payload);
}

async function sendEmail(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false)
    return door.problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
  const impersonated = request.headers['x-impersonate-uuid'];
  if (impersonated !== undefined && !(typeof impersonated === 'string' && UUID.test(impersonated))) {
    const detail = 'The header x-impersonate-uuid is no UUID of a staff member.';
    return door.problems.refuse(request, reply, 'insufficient_permissions', { detail });
  }
  const read = readServiceM8(request.body, impersonated ?? null);
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const told = await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, key)));
  if (told.problem !== null) return answerTold(request, reply, told, refuse(told.problem, told));
  const taken = told as Told & { kind: 'decided' };
  const body = {
    errorCode: 0,
    message: 'OK',
    messageID: uuidOf('msg', taken.messageId),
    submittedAt: offsetTime(taken.createdAt),
    ...quotaIn(taken),
    warnings: taken.warnings,
  };
  return answerTold(request, reply, told, { status: 200, body });
}

const ERROR_CODES = REASON_CODES.map((reason) => {
  const { http, word, message } = SERVICEM8_WORDS[reason];
  return { errorCode: word, http, message, reason, title: REASONS[reason].title, fix: REASONS[reason].fix };
});
