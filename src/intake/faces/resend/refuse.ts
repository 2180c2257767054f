/** Problems as Resend's clients know them: a name, a status and a message that says what happened and what to do. */
import type { FastifyRequest } from 'fastify';
import type { ProblemBody } from '../../../core/explain.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { fieldNames, messageOf, ofFace } from '../message-of.ts';
import { RESEND_WORDS } from './words.ts';

export const RESEND = { base: '/compat/resend', title: 'Resend' };

/** What its clients call our fields. */
export const nameOf = fieldNames({
  ...{ send_at: 'scheduled_at', metadata: 'tags', kind: 'topic_id', in_reply_to: 'headers.In-Reply-To' },
  ...{ references: 'headers.References', 'template.data': 'variables' },
});

export function refuse(problem: ProblemBody, request: FastifyRequest): OtherAnswer {
  const isKeyAbsent = problem.code === 'authentication_required' && request.headers.authorization === undefined;
  const { http, word } = isKeyAbsent ? { http: 401, word: 'missing_api_key' } : RESEND_WORDS[problem.code];
  const message = messageOf(ofFace(problem, request, RESEND), nameOf);
  return { status: http, body: { statusCode: http, name: word, message } };
}
