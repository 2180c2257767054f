/** Suppressions as Resend's package keeps them: one by one, and by the batch. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatTime } from '../../../core/time.ts';
import type { SuppressionRow } from '../../../data/store.ts';
import { refuseLoosening } from '../../../http/actor.ts';
import type { IntakeDoor } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { idOfUuid, uuidOf } from '../face-ids.ts';
import { added, eachSuppression, found, lifted } from '../face-suppressions.ts';

const ORIGINS: Readonly<Partial<Record<SuppressionRow['reason'], string>>> = {
  hard_bounce: 'bounce',
  complaint: 'complaint',
};

const MOST_IN_A_BATCH = 100;

type ByName = { Params: { name: string } };

export function suppressionRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const hidden = { schema: { hide: true } };
  const reads = { ...hidden, config: { scopes: ['read', 'manage', 'approve'] as const } };
  const changes = { ...hidden, config: { scopes: ['manage', 'approve'] as const } };
  const path = `${base}/suppressions`;
  server.get(path, reads, (request, reply) => list(request, reply, door));
  server.post(path, changes, async (request, reply) => {
    const row = await added({ request, door }, fieldOf(request.body, 'email'));
    return row === null ? refuseAddress(request, reply, door, 'email') : reply.send(named(row));
  });
  server.get<ByName>(`${path}/:name`, reads, async (request, reply) => {
    const [row] = await found({ request, door }, ownName(request.params.name));
    if (row === undefined) return refuseMissing(request, reply, door, request.params.name);
    return reply.send({ object: 'suppression', ...entry(row) });
  });
  server.delete<ByName>(`${path}/:name`, changes, async (request, reply) => {
    const rows = await found({ request, door }, ownName(request.params.name));
    if (rows[0] === undefined) return refuseMissing(request, reply, door, request.params.name);
    const refused = await lift(request, reply, door, rows);
    return refused ?? reply.send({ ...named(rows[0]), deleted: true });
  });
  server.post(`${path}/batch/add`, changes, (request, reply) => addAll(request, reply, door));
  server.post(`${path}/batch/remove`, changes, (request, reply) => removeAll(request, reply, door));
}

const DEFAULT_PAGE = 20;

async function list(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { limit: asked = String(DEFAULT_PAGE), after, before } = request.query as Record<string, string | undefined>;
  const limit = Number(asked);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_IN_A_BATCH) {
    const message = `It must be a whole number from 1 to ${MOST_IN_A_BATCH}.`;
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'limit', message }]);
  }
  const rows: SuppressionRow[] = [];
  for await (const row of eachSuppression({ request, door })) if (isOfOrigin(request, row)) rows.push(row);
  const marker = after ?? before;
  const marked = marker === undefined ? -1 : rows.findIndex(({ id }) => id === ownName(marker));
  if (marker !== undefined && marked === -1) return refuseMissing(request, reply, door, marker);
  const [from, until] = before === undefined ? [marked + 1, marked + 1 + limit] : [Math.max(0, marked - limit), marked];
  const hasMore = before === undefined ? until < rows.length : from > 0;
  return reply.send({ object: 'list', has_more: hasMore, data: rows.slice(from, until).map(entry) });
}

function isOfOrigin(request: FastifyRequest, { reason }: SuppressionRow): boolean {
  const { origin } = request.query as { origin?: string };
  return origin === undefined || (ORIGINS[reason] ?? 'manual') === origin;
}

function entry(row: SuppressionRow): Record<string, unknown> {
  return {
    id: uuidOf('sup', row.id),
    email: row.key,
    origin: ORIGINS[row.reason] ?? 'manual',
    source_id: null,
    created_at: formatTime(row.since),
  };
}

const named = (row: SuppressionRow) => ({ object: 'suppression', id: uuidOf('sup', row.id) });

const ownName = (name: string): string => (name.includes('@') ? name : (idOfUuid('sup', name) ?? name));

const fieldOf = (body: unknown, field: string): unknown => (isFields(body) ? body[field] : undefined);

function refuseAddress(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor, param: string): FastifyReply {
  return door.problems.invalid(request, reply, [
    { code: 'invalid_parameter', param, message: 'It must be one e-mail address.' },
  ]);
}

function refuseMissing(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor, name: string): FastifyReply {
  const evidence = { resource: 'suppression', id: name.slice(0, 100) };
  return door.problems.refuse(request, reply, 'not_found', { evidence });
}

/** Null when they are lifted, or were gone. */
async function lift(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  rows: readonly SuppressionRow[],
): Promise<FastifyReply | null> {
  const refused = await lifted({ request, door }, rows, "removed over Resend's interface");
  return refused === null ? null : refuseLoosening(request, reply, door.problems, refused, 'suppression.remove');
}

/** The names in a body, all of one kind; null where they cannot be. */
function namesIn(body: unknown, fields: readonly string[]): string[] | null {
  const list = fields.map((field) => fieldOf(body, field)).find((value) => value !== undefined);
  const isWhole = Array.isArray(list) && list.length > 0 && list.length <= MOST_IN_A_BATCH;
  return isWhole && list.every((one) => typeof one === 'string') ? list : null;
}

function refuseList(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): FastifyReply {
  const message = `It must be a list of 1 to ${MOST_IN_A_BATCH}.`;
  return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'emails', message }]);
}

async function addAll(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const emails = namesIn(request.body, ['emails']);
  if (emails === null) return refuseList(request, reply, door);
  const rows: SuppressionRow[] = [];
  for (const [i, email] of emails.entries()) {
    const row = await added({ request, door }, email);
    if (row === null) return refuseAddress(request, reply, door, `emails[${i}]`);
    rows.push(row);
  }
  return reply.send({ data: rows.map(named) });
}

async function removeAll(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const names = namesIn(request.body, ['emails', 'ids']);
  if (names === null) return refuseList(request, reply, door);
  const data: object[] = [];
  for (const name of names) {
    const rows = await found({ request, door }, ownName(name));
    if (rows[0] === undefined) continue;
    const refused = await lift(request, reply, door, rows);
    if (refused !== null) return refused;
    data.push({ ...named(rows[0]), deleted: true });
  }
  return reply.send({ data });
}
