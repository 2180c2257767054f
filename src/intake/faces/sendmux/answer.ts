/** Sendmux's envelope: `{"ok", "data" | "error", "meta"}`, its errors with every fault, and beside them what would help. */
import type { FastifyRequest } from 'fastify';
import type { ExplainedReason, Issue, ProblemBody } from '../../../core/explain.ts';
import { REASONS } from '../../../core/reasons.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { shortOf } from '../face-ids.ts';
import type { Told } from '../told.ts';
import { ownHeaders } from './rates.ts';
import { sendmuxParam } from './read.ts';
import { isRetryable, type SendmuxWord, wordOf } from './words.ts';

export type SendmuxError = {
  code: string;
  message: string;
  param?: string;
  doc_url: string;
  retryable: boolean;
  errors: { field?: string; code: string; message: string }[];
};

export type Refusal = { status: number; error: SendmuxError; messageId: string | null };

export function taken(request: FastifyRequest, data: object, status = 200): OtherAnswer {
  return { status, body: { ok: true, data, meta: { request_id: request.id } }, headers: ownHeaders(request) };
}

export function refused(
  request: FastifyRequest,
  { status, error, messageId }: Refusal,
  more: object = {},
): OtherAnswer {
  const named = messageId === null ? {} : { message_id: messageId };
  const body = { ok: false, error, ...more, meta: { request_id: request.id, ...named } };
  return { status, body, headers: ownHeaders(request) };
}

/** `body`: the message that it is about, as it was read; undefined: none. */
export function refusalOf(problem: ProblemBody, body?: Fields): Refusal {
  const issues = problem.errors?.map(issueIn) ?? [];
  const place = issues.length > 0 ? null : placeOf(problem, body);
  const { http, word } = issues.length > 0 ? wordOfIssues(problem, issues) : wordOf(problem.reasons[0]!);
  const param = issues[0]?.param ?? place;
  const errors =
    issues.length > 0
      ? issues.map(({ code, param: field, message }) => ({ ...(field === null ? {} : { field }), code, message }))
      : problem.reasons.map((reason) => ({ ...(place === null ? {} : { field: place }), ...saidOf(reason) }));
  const detail = issues.length > 0 ? issues.map(lineOf).join(' ') : problem.detail;
  const error: SendmuxError & Record<string, unknown> = {
    code: word,
    message: `${detail} ${problem.fix}`,
    ...(param === null ? {} : { param }),
    doc_url: problem.type,
    retryable: isRetryable(word),
    errors,
    fix: problem.fix,
    customer_message: problem.customer_message,
    clears: problem.clears,
    retry_at: problem.retry_at,
  };
  return { status: http, error, messageId: problem.message_id ? shortOf(problem.message_id) : null };
}

function issueIn({ code, param, message }: Issue): Issue {
  const named = sendmuxParam(param);
  // A file is refused as a whole, whatever it is about it.
  return code === 'attachment_rejected' && named !== null
    ? { code, param: /^attachments\[\d+\]/.exec(named)?.[0] ?? named, message }
    : { code, param: named, message };
}

/** Fields that are absent, and nothing else: 400. All else that a schema finds is 422. */
function wordOfIssues({ code, reasons }: ProblemBody, issues: readonly Issue[]): SendmuxWord {
  const isAbsence = code === 'validation_failed' && issues.every((issue) => issue.code === 'missing_parameter');
  return isAbsence ? { http: 400, word: 'missing_parameter' } : wordOf(reasons[0]!);
}

const lineOf = ({ param, message }: Issue): string => (param === null ? message : `${param}: ${message}`);

const saidOf = ({ code, detail, fix }: ExplainedReason) => ({ code, message: `${detail} ${fix}` });

/** The field that a block is about; null: no field of it. */
function placeOf({ code, param, recipients }: ProblemBody, body: Fields | undefined): string | null {
  const { category } = REASONS[code];
  if (param !== null) return sendmuxParam(param);
  if (category === 'sender') return code === 'no_active_provider' ? null : 'from.email';
  if (category === 'content') return 'html_body';
  if (category !== 'recipient' || body === undefined) return null;
  const one = (recipients as { email: string; reasons: ExplainedReason[] }[]).find(({ reasons }) =>
    reasons.some((reason) => reason.code === code),
  );
  return one === undefined ? 'to.email' : recipientPlace(one.email, body);
}

/** Where a recipient stands in the message. */
export function recipientPlace(email: string, body: Fields): string {
  for (const field of ['cc', 'bcc']) {
    const list = body[field];
    const i = Array.isArray(list) ? list.findIndex((one) => isFields(one) && one['email'] === email) : -1;
    if (i !== -1 && !(isFields(body['to']) && body['to']['email'] === email)) return `${field}[${i}].email`;
  }
  return 'to.email';
}

/** Taken by at least one: its id, and who of several is refused. */
export function queuedData(told: Told & { kind: 'decided' }, body: Fields): Record<string, unknown> {
  const blocked = told.recipients.filter(({ status }) => status === 'blocked');
  const rejected = blocked.map(({ email, reasons }) => {
    const first = reasons[0]!;
    return { email, param: recipientPlace(email, body), code: first.code, message: `${first.detail} ${first.fix}` };
  });
  return {
    message_id: shortOf(told.messageId),
    status: 'queued',
    ...(rejected.length === 0 ? {} : { rejected }),
    ...(told.warnings.length === 0 ? {} : { warnings: told.warnings }),
  };
}
