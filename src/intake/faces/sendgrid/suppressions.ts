/**
 * SendGrid's lists of suppressions: bounces, spam reports, and global unsubscribes, which hold all others. Its blocks and invalid
 * addresses suppress nothing here, so that those lists are empty.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SuppressionRow } from '../../../data/store.ts';
import { refuseLoosening } from '../../../http/actor.ts';
import type { SuppressionReason } from '../../../policy/suppression.ts';
import type { IntakeDoor } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { added, eachSuppression, lifted } from '../face-suppressions.ts';

type ByEmail = { Params: { email: string } };

/** Which rows a list has (`reason`: of this one alone), and how one looks there. */
type List = {
  path: string;
  reason: SuppressionReason | null;
  has: (reason: SuppressionReason) => boolean;
  entry: (row: SuppressionRow) => object;
};

const created = ({ since }: SuppressionRow): number => Math.floor(since / 1000);

const UNSUBSCRIBES: List = {
  path: 'unsubscribes',
  reason: null,
  has: (reason) => reason !== 'hard_bounce' && reason !== 'complaint',
  entry: (row) => ({ email: row.key, created: created(row) }),
};

const LISTS: readonly List[] = [
  UNSUBSCRIBES,
  {
    path: 'bounces',
    reason: 'hard_bounce',
    has: () => true,
    entry: (row) => ({ email: row.key, created: created(row), reason: row.note ?? 'hard bounce', status: '5.0.0' }),
  },
  {
    path: 'spam_reports',
    reason: 'complaint',
    has: () => true,
    entry: (row) => ({ email: row.key, created: created(row), ip: '' }),
  },
  { path: 'blocks', reason: null, has: () => false, entry: () => ({}) },
  { path: 'invalid_emails', reason: null, has: () => false, entry: () => ({}) },
];

export function suppressionRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const hidden = { schema: { hide: true } };
  const reads = { ...hidden, config: { scopes: ['read', 'manage', 'approve'] as const } };
  const changes = { ...hidden, config: { scopes: ['manage', 'approve'] as const } };
  for (const list of LISTS) {
    const path = `${base}/v3/suppression/${list.path}`;
    server.get(path, reads, (request, reply) => answerList(request, reply, door, list));
    server.get<ByEmail>(`${path}/:email`, reads, async (request, reply) =>
      reply.send((await rowsOf(request, door, list, request.params.email)).map(list.entry)),
    );
    server.delete<ByEmail>(`${path}/:email`, changes, (request, reply) =>
      remove(request, reply, door, list, [request.params.email]),
    );
    server.delete(path, changes, (request, reply) => removeNamed(request, reply, door, list));
  }
  const path = `${base}/v3/asm/suppressions/global`;
  server.post(path, changes, (request, reply) => add(request, reply, door));
  server.get<ByEmail>(`${path}/:email`, reads, async (request, reply) => {
    const [row] = await rowsOf(request, door, UNSUBSCRIBES, request.params.email);
    return reply.send(row === undefined ? {} : { recipient_email: row.key });
  });
  server.delete<ByEmail>(`${path}/:email`, changes, (request, reply) =>
    remove(request, reply, door, UNSUBSCRIBES, [request.params.email]),
  );
}

async function rowsOf(
  request: FastifyRequest,
  door: IntakeDoor,
  { has, reason }: List,
  email: string,
): Promise<SuppressionRow[]> {
  const rows: SuppressionRow[] = [];
  for await (const row of eachSuppression({ request, door }, { email, reason })) if (has(row.reason)) rows.push(row);
  return rows;
}

const LARGEST_PAGE = 500;

async function answerList(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  list: List,
): Promise<FastifyReply> {
  const query = request.query as Record<string, string | undefined>;
  const numbers: Record<string, number> = {
    limit: LARGEST_PAGE,
    offset: 0,
    start_time: 0,
    end_time: Number.MAX_SAFE_INTEGER,
  };
  for (const name of Object.keys(numbers)) {
    const given = query[name];
    if (given === undefined || given === '') continue;
    numbers[name] = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
  }
  const { limit, offset, start_time: from, end_time: until } = numbers as Record<string, number>;
  const wrong =
    Object.keys(numbers).find((name) => Number.isNaN(numbers[name])) ?? (limit! > LARGEST_PAGE ? 'limit' : null);
  if (wrong !== null) {
    const message =
      wrong === 'limit' ? `It must be a whole number up to ${LARGEST_PAGE}.` : 'It must be a whole number.';
    return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param: wrong, message }]);
  }
  const rows: SuppressionRow[] = [];
  for await (const row of eachSuppression({ request, door }, { reason: list.reason })) {
    if (rows.length >= offset! + limit!) break;
    if (list.has(row.reason) && created(row) >= from! && created(row) <= until!) rows.push(row);
  }
  return reply.send(rows.slice(offset!).map(list.entry));
}

async function add(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const emails = emailsIn(request.body, 'recipient_emails');
  if (emails === null) return refuseEmails(request, reply, door, 'recipient_emails');
  for (const email of emails) {
    if ((await added({ request, door }, email)) === null) return refuseEmails(request, reply, door, 'recipient_emails');
  }
  return reply.code(201).send({ recipient_emails: emails });
}

function emailsIn(body: unknown, field: string): string[] | null {
  const list = isFields(body) ? body[field] : undefined;
  return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : null;
}

function refuseEmails(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor, param: string): FastifyReply {
  const message = 'It must be a list of e-mail addresses.';
  return door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
}

function removeNamed(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  list: List,
): Promise<FastifyReply> | FastifyReply {
  const emails = emailsIn(request.body, 'emails');
  return emails === null ? refuseEmails(request, reply, door, 'emails') : remove(request, reply, door, list, emails);
}

async function remove(
  request: FastifyRequest,
  reply: FastifyReply,
  door: IntakeDoor,
  list: List,
  emails: readonly string[],
): Promise<FastifyReply> {
  for (const email of emails) {
    const rows = await rowsOf(request, door, list, email);
    if (rows.length === 0) {
      const evidence = { resource: 'suppression', id: email.slice(0, 100) };
      return door.problems.refuse(request, reply, 'not_found', { evidence });
    }
    const refused = await lifted({ request, door }, rows, "removed over SendGrid's interface");
    if (refused !== null) return refuseLoosening(request, reply, door.problems, refused, 'suppression.remove');
  }
  return reply.code(204).send();
}
