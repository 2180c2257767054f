/**
 * ServiceM8's messaging API: mail, text messages, and the list of its error codes, which it keeps to itself. Text messages are
 * decided on like mail and kept here, since nobody carries them.
 *
 * What holds: every answer to a key that is known tells the quota; a text message counts against limits apart from mail's, and a
 * quarantine stops both.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { REASON_CODES, REASONS } from '../../../core/reasons.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, submitInput } from '../../door.ts';
import type { Face } from '../face.ts';
import { answerTold, toldOfOne } from '../told.ts';
import { readServiceM8, readText, type ServiceM8Read } from './read.ts';
import { quotaIn, refusedResult, takenResult } from './result.ts';
import { INVALID_NUMBER, SERVICEM8_WORDS } from './words.ts';

const BASE = '/compat/servicem8';
const EMAIL = '/platform_service_email';
const TEXT = '/platform_service_sms';
const CODES = '/error_codes';
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
  refuse: (problem, request) => refusedResult(problem, null, isAboutText(request)),
  routes,
};

function isAboutText({ url }: FastifyRequest): boolean {
  return url.startsWith(BASE + TEXT);
}

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const hidden = { schema: { hide: true } };
  const sends = { ...readByHand, ...hidden };
  const config = { scopes: ['send'] as const, flawsRead: true };
  server.addHook('onSend', tellQuota);
  server.post(BASE + EMAIL, { ...sends, config }, (request, reply) => sendEmail(request, reply, door));
  server.post(BASE + TEXT, { ...sends, config: { ...config, channel: 'sms' } }, (request, reply) =>
    send(request, reply, door, readText(request.body)),
  );
  const anyKey = { scopes: ['send', 'read', 'manage', 'approve'] as const, isKeyOptional: true };
  server.get(BASE + CODES, { ...hidden, config: anyKey }, () => errorCodes(door));
}

/** The quota in the headers that its developers asked for, and in the body of every 429. */
function tellQuota(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  for (const name of ['Limit', 'Remaining', 'Reset']) {
    const value = reply.getHeader(`X-Quota-${name}`);
    if (value !== undefined) reply.header(`X-SM8-Quota-${name}`, value);
  }
  const { headroom } = request;
  const isThrottled = reply.statusCode === 429 && headroom !== null && typeof payload === 'string';
  done(null, isThrottled ? JSON.stringify({ ...JSON.parse(payload), ...quotaIn(headroom) }) : payload);
}

function sendEmail(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
): FastifyReply | Promise<FastifyReply> {
  const impersonated = request.headers['x-impersonate-uuid'];
  if (impersonated !== undefined && !(typeof impersonated === 'string' && UUID.test(impersonated))) {
    const detail = 'The header x-impersonate-uuid is no UUID of a staff member.';
    return door.problems.refuse(request, reply, 'insufficient_permissions', { detail });
  }
  return send(request, reply, door, readServiceM8(request.body, impersonated ?? null));
}

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  read: ServiceM8Read,
): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) {
    return door.problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
  }
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const isText = isAboutText(request);
  const input = submitInput(request, read.body, key);
  const told = await toldOfOne(request, door, () => door.intake.submit(isText ? { ...input, channel: 'sms' } : input));
  if (told.kind === 'problem') return answerTold(request, reply, told, refusedResult(told.problem, told, isText));
  const answer = told.problem === null ? takenResult(told) : refusedResult(told.problem, told, isText);
  return answerTold(request, reply, told, answer);
}

/** Every number with what it stands for, and where that is explained. */
function errorCodes({ problems }: IntakeDoor): { data: object[] } {
  const data = REASON_CODES.map((reason) => {
    const { http, word, message } = SERVICEM8_WORDS[reason];
    const { title, fix, retryable, clearsBy } = REASONS[reason];
    const messages = reason === 'invalid_recipient' ? [message, INVALID_NUMBER] : [message];
    return {
      errorCode: word,
      http,
      message,
      messages,
      reason,
      title,
      fix,
      retryable,
      clears: { by: clearsBy },
      doc_url: problems.docsBase + reason,
    };
  });
  return { data };
}
