/**
 * SendGrid: `POST /v3/mail/send` as its official package uses it, and what reads mail back, cancels it and keeps suppressions. Each
 * personalization is a message of its own; all of them are sent or none, since the answer is one for all.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../../core/explain.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, refuseKey, submitInput } from '../../door.ts';
import type { SubmitInput } from '../../submit-input.ts';
import type { Face } from '../face.ts';
import { fieldNames, messageOf, ofFace } from '../message-of.ts';
import { answerTold, type Told, toldOfAll, toldOfOne } from '../told.ts';
import { messageRoutes } from './messages.ts';
import { readSendgrid } from './read.ts';
import { scheduleRoutes } from './scheduled.ts';
import { suppressionRoutes } from './suppressions.ts';
import { SENDGRID_WORDS } from './words.ts';

const BASE = '/compat/sendgrid';

export const sendgrid: Face = {
  name: 'sendgrid',
  title: 'SendGrid',
  base: BASE,
  words: SENDGRID_WORDS,
  refuse: (problem, request) => refuse(ofFace(problem, request, sendgrid), null),
  routes,
};

const nameOf = fieldNames({
  ...{ text: 'content', html: 'content', tags: 'categories', metadata: 'custom_args', kind: 'asm' },
  ...{ in_reply_to: 'headers.In-Reply-To', references: 'headers.References', reply_to: 'reply_to' },
  ...{ 'attachments.content_type': 'type', template: '', 'template.id': 'template_id' },
  'template.data': 'dynamic_template_data',
});

/** Fields of a personalization, and not of the mail. */
const OF_ONE = /^(?:to|cc|bcc|dynamic_template_data)(?:[.[]|$)/;

/** As SendGrid writes them: `personalizations.0.to.1.email`; `at` null: it is named as the request has it already. */
function fieldOf(param: string | null, at: number | null): string | null {
  if (!param) return null;
  const name = at === null ? param : nameOf(param);
  const path = at !== null && OF_ONE.test(name) ? `personalizations[${at}].${name}` : name;
  return path.replace(/\[(\d+)\]/g, '.$1');
}

/** `at`: the number of the personalization it is about, or null. Its clients show the text of the status line. */
function refuse(problem: ProblemBody, at: number | null): OtherAnswer {
  const { http, word } = SENDGRID_WORDS[problem.code];
  const field = at === null ? word : word.replace('personalizations', `personalizations.${at}`);
  const issues = problem.errors ?? [];
  const named = (param: string | null) => fieldOf(param, at) ?? field;
  const errors =
    issues.length > 0
      ? issues.map(({ param, message }) => ({ message, field: named(param), help: problem.type }))
      : [{ message: messageOf(problem, named), field, help: problem.type }];
  return {
    status: http,
    statusText: messageOf(problem, named),
    body: { errors, id: problem.message_id || problem.request_id },
  };
}

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const options = { ...readByHand, schema: { hide: true }, config: { scopes: ['send'] as const, flawsRead: true } };
  server.post(`${BASE}/v3/mail/send`, options, (request, reply) => send(request, reply, door));
  scheduleRoutes(server, door, BASE);
  messageRoutes(server, door, BASE);
  suppressionRoutes(server, door, BASE);
}

async function send(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const read = readSendgrid(request.body);
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const isOne = read.bodies.length === 1;
  const inputs = read.bodies.map((body, i) => submitInput(request, body, key === null || isOne ? key : `${key}:${i}`));
  if (read.isSandboxed) return look(request, reply, door, inputs);
  if (isOne) {
    const told = await toldOfOne(request, door, () => door.intake.submit(inputs[0]!));
    if (told.problem !== null) return answerTold(request, reply, told, refuse(told.problem, 0));
    return answer(request, reply, told as Taken);
  }
  const all = await toldOfAll(request, door, inputs);
  if (all.outcome === 'taken') return answer(request, reply, all.tolds[0]!);
  return answerTold(request, reply, all.told, refuse(all.problem, all.at));
}

/** The sandbox: every personalization is looked at, and nothing is sent. */
async function look(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  inputs: readonly SubmitInput[],
): Promise<FastifyReply> {
  for (const [at, input] of inputs.entries()) {
    const told = await toldOfOne(request, door, () => door.intake.check(input));
    if (told.problem !== null) return answerTold(request, reply, told, refuse(told.problem, at));
  }
  return reply.code(200).send();
}

type Taken = Told & { kind: 'decided' };

/** The id of the first stands for all. */
function answer(request: FastifyRequest, reply: FastifyReply, first: Taken): FastifyReply {
  return answerTold(request, reply, first, {
    status: 202,
    body: '',
    type: 'text/plain; charset=utf-8',
    headers: { 'X-Message-Id': first.messageId },
  });
}
