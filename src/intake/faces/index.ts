/** The faces there are, and their mounting. */
import type { FastifyInstance } from 'fastify';
import type { ReasonCode } from '../../core/reasons.ts';
import type { IntakeDoor } from '../door.ts';
import { type Face, type FaceWord, PLAIN_FIXES } from './face.ts';
import { inboxbase } from './inboxbase/index.ts';
import { molted } from './molted/index.ts';
import { postmark } from './postmark/index.ts';
import { resend } from './resend/index.ts';
import { sendgrid } from './sendgrid/index.ts';
import { sendmux } from './sendmux/index.ts';
import { servicem8 } from './servicem8/index.ts';

export const FACES: readonly Face[] = [servicem8, inboxbase, molted, sendmux, postmark, resend, sendgrid];

export function faceRoutes(server: FastifyInstance, door: IntakeDoor): void {
  for (const face of FACES) {
    door.problems.wordings.add({ ...face, fixes: { ...PLAIN_FIXES, ...face.fixes } });
    // Each in a context of its own: what a face adds to its answers is added to no other's.
    server.register(async (own) => {
      face.routes(own, door);
      answerElsewhere(own, face);
    });
  }
}

const EVERY_METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Where a face has nothing, or not by this method: a key that is known is told its headroom there too. */
function answerElsewhere(server: FastifyInstance, { base }: Face): void {
  for (const url of [base, `${base}/*`]) {
    server.route({
      ...{ method: EVERY_METHOD, url, schema: { hide: true } },
      config: { scopes: ['send', 'read', 'manage', 'approve'], isKeyOptional: true },
      // Before the body is read, since nothing in it can matter.
      onRequest: (_request, reply) => reply.callNotFound(),
      handler: (_request, reply) => reply.callNotFound(),
    });
  }
}

/** What a reason becomes in each face. */
export function wordsOf(code: ReasonCode): Record<string, FaceWord> {
  return Object.fromEntries(FACES.map(({ name, words }) => [name, words[code]]));
}
