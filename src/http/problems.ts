/** Problem answers (RFC 9457): one way out for every refusal, with its headers. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Settings } from '../config/settings.ts';
import {
  type DecidedReason,
  type ExplainOptions,
  type Issue,
  type Links,
  type ProblemBody,
  type ProblemInput,
  problem,
} from '../core/explain.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { formatTime } from '../core/time.ts';
import { answerWithOther, Wordings } from './wording.ts';

/** Where the pages about reasons are; asked each time, since a free port is known only once it is open. */
export type ProblemOptions = { docsBase: () => string; links: Links };

/** The addresses that the operator has set for people who need help. */
export function linksOf({ billingUrl, supportUrl }: Pick<Settings, 'billingUrl' | 'supportUrl'>): Links {
  return {
    ...(billingUrl === null ? {} : { billing_url: billingUrl }),
    ...(supportUrl === null ? {} : { support_url: supportUrl }),
  };
}

/** What texts for one reader are made with. */
export type Texts = ExplainOptions & { locale: string };

/** What an answer must know of the request. */
export type Asking = Pick<FastifyRequest, 'id' | 'url' | 'headers' | 'caller'>;

export function languageOf(request: Pick<Asking, 'headers' | 'caller'>): string {
  const wanted = request.headers['accept-language'];
  const first = typeof wanted === 'string' ? wanted.split(',')[0]?.split(';')[0]?.trim() : undefined;
  return first !== undefined && first !== '' && first !== '*' ? first : (request.caller?.locale ?? 'en');
}

export class Problems {
  readonly wordings = new Wordings();
  private readonly options: ProblemOptions;

  constructor(options: ProblemOptions) {
    this.options = options;
  }

  /** Known only once the server listens, so it is asked for each time. */
  get docsBase(): string {
    return this.options.docsBase();
  }

  /** Texts in the language of this request, and for the door that it came by. */
  texts(request: Asking): Texts {
    const fixes = this.wordings.of(request.url)?.fixes;
    const texts = this.textsIn(languageOf(request));
    return fixes === undefined ? texts : { ...texts, fixes };
  }

  textsIn(locale: string): Texts {
    return { docsBase: this.docsBase, links: this.options.links, locale };
  }

  body(request: Asking, input: Omit<ProblemInput, 'requestId'>): ProblemBody {
    const full = { ...input, requestId: request.id };
    return problem(full, this.texts(request));
  }

  /** Answers with the problem of these reasons. */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    input: Omit<ProblemInput, 'requestId'>,
    now = Date.now(),
  ): FastifyReply {
    const body = this.body(request, input);
    const wait = retryAfterSeconds(body, now);
    if (wait !== null) reply.header('Retry-After', wait);
    const other = this.wordings.of(request.url);
    if (other === undefined) return reply.code(body.status).type(PROBLEM_TYPE).send(body);
    return answerWithOther(reply.header('X-Postern-Reason', body.code), other.refuse(body, request));
  }

  /** A refusal with one reason that is about the request itself. */
  refuse(request: FastifyRequest, reply: FastifyReply, code: ReasonCode, more: Refusal = {}): FastifyReply {
    return this.send(request, reply, refusal(code, more));
  }

  invalid(request: FastifyRequest, reply: FastifyReply, errors: readonly Issue[]): FastifyReply {
    return this.refuse(request, reply, 'validation_failed', { errors });
  }
}

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export type Refusal = {
  evidence?: Record<string, unknown>;
  detail?: string;
  fix?: string;
  param?: string | null;
  errors?: readonly Issue[];
  clearsAt?: number | null;
  retryAfterSeconds?: number;
  scope?: DecidedReason['scope'];
};

/** The problem of one reason that is about the request itself. */
export function refusal(code: ReasonCode, more: Refusal = {}): Omit<ProblemInput, 'requestId'> {
  const clearsAt =
    more.retryAfterSeconds === undefined ? (more.clearsAt ?? null) : Date.now() + more.retryAfterSeconds * 1000;
  const reason: DecidedReason = { code, scope: more.scope ?? null, clearsAt, evidence: more.evidence ?? {} };
  const { detail, fix, param, errors } = more;
  return { reasons: [reason], messageId: null, detail, fix, param, errors };
}

const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 409, 429, 503]);

/** What `Retry-After` says beside a problem, or null where it has none. */
export function retryAfterSeconds(body: ProblemBody, now: number): number | null {
  if (!RETRYABLE_STATUSES.has(body.status) || !body.retryable || body.retry_at === null) return null;
  return Math.max(1, Math.ceil((Date.parse(body.retry_at) - now) / 1000));
}

export { formatTime };
