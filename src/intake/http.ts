/** The HTTP door of messages: send them, ask after them, change them. */
import type { FastifyInstance } from 'fastify';
import type { Asking } from '../http/problems.ts';
import type { StraightRoad } from '../http/straight-road.ts';
import { batchRoute } from './batch.ts';
import { changeRoutes } from './changes.ts';
import { checkRoute } from './check.ts';
import {
  answerSubmitted,
  type IntakeDoor,
  idempotencyKeyOf,
  readByHand,
  refuseKey,
  SEND_HEADERS,
  submitInput,
  wholeAnswer,
} from './door.ts';
import { lookupRoutes } from './lookup.ts';
import { acceptedSchema } from './message-schemas.ts';
import { planRoute } from './plan.ts';
import { submissionSchema } from './submission-schema.ts';
import type { Submitted } from './submit.ts';
import { uploadRoute } from './uploads.ts';

export function intakeRoutes(server: FastifyInstance, door: IntakeDoor, straight: StraightRoad): void {
  const submit = (request: Asking, body: unknown): Promise<Submitted> | null => {
    const key = idempotencyKeyOf(request);
    return key === false ? null : door.intake.submit(submitInput(request, body, key));
  };
  straight.add<Submitted>('/v1/messages', {
    scope: 'send',
    begin: submit,
    answer: (asked, submitted) => wholeAnswer(asked, door, submitted, null),
  });
  server.post(
    '/v1/messages',
    {
      ...readByHand,
      config: { scopes: ['send'], flawsRead: true },
      schema: {
        tags: ['Messages'],
        summary: 'Send a message',
        description:
          'Accepted when at least one recipient is not blocked: an answer is given once the message is stored. When every recipient is blocked the answer is the problem of the primary reason.',
        headers: SEND_HEADERS,
        body: submissionSchema,
        response: { 202: acceptedSchema },
      },
    },
    (request, reply) => {
      const done = straight.resultFor<Submitted>(request.raw);
      if (done !== null) return answerSubmitted(request, reply, door, done.value);
      const begun = submit(request, request.body);
      if (begun === null) return refuseKey(request, reply, door);
      return begun.then((submitted) => answerSubmitted(request, reply, door, submitted));
    },
  );
  batchRoute(server, door);
  checkRoute(server, door);
  planRoute(server, door);
  lookupRoutes(server, door);
  changeRoutes(server, door);
  uploadRoute(server, door);
}
