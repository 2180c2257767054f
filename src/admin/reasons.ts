/** The catalogue of reasons over HTTP. No key is asked for: it is the same for everybody. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { CLEARERS, isReasonCode, REASON_CODES, REASONS, type ReasonCode, type ReasonEntry } from '../core/reasons.ts';
import { textsFor } from '../core/texts.ts';
import { languageOf, type Problems } from '../http/problems.ts';
import { oneOf, orNull, reason } from '../http/schemas.ts';

const reasonSchema = Type.Object(
  {
    code: reason.properties.code,
    category: reason.properties.category,
    title: Type.String(),
    http: orNull(Type.Integer(), { description: 'The status when it is the primary reason; null for holds.' }),
    smtp: orNull(Type.Object({ reply: Type.Integer(), enhanced: Type.String({ examples: ['5.7.1'] }) })),
    retryable: Type.Boolean(),
    clears: Type.Object({ by: Type.Array(oneOf(Object.keys(CLEARERS))), at: Type.String() }),
    fix: Type.String(),
    explanation: Type.String(),
    evidence: Type.Unsafe<Record<string, string>>({
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Each field of its evidence, and what it holds.',
    }),
    doc_url: Type.String({ format: 'uri' }),
    faces: Type.Unsafe<object>({ type: 'object', description: 'What it becomes in each compatible interface.' }),
  },
  { title: 'ReasonEntry', description: 'One reason of the catalogue.' },
);

/** What a reason becomes in each compatible interface: a status and a word. */
export type WordsOf = (code: ReasonCode) => Record<string, { http: number; word: string | number }>;

export function reasonRoutes(server: FastifyInstance, problems: Problems, wordsOf: WordsOf): void {
  server.get(
    '/v1/reasons',
    {
      schema: {
        tags: ['Reasons'],
        summary: 'List all reasons',
        description: 'The whole catalogue on one page, in order of precedence.',
        response: { 200: Type.Object({ data: Type.Array(reasonSchema), next_cursor: Type.Null() }) },
      },
    },
    (request) => ({ data: REASON_CODES.map((code) => entryBody(code, request, problems, wordsOf)), next_cursor: null }),
  );
  server.get<{ Params: { code: string } }>(
    '/v1/reasons/:code',
    {
      schema: {
        tags: ['Reasons'],
        summary: 'Get a reason',
        params: Type.Object({ code: Type.String({ examples: ['suppressed'] }) }),
        response: { 200: reasonSchema },
      },
    },
    async (request, reply) => {
      const { code } = request.params;
      if (isReasonCode(code)) return reply.send(entryBody(code, request, problems, wordsOf));
      return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'reason', id: code.slice(0, 100) } });
    },
  );
}

function entryBody(code: ReasonCode, request: FastifyRequest, problems: Problems, wordsOf: WordsOf): object {
  const entry: ReasonEntry = REASONS[code];
  const text = textsFor(languageOf(request)).reasons[code];
  return {
    code,
    category: entry.category,
    title: text.title,
    http: entry.http,
    smtp: entry.smtp,
    retryable: entry.retryable,
    clears: { by: entry.clearsBy, at: entry.clearsAt },
    fix: text.fix,
    explanation: entry.explanation,
    evidence: entry.evidence,
    doc_url: problems.docsBase + code,
    faces: wordsOf(code),
  };
}
