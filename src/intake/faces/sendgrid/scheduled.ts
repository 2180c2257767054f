/** SendGrid's batches: a name that scheduled mail carries, by which what has not left of it is cancelled. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { StoredMessage } from '../../../data/store.ts';
import type { IntakeDoor } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { eachMessage } from '../message-pages.ts';

type ByBatch = { Params: { batch: string } };

const BATCH_ID = /^[\x21-\x7e]{1,128}$/;

export function scheduleRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const hidden = { schema: { hide: true } };
  const reads = { ...hidden, config: { scopes: ['read'] as const } };
  const changes = { ...hidden, config: { scopes: ['send'] as const } };
  // Nothing is kept of it: mail that carries the name makes the batch.
  server.post(`${base}/v3/mail/batch`, changes, async (_request, reply) =>
    reply.code(201).send({ batch_id: newBatch() }),
  );
  server.get<ByBatch>(`${base}/v3/mail/batch/:batch`, reads, async (request, reply) => {
    const { batch } = request.params;
    return BATCH_ID.test(batch) ? reply.send({ batch_id: batch }) : refuseBatch(request, reply, door, batch);
  });
  server.post(`${base}/v3/user/scheduled_sends`, changes, (request, reply) => cancel(request, reply, door));
  server.get<ByBatch>(`${base}/v3/user/scheduled_sends/:batch`, reads, async (request, reply) => {
    const { batch } = request.params;
    const messages = await messagesOf(request, door, batch);
    const isCancelled = messages.some((message) => message.recipients.some(({ state }) => state === 'cancelled'));
    return reply.send(isCancelled ? [{ batch_id: batch, status: 'cancel' }] : []);
  });
}

/** A name made here says since when there is mail that can carry it, in real time. */
function newBatch(): string {
  return `${Date.now().toString(36)}.${randomBytes(24).toString('base64url')}`;
}

/** Clocks may have been set back since. */
const CLOCK_SLACK_MS = 600_000;
const OF_OURS = /^([0-9a-z]{8,9})\.[\w-]{32}$/;

function messagesOf(request: FastifyRequest, door: IntakeDoor, batch: string): Promise<StoredMessage[]> {
  const made = request.caller!.principal!.mode === 'live' ? OF_OURS.exec(batch)?.[1] : undefined;
  const since = made === undefined ? null : Number.parseInt(made, 36) - CLOCK_SLACK_MS;
  return Array.fromAsync(eachMessage(request, door, { tag: batch, since, isWhole: true }));
}

function refuseBatch(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor, batch: string): FastifyReply {
  return door.problems.refuse(request, reply, 'not_found', {
    evidence: { resource: 'batch', id: batch.slice(0, 100) },
  });
}

/** What has left already is not called back: where nothing else is there, that is said. */
async function cancel(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { batch_id: batch, status } = isFields(request.body) ? request.body : {};
  const invalid = (param: string, message: string) =>
    door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
  if (typeof batch !== 'string' || !BATCH_ID.test(batch)) return invalid('batch_id', 'It must be the id of a batch.');
  if (status !== 'cancel') return invalid('status', 'It must be "cancel": pausing a batch is not served.');
  const messages = await messagesOf(request, door, batch);
  if (messages.length === 0) return refuseBatch(request, reply, door, batch);
  const { tenantNo, mode } = request.caller!.principal!;
  let cancelled = 0;
  for (const { id } of messages) {
    const answer = await door.store.cancelMessage({ tenantNo, mode, id });
    if (answer.outcome === 'done') cancelled += 1;
  }
  if (cancelled > 0) return reply.code(201).send({ batch_id: batch, status: 'cancel' });
  return door.problems.refuse(request, reply, 'state_conflict', {
    detail: `Nothing of the batch ${batch} waits any more: all of it has left, or was cancelled before.`,
  });
}
