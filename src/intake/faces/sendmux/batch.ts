/** Up to a hundred sends in one request of Sendmux's: each for itself; only where all fail does the request fail. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Issue, ProblemBody } from '../../../core/explain.ts';
import { answerWithOther } from '../../../http/wording.ts';
import { type IntakeDoor, submitInput } from '../../door.ts';
import { type Fields, isFields, within } from '../../field-errors.ts';
import type { SubmitInput } from '../../submit-input.ts';
import { type Told, toldOfOne } from '../told.ts';
import { queuedData, type Refusal, refusalOf, refused, taken } from './answer.ts';
import { readSendmux, type SendmuxRead } from './read.ts';

const MOST_MESSAGES = 100;

/** A key in flight is not waited for. */
export function inputOf(request: FastifyRequest, body: Fields, key: string | null): SubmitInput {
  return { ...submitInput(request, body, key), waitsForFirst: false };
}

type Row =
  | { ok: true; told: Told & { kind: 'decided' }; body: Fields }
  | { ok: false; index: number; refusal: Refusal; told: Told | null; problem: ProblemBody };

/** `key` stands for each message as `key:index`. */
export async function answerBatch(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  key: string | null,
): Promise<FastifyReply> {
  const messages = messagesIn(request, reply, door);
  if (messages === null) return reply;
  const rows = await Promise.all(
    messages.map((message, i) => rowOf(request, door, message, i, key === null ? null : `${key}:${i}`)),
  );
  const failed = rows.filter((row) => !row.ok);
  const summary = { total: rows.length, queued: rows.length - failed.length, failed: failed.length };
  const data = { summary, results: rows.map(resultOf) };
  if (rows.every((row) => row.ok && row.told.isReplayed)) reply.header('Idempotent-Replayed', 'true');
  const [first] = failed;
  if (first !== undefined) reply.header('X-Postern-Reason', first.problem.code);
  const whole = failed.length === rows.length ? wholeRefusal(failed) : null;
  const wait = whole === null ? null : waitOf(failed);
  if (wait !== null) reply.header('Retry-After', wait);
  const answer = whole === null ? taken(request, data) : refused(request, whole, { data });
  return answerWithOther(reply, answer);
}

/** Null: answered already. */
function messagesIn(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): unknown[] | null {
  const { body } = request;
  const messages = isFields(body) ? body['messages'] : undefined;
  const unknown = isFields(body) ? Object.keys(body).filter((name) => name !== 'messages') : [];
  const errors: Issue[] = unknown
    .slice(0, 100)
    .map((name) => ({ code: 'unrecognized_keys', param: within('', name), message: 'There is no such field.' }));
  if (!isFields(body)) errors.push({ code: 'invalid_type', param: '', message: 'The body must be a JSON object.' });
  else if (messages === undefined)
    errors.push({ code: 'missing_parameter', param: 'messages', message: 'It is required.' });
  else if (!Array.isArray(messages))
    errors.push({ code: 'invalid_type', param: 'messages', message: 'It must be a list.' });
  else if (messages.length === 0)
    errors.push({ code: 'too_small', param: 'messages', message: 'It must not be empty.' });
  if (errors.length > 0) {
    door.problems.invalid(request, reply, errors);
    return null;
  }
  const list = messages as unknown[];
  if (list.length <= MOST_MESSAGES) return list;
  const evidence = { limit: MOST_MESSAGES, count: list.length };
  door.problems.refuse(request, reply, 'batch_too_large', { param: 'messages', evidence });
  return null;
}

/** The body of a problem that is not answered by itself. */
function problemOf(request: FastifyRequest, door: IntakeDoor, read: SendmuxRead & { ok: false }): ProblemBody {
  const reason = { code: 'validation_failed', scope: null, clearsAt: null, evidence: {} } as const;
  return door.problems.body(request, { reasons: [reason], errors: read.errors, messageId: null });
}

async function rowOf(
  request: FastifyRequest,
  door: IntakeDoor,
  message: unknown,
  index: number,
  key: string | null,
): Promise<Row> {
  const read = readSendmux(message);
  if (!read.ok) {
    const problem = problemOf(request, door, read);
    return { ok: false, index, refusal: refusalOf(problem), told: null, problem };
  }
  const told = await toldOfOne(request, door, () => door.intake.submit(inputOf(request, read.body, key)));
  if (told.problem === null) return { ok: true, told: told as Told & { kind: 'decided' }, body: read.body };
  return { ok: false, index, refusal: refusalOf(told.problem, read.body), told, problem: told.problem };
}

function resultOf(row: Row, index: number): object {
  if (row.ok) return { index, ...queuedData(row.told, row.body) };
  return { index, status: 'failed', message_id: null, error: row.refusal.error };
}

type FailedRow = Row & { ok: false };

/** Alike: their own answer. All worth a retry: 503. Else something is wrong with each of them. */
function wholeRefusal(failed: readonly FailedRow[]): Refusal {
  const { status, error } = failed[0]!.refusal;
  const isAlike = failed.every(({ refusal }) => refusal.error.code === error.code);
  const isTransient = failed.every(({ refusal }) => refusal.error.retryable);
  const [http, code] = isAlike
    ? [status, error.code]
    : isTransient
      ? [503, 'service_unavailable']
      : [422, 'validation_error'];
  // What is absent in all of them is a fault of each message.
  const isAbsence = code === 'missing_parameter';
  const errors = failed
    .flatMap(({ refusal, index }) =>
      refusal.error.errors.map(({ field, ...rest }) => ({
        field: field === undefined ? `messages[${index}]` : `messages[${index}].${field}`,
        ...rest,
      })),
    )
    .slice(0, 100);
  return {
    status: isAbsence ? 422 : http,
    messageId: null,
    error: {
      code: isAbsence ? 'validation_error' : code,
      message: `None of the ${failed.length} messages was queued. The first: ${error.message}`,
      ...(errors[0]?.field === undefined ? {} : { param: errors[0].field }),
      doc_url: error.doc_url,
      retryable: isAlike ? error.retryable : isTransient,
      errors,
    },
  };
}

/** The shortest wait after which one of them is worth another try. */
function waitOf(failed: readonly FailedRow[]): number | null {
  const waits = failed.flatMap(({ told }) => (told === null || told.retryAfter === null ? [] : [told.retryAfter]));
  return waits.length === 0 ? null : Math.min(...waits);
}
