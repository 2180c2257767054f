/**
 * Up to 500 sends in one request. Each element is read by itself and answered as if it had come alone; all of them are admitted
 * together, so that they share the store's groups.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { StoreFault } from '../data/store.ts';
import { setHeadroom } from '../http/headroom-headers.ts';
import { limitBody } from '../http/limit-state.ts';
import { refusal } from '../http/problems.ts';
import { limit, problem } from '../http/schemas.ts';
import { unserved } from '../http/unserved.ts';
import {
  type IntakeDoor,
  idempotencyKeyOf,
  isIdempotencyKey,
  outcomeOf,
  readByHand,
  refuseKey,
  SEND_HEADERS,
  submitInput,
} from './door.ts';
import { isFields } from './field-errors.ts';
import { acceptedSchema } from './message-schemas.ts';
import { type Outcome, problemOutcome } from './outcome.ts';
import { submissionSchema } from './submission-schema.ts';

const MOST_MESSAGES = 500;

const element = Type.Object(
  {
    ...submissionSchema.properties,
    idempotency_key: Type.Optional(
      Type.String({ description: 'As the header, for this element; it takes the place of the header.' }),
    ),
  },
  { title: 'BatchElement', additionalProperties: false },
);

const batchSchema = Type.Object(
  { messages: Type.Array(element, { minItems: 1, maxItems: MOST_MESSAGES }) },
  { additionalProperties: false },
);

const resultsSchema = Type.Object({
  results: Type.Array(
    Type.Object({
      index: Type.Integer(),
      status: Type.Integer({ description: 'The status that the element would have been answered with alone.' }),
      message: Type.Optional(acceptedSchema),
      problem: Type.Optional(problem),
    }),
  ),
  summary: Type.Object({ total: Type.Integer(), accepted: Type.Integer(), refused: Type.Integer() }),
  limits: Type.Array(limit, { description: 'Headroom after the whole batch.' }),
});

export function batchRoute(server: FastifyInstance, door: IntakeDoor): void {
  server.post(
    '/v1/messages/batch',
    {
      ...readByHand,
      config: { scopes: ['send'], flawsRead: true },
      schema: {
        tags: ['Messages'],
        summary: 'Send up to 500 messages',
        description:
          'Results come in order, and one bad element harms no other. An `Idempotency-Key` stands for each element as `key:index`.',
        headers: SEND_HEADERS,
        body: batchSchema,
        response: { 200: resultsSchema },
      },
    },
    (request, reply) => answerBatch(request, reply, door),
  );
}

async function answerBatch(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { problems, store } = door;
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const { body } = request;
  const messages = isFields(body) ? body['messages'] : undefined;
  const errors = batchErrors(body, messages);
  if (errors.length > 0) return problems.invalid(request, reply, errors);
  const elements = messages as unknown[];
  if (elements.length > MOST_MESSAGES) {
    const evidence = { limit: MOST_MESSAGES, count: elements.length };
    return problems.refuse(request, reply, 'batch_too_large', { param: 'messages', evidence });
  }
  const outcomes = await Promise.all(elements.map((one, index) => outcomeOfElement(request, door, one, index, key)));
  const principal = request.caller!.principal!;
  const { limits, now, risk } = await store.headroom({ principal, identity: null, recipient: null });
  request.headroomSet = true;
  setHeadroom(reply, limits, now, risk);
  const accepted = outcomes.filter(({ status }) => status === 202).length;
  return reply.send({
    results: outcomes.map(resultOf),
    summary: { total: outcomes.length, accepted, refused: outcomes.length - accepted },
    limits: limits.map(limitBody),
  });
}

function batchErrors(body: unknown, messages: unknown): { code: string; param: string; message: string }[] {
  if (!isFields(body)) return [{ code: 'invalid_parameter', param: '', message: 'The body must be a JSON object.' }];
  const errors = Object.keys(body)
    .filter((name) => name !== 'messages')
    .slice(0, 100)
    .map((param) => ({ code: 'unknown_parameter', param, message: 'There is no such field.' }));
  if (messages === undefined) {
    errors.push({ code: 'missing_parameter', param: 'messages', message: 'A batch needs a list of messages.' });
  } else if (!Array.isArray(messages) || messages.length === 0) {
    const message = `It must be a list of 1 to ${MOST_MESSAGES} messages.`;
    errors.push({ code: 'invalid_parameter', param: 'messages', message });
  }
  return errors;
}

function resultOf({ status, body, headers }: Outcome, index: number): object {
  if (status !== 202) return { index, status, problem: body };
  const replayed = headers['Idempotent-Replayed'] === undefined ? {} : { replayed: true };
  return { index, status, ...replayed, message: body };
}

/** A fault in one element is that element's: the others were perhaps stored, and their senders must know. */
async function outcomeOfElement(
  request: FastifyRequest,
  door: IntakeDoor,
  one: unknown,
  index: number,
  headerKey: string | null,
): Promise<Outcome> {
  const { body, key } = takeKey(one);
  if (key !== null && (typeof key !== 'string' || !isIdempotencyKey(key))) {
    const param = `messages[${index}].idempotency_key`;
    return problemOutcome(request, door.problems, refusal('idempotency_key_invalid', { param }));
  }
  const named = key ?? (headerKey === null ? null : `${headerKey}:${index}`);
  try {
    return await outcomeOf(request, door, await door.intake.submit(submitInput(request, body, named)));
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    const { code, refusal: why } = unserved(error);
    return problemOutcome(request, door.problems, refusal(code, why));
  }
}

function takeKey(one: unknown): { body: unknown; key: unknown } {
  if (!isFields(one) || one['idempotency_key'] === undefined) return { body: one, key: null };
  const { idempotency_key: key, ...body } = one;
  return { body, key };
}
