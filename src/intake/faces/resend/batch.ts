/** Batches of emails: all of them or none, or each for itself. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Issue, ProblemBody } from '../../../core/explain.ts';
import type { ReasonCode } from '../../../core/reasons.ts';
import { type IntakeDoor, idempotencyKeyOf, refuseKey, submitInput } from '../../door.ts';
import { uuidOf } from '../face-ids.ts';
import { issuesOf, messageOf } from '../message-of.ts';
import { answerTold, type Told, toldOfAll, toldOfOne } from '../told.ts';
import { type ResendRead, readResend } from './read.ts';
import { nameOf, refuse } from './refuse.ts';

const MOST_IN_A_BATCH = 100;

/** `x-batch-validation: strict` (the default): all or none. `permissive`: each for itself, and the answer names those refused. */
export async function sendBatch(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === false) return refuseKey(request, reply, door);
  const { body } = request;
  if (!Array.isArray(body) || body.length === 0) {
    return door.problems.invalid(request, reply, [
      { code: 'invalid_parameter', param: '', message: `The body must be a list of 1 to ${MOST_IN_A_BATCH} emails.` },
    ]);
  }
  if (body.length > MOST_IN_A_BATCH) {
    const evidence = { limit: MOST_IN_A_BATCH, count: body.length };
    return door.problems.refuse(request, reply, 'batch_too_large', { evidence });
  }
  const now = Date.now();
  const reads = body.map((one) => readResend(one, now));
  const keys = reads.map((_read, i) => (key === null ? null : `${key}:${i}`));
  return request.headers['x-batch-validation'] === 'permissive'
    ? sendEach(request, reply, door, reads, keys)
    : sendAll(request, reply, door, reads, keys);
}

type Keys = readonly (string | null)[];

async function sendAll(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  reads: readonly ResendRead[],
  keys: Keys,
): Promise<FastifyReply> {
  const broken = reads.flatMap((read, i) => (read.ok ? [] : read.errors.map((issue) => within(issue, i))));
  if (broken.length > 0) return door.problems.invalid(request, reply, broken);
  const inputs = reads.map((read, i) => submitInput(request, (read as ResendRead & { ok: true }).body, keys[i]!));
  const all = await toldOfAll(request, door, inputs);
  if (all.outcome === 'taken') return answerBatch(reply, all.tolds.map(outcomeOf), false);
  const { at, told, problem } = all;
  return answerTold(request, reply, told, refuse(ofOne(problem, at), request));
}

async function sendEach(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  reads: readonly ResendRead[],
  keys: Keys,
): Promise<FastifyReply> {
  const outcomes = reads.map(async (read, i): Promise<Outcome> => {
    if (!read.ok) return { error: issuesOf(read.errors, nameOf), code: 'validation_failed' };
    return outcomeOf(
      await toldOfOne(request, door, () => door.intake.submit(submitInput(request, read.body, keys[i]!))),
    );
  });
  return answerBatch(reply, await Promise.all(outcomes), true);
}

const within = ({ code, param, message }: Issue, i: number): Issue => ({ code, param: placeIn(i, param), message });

const placeIn = (i: number, param: string | null): string => `[${i}]${param ? `.${param}` : ''}`;

/** The problem of one of a batch, which says of which. */
function ofOne(problem: ProblemBody, at: number): ProblemBody {
  const { detail, errors } = problem;
  const numbered = errors === undefined ? {} : { errors: errors.map((issue) => within(issue, at)) };
  return { ...problem, ...numbered, detail: `[${at}]: ${detail}` };
}

type Outcome = { id: string; isReplayed: boolean } | { error: string; code: ReasonCode };

function outcomeOf(told: Told): Outcome {
  const { problem } = told;
  if (problem !== null) return { error: messageOf(problem, nameOf), code: problem.code };
  const { messageId, isReplayed } = told as Told & { kind: 'decided' };
  return { id: uuidOf('msg', messageId), isReplayed };
}

function answerBatch(reply: FastifyReply, outcomes: readonly Outcome[], isPermissive: boolean): FastifyReply {
  const data = outcomes.flatMap((one) => ('id' in one ? [{ id: one.id }] : []));
  const errors = outcomes.flatMap((one, index) => ('error' in one ? [{ index, message: one.error }] : []));
  const refused = outcomes.find((one) => 'error' in one);
  if (refused !== undefined) reply.header('X-Postern-Reason', refused.code);
  if (outcomes.every((one) => 'id' in one && one.isReplayed)) reply.header('Idempotent-Replayed', 'true');
  return reply.send(isPermissive ? { data, errors } : { data });
}
