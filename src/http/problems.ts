/** Problem answers (RFC 9457): one way out for every refusal, with its headers. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type DecidedReason, type Issue, type ProblemInput, problem } from '../core/explain.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { formatTime } from '../core/time.ts';

/** Where the pages about reasons are; asked each time, since a free port is known only once it is open. */
export type ProblemOptions = { docsBase: () => string };

/** What the risk score shows as long as nothing has raised it. */
export const CALM = { score: 0, level: 'normal', threshold: 100 } as const;

export function languageOf(request: FastifyRequest): string {
  const wanted = request.headers['accept-language'];
  const first = typeof wanted === 'string' ? wanted.split(',')[0]?.split(';')[0]?.trim() : undefined;
  return first !== undefined && first !== '' && first !== '*' ? first : (request.caller?.locale ?? 'en');
}

export class Problems {
  private readonly options: ProblemOptions;

  constructor(options: ProblemOptions) {
    this.options = options;
  }

  get docsBase(): string {
    return this.options.docsBase();
  }

  body(request: FastifyRequest, input: Omit<ProblemInput, 'requestId'>) {
    const full = { risk: CALM, ...input, requestId: request.id };
    return problem(full, { docsBase: this.docsBase, locale: languageOf(request) });
  }

  /** Answers with the problem of these reasons. */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    input: Omit<ProblemInput, 'requestId'>,
    now = Date.now(),
  ): FastifyReply {
    const body = this.body(request, input);
    reply.code(body.status).type('application/problem+json; charset=utf-8');
    if (RETRYABLE_STATUSES.has(body.status) && body.retryable && body.retry_at !== null) {
      reply.header('Retry-After', Math.max(1, Math.ceil((Date.parse(body.retry_at) - now) / 1000)));
    }
    return reply.send(body);
  }

  /** A refusal with one reason that is about the request itself. */
  refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    code: ReasonCode,
    more: {
      evidence?: Record<string, unknown>;
      detail?: string;
      param?: string | null;
      errors?: readonly Issue[];
      clearsAt?: number | null;
      retryAfterSeconds?: number;
    } = {},
  ): FastifyReply {
    const clearsAt =
      more.retryAfterSeconds === undefined ? (more.clearsAt ?? null) : Date.now() + more.retryAfterSeconds * 1000;
    const reason: DecidedReason = { code, scope: null, clearsAt, evidence: more.evidence ?? {} };
    const { detail, param, errors } = more;
    return this.send(request, reply, { reasons: [reason], messageId: null, detail, param, errors });
  }

  invalid(request: FastifyRequest, reply: FastifyReply, errors: readonly Issue[]): FastifyReply {
    return this.refuse(request, reply, 'validation_failed', { errors });
  }
}

const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 409, 429, 503]);

export { formatTime };
