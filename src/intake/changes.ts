/** Changing messages that have not left, and freeing the content of those that have. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { showKey } from '../base/json.ts';
import type { DecidedReason } from '../core/explain.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { MessageName, RecipientDecision } from '../data/port/messages.ts';
import { JUDGED_FIELDS } from './changed-submission.ts';
import { decisionBody } from './check.ts';
import { type IntakeDoor, readByHand, refusedOutcome, submitInput } from './door.ts';
import { type Fields, isFields } from './field-errors.ts';
import { answerMessage, ID_PARAMS, nameOf, refuseUnknown } from './lookup.ts';
import { wholeMessageSchema } from './message-schemas.ts';
import { answerWith, foremost } from './outcome.ts';
import { submissionSchema } from './submission-schema.ts';

type ById = { Params: { id: string } };

const { from, to, cc, bcc, reply_to, subject, text, html, headers, attachments } = submissionSchema.properties;
const CHANGE = Type.Object(
  {
    send_at: Type.Optional(
      Type.Union([Type.String({ maxLength: 35 }), Type.Null()], {
        description: 'RFC 3339; null: as soon as possible.',
        examples: ['2026-12-01T09:00:00Z'],
      }),
    ),
    ...{ from, to, cc, bcc, reply_to, subject, text, html, headers, attachments },
  },
  { additionalProperties: false, description: 'What is left out stays as it is.' },
);

export function changeRoutes(server: FastifyInstance, door: IntakeDoor): void {
  const sends = { config: { scopes: ['send'] as const } };
  server.post<ById>(
    '/v1/messages/:id/cancel',
    {
      ...sends,
      schema: {
        tags: ['Messages'],
        summary: 'Cancel a message',
        description:
          'Recipients that have not left become `cancelled` and give their places in limits and their credits back. When all have left: `state_conflict`.',
        params: ID_PARAMS,
        response: { 200: wholeMessageSchema },
      },
    },
    (request, reply) => cancel(request, reply, door),
  );
  server.patch<ById & { Body: Fields }>(
    '/v1/messages/:id',
    {
      ...sends,
      ...readByHand,
      schema: {
        tags: ['Messages'],
        summary: 'Give a message another time, or change what waits for a person',
        description:
          'Recipients that have not left get new places under the limits at the new time, all or none: where one has no place the answer is its reasons, and nothing changes. A message that waits for a person, or was approved and has not left, can be given another envelope and content as well, with the fields of a send: whatever is changed makes its approval void, and a new one is asked for.',
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: wholeMessageSchema },
      },
    },
    (request, reply) => change(request, reply, door),
  );
  server.delete<ById>(
    '/v1/messages/:id/content',
    {
      ...sends,
      schema: {
        tags: ['Messages'],
        summary: 'Free the content of a message',
        description:
          'The stored body and attachments are removed; envelope, verdict and events stay. Not for a message of which something is still to leave: `state_conflict`.',
        params: ID_PARAMS,
        response: { 200: wholeMessageSchema },
      },
    },
    (request, reply) => freeContent(request, reply, door),
  );
}

function refuseState(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  id: string,
  state: string,
  action: string,
): FastifyReply {
  const evidence = { resource: 'message', id, state, action };
  return door.problems.refuse(request, reply, 'state_conflict', { evidence });
}

async function cancel(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  return (await refusedCancel(request, reply, door, nameOf(request))) ?? answerMessage(request, reply, door);
}

const KNOWN: ReadonlySet<string> = new Set([...JUDGED_FIELDS, 'send_at']);

type Changing = FastifyRequest<ById & { Body: Fields }>;

function change(request: Changing, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> | FastifyReply {
  const { body } = request;
  if (!isFields(body)) {
    return invalid(request, reply, door, 'invalid_parameter', '', 'The body must be a JSON object.');
  }
  const unknown = Object.keys(body).filter((name) => !KNOWN.has(name));
  if (unknown.length > 0) {
    const errors = unknown.slice(0, 100).map((param) => ({
      code: 'unknown_parameter',
      param: showKey(param),
      message: 'A change has no such field.',
    }));
    return door.problems.invalid(request, reply, errors);
  }
  if (JUDGED_FIELDS.some((field) => body[field] !== undefined)) return replace(request, reply, door);
  if (body['send_at'] !== undefined) return reschedule(request, reply, door, body['send_at']);
  const message = 'Give "send_at", or for a message that waits for a person another field of it.';
  return invalid(request, reply, door, 'missing_parameter', 'send_at', message);
}

function invalid(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  code: string,
  param: string,
  message: string,
): FastifyReply {
  return door.problems.invalid(request, reply, [{ code, param, message }]);
}

async function replace(request: Changing, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const changed = await door.intake.change(submitInput(request, null, null), nameOf(request), request.body);
  switch (changed.outcome) {
    case 'not_found':
      return refuseUnknown(request, reply, door, request.params.id);
    case 'conflict':
      return refuseState(request, reply, door, request.params.id, changed.state, 'change');
    case 'invalid': {
      const { param, message } = changed;
      return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
    }
    case 'refused':
      return refuseDecided(request, reply, door, request.params.id, changed);
    case 'done':
      return answerMessage(request, reply, door);
    default:
      return answerWith(request, reply, refusedOutcome(request, door.problems, changed));
  }
}

async function reschedule(
  request: Changing,
  reply: FastifyReply,
  door: IntakeDoor,
  given: unknown,
): Promise<FastifyReply> {
  const sendAt = typeof given === 'string' ? parseTime(given) : null;
  if (given !== null && sendAt === null) {
    const message = 'It must be a time as RFC 3339 has it, such as "2026-12-01T09:00:00Z".';
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'send_at', message }]);
  }
  return (
    (await refusedReschedule(request, reply, door, nameOf(request), sendAt)) ?? answerMessage(request, reply, door)
  );
}

/** Gives a message another time; null when it has it, else the refusal. */
export async function refusedReschedule(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  name: MessageName,
  sendAt: number | null,
): Promise<FastifyReply | null> {
  const answer = await door.store.rescheduleMessage({ ...name, sendAt });
  switch (answer.outcome) {
    case 'not_found':
      return refuseUnknown(request, reply, door, name.id);
    case 'conflict':
      return refuseState(request, reply, door, name.id, answer.state, 'reschedule');
    case 'invalid': {
      const { param, message } = answer;
      return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
    }
    case 'refused':
      return refuseDecided(request, reply, door, name.id, answer);
    case 'done':
      return null;
  }
}

/** Cancels what has not left of a message; null when it is done, else the refusal. */
export async function refusedCancel(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  name: MessageName,
): Promise<FastifyReply | null> {
  const answer = await door.store.cancelMessage(name);
  if (answer.outcome === 'not_found') return refuseUnknown(request, reply, door, name.id);
  return answer.outcome === 'conflict' ? refuseState(request, reply, door, name.id, answer.state, 'cancel') : null;
}

function refuseDecided(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  id: string,
  { now, recipients }: { now: number; recipients: RecipientDecision[] },
): FastifyReply {
  const texts = door.problems.texts(request);
  const refused = recipients.filter(({ verdict }) => verdict.verdict === 'block');
  const input = {
    reasons: foremost(refused.map(({ verdict }) => verdict)).reasons as readonly DecidedReason[],
    recipients: recipients.map(({ email, verdict }) => ({
      ...decisionBody(email, verdict, texts),
      scheduled_at: verdict.verdict === 'schedule' ? formatTime(verdict.departAt) : null,
    })),
    messageId: id,
  };
  return door.problems.send(request, reply, input, now);
}

async function freeContent(
  request: FastifyRequest<ById>,
  reply: FastifyReply,
  door: IntakeDoor,
): Promise<FastifyReply> {
  const answer = await door.store.removeContent(nameOf(request));
  if (answer.outcome === 'not_found') return refuseUnknown(request, reply, door, request.params.id);
  if (answer.outcome === 'conflict')
    return refuseState(request, reply, door, request.params.id, answer.state, 'free the content');
  await door.blobs.removeUnused(answer.unused, (sha256s) => door.store.unusedBlobs({ sha256s }));
  return answerMessage(request, reply, door);
}
