/**
 * SendGrid: `POST /v3/mail/send` as its official package uses it. Each personalization is a message of its own; all of them are
 * looked at first, and where one would be refused none is sent, since the answer is one for all.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../../core/explain.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { type IntakeDoor, idempotencyKeyOf, readByHand, submitInput } from '../../door.ts';
import type { Fields } from '../../field-errors.ts';
import type { Face } from '../face.ts';
import { answerTold, type Told, toldOfOne } from '../told.ts';
import { readSendgrid } from './read.ts';
import { suppressionRoutes } from './suppressions.ts';
import { SENDGRID_WORDS } from './words.ts';

const BASE = '/compat/sendgrid';

export const sendgrid: Face = {
  name: 'sendgrid',
  title: 'SendGrid',
  base: BASE,
  words: SENDGRID_WORDS,
  refuse: (problem) => refuse(problem, null),
  routes,
};

/** `at`: the number of the personalization it is about, or null. */
function refuse(problem: ProblemBody, at: number | null): OtherAnswer {
  const { http, word } = SENDGRID_WORDS[problem.code];
  const field = at === null ? word : word.replace('personalizations', `personalizations.${at}`);
  const issues = problem.errors ?? [];
  const errors =
    issues.length > 0
      ? issues.map(({ param, message }) => ({ message, field: param || field, help: problem.type }))
      : [{ message: `${problem.detail} ${problem.fix}`, field, help: problem.type }];
  return { status: http, body: { errors, id: problem.message_id ?? problem.request_id } };
}

function routes(server: FastifyInstance, door: IntakeDoor): void {
  const options = { ...readByHand, schema: { hide: true }, config: { scopes: ['send'] as const, flawsRead: true } };
  server.post(`${BASE}/v3/mail/send`, options, (request, reply) => send(request, reply, door));
  suppressionRoutes(server, door, BASE);
}

async function send(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false)
    return door.problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
  const read = readSendgrid(request.body);
  if (!read.ok) return door.problems.invalid(request, reply, read.errors);
  const { bodies, isSandboxed } = read;
  if (bodies.length > 1 || isSandboxed) {
    const refused = await firstRefused(request, door, bodies);
    if (refused !== null) return answerTold(request, reply, refused.told, refuse(refused.told.problem!, refused.at));
    if (isSandboxed) return reply.code(200).send();
  }
  const tolds = await Promise.all(
    bodies.map((body, i) => {
      const named = key === null || bodies.length === 1 ? key : `${key}:${i}`;
      return toldOfOne(request, door, () => door.intake.submit(submitInput(request, body, named)));
    }),
  );
  const taken = tolds.find((told) => told.problem === null) as (Told & { kind: 'decided' }) | undefined;
  if (taken === undefined) return answerTold(request, reply, tolds[0]!, refuse(tolds[0]!.problem!, 0));
  return answerTold(request, reply, taken, {
    status: 202,
    body: '',
    type: 'text/plain; charset=utf-8',
    headers: { 'X-Message-Id': taken.messageId },
  });
}

async function firstRefused(
  request: FastifyRequest,
  door: IntakeDoor,
  bodies: readonly Fields[],
): Promise<{ told: Told; at: number } | null> {
  for (const [at, body] of bodies.entries()) {
    const told = await toldOfOne(request, door, () => door.intake.check(submitInput(request, body, null)));
    if (told.problem !== null) return { told, at };
  }
  return null;
}
