/** The faces there are, and their mounting. */
import type { FastifyInstance } from 'fastify';
import type { ReasonCode } from '../../core/reasons.ts';
import type { IntakeDoor } from '../door.ts';
import type { Face, FaceWord } from './face.ts';
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
    door.problems.wordings.add(face);
    face.routes(server, door);
  }
}

/** What a reason becomes in each face. */
export function wordsOf(code: ReasonCode): Record<string, FaceWord> {
  return Object.fromEntries(FACES.map(({ name, words }) => [name, words[code]]));
}
