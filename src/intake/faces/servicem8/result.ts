/** The one shape of every answer, `SendResult`: what ServiceM8 says of a send, and what its developers asked to be told beside. */
import { randomUUID } from 'node:crypto';
import type { Issue, ProblemBody } from '../../../core/explain.ts';
import type { LimitState } from '../../../data/store.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { uuidOf } from '../face-ids.ts';
import { renamed } from '../renamed.ts';
import type { Told } from '../told.ts';
import { INVALID_NUMBER, messageOf, SERVICEM8_WORDS } from './words.ts';

type Decided = Told & { kind: 'decided' };

/** To the second and with an offset, as its clients parse it. */
const offsetTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+00:00`;

export function takenResult(told: Decided): OtherAnswer {
  return {
    status: 200,
    body: {
      errorCode: 0,
      message: 'OK',
      messageID: uuidOf('msg', told.messageId),
      submittedAt: offsetTime(told.createdAt),
      ...quotaIn(told.limits),
      warnings: told.warnings,
    },
  };
}

/** `told`: where a decision was made. */
export function refusedResult(refused: ProblemBody, told: Told | null, isText: boolean): OtherAnswer {
  const problem = renamed(refused, (param) => inTheirFields(param, isText));
  const { http, word } = SERVICEM8_WORDS[problem.code];
  const id = problem.message_id;
  const errors = problem.errors ?? [];
  return {
    status: http,
    body: {
      errorCode: word,
      message: saidOf(problem, errors, isText),
      // Support finds the line in the log by it, also where nothing was decided.
      messageID: id === null || id === '' ? randomUUID() : uuidOf('msg', id),
      submittedAt: offsetTime(told?.kind === 'decided' ? told.createdAt : Date.now()),
      ...(http === 429 && told?.kind === 'decided' ? quotaIn(told.limits) : {}),
      reason: problem.code,
      detail: problem.detail,
      fix: problem.fix,
      customer_message: problem.customer_message,
      clears: problem.clears,
      retry_at: problem.retry_at,
      evidence: problem.reasons[0]?.evidence ?? {},
      reasons: problem.reasons.map(({ code, detail, clears, evidence, scope }) => ({
        code,
        detail,
        clears,
        evidence,
        scope,
      })),
      ...(errors.length === 0 ? {} : { errors }),
      limits: problem.limits,
      warnings: told?.kind === 'decided' ? told.warnings : [],
      doc_url: problem.type,
      request_id: problem.request_id,
    },
  };
}

/** What its pages say of an address that is none, whether its form or its domain is to blame; of other fields, which they are. */
function saidOf(problem: ProblemBody, errors: readonly Issue[], isText: boolean): string {
  const isAddress = errors.some(({ param }) => /^(?:to|cc)(?:$|[.[])/.test(param ?? ''));
  const code = isAddress && problem.code === 'validation_failed' ? 'invalid_recipient' : problem.code;
  if (code === 'invalid_recipient') return isText ? INVALID_NUMBER : SERVICEM8_WORDS.invalid_recipient.message;
  const said = messageOf(code, problem.reasons[0]?.evidence ?? {});
  return [said, ...errors.map(({ param, message }) => (param ? `${param}: ${message}` : message))].join('; ');
}

const THEIR_FIELDS: Readonly<Record<string, string>> = {
  reply_to: 'replyTo',
  html: 'htmlBody',
  metadata: 'regardingJobUUID',
};

function inTheirFields(param: string, isText: boolean): string {
  const [, name = '', rest = ''] = /^([a-z_]+)($|[.[].*)/s.exec(param) ?? [];
  const theirs = name === 'text' ? (isText ? 'message' : 'textBody') : THEIR_FIELDS[name];
  if (theirs === undefined) return param;
  return name === 'metadata' ? theirs : theirs + rest;
}

const QUOTA_SCOPES: ReadonlySet<string> = new Set(['tenant', 'app', 'installation', 'identity']);

/** The limit with the smallest share left, of those that the whole account, app, installation or identity has; as in the headers. */
export function quotaIn(limits: readonly LimitState[]): { quota?: object } {
  const known = limits.filter(({ rate, scope }) => !rate && QUOTA_SCOPES.has(scope.kind));
  const [tightest] = known.sort((a, b) => a.remaining * b.limit - b.remaining * a.limit);
  if (tightest === undefined) return {};
  const { limit, remaining, resetsAt, scope } = tightest;
  return { quota: { limit, remaining, reset: resetsAt === null ? null : wholeSecond(resetsAt), scope: scope.kind } };
}

/** Rounded up: nobody who waits for it comes too early. */
function wholeSecond(ms: number): string {
  return new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
