/** Suppressions as Postmark's package keeps them. They are one list here, whatever stream is named. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatTime } from '../../../core/time.ts';
import type { SuppressionRow } from '../../../data/store.ts';
import type { IntakeDoor } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { added, eachSuppression, found, lifted } from '../face-suppressions.ts';
import { queryOf, spanOf } from './query.ts';

const MOST_IN_A_CALL = 50;

export function suppressionRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const hidden = { schema: { hide: true } };
  const reads = { ...hidden, config: { scopes: ['read', 'manage', 'approve'] as const } };
  const changes = { ...hidden, config: { scopes: ['manage', 'approve'] as const } };
  const path = `${base}/message-streams/:stream/suppressions`;
  server.get(`${path}/dump`, reads, (request, reply) => dump(request, reply, door));
  server.post(path, changes, async (request, reply) => {
    const emails = emailsIn(request);
    if (emails === null) return door.problems.invalid(request, reply, [WRONG_LIST]);
    const rows: object[] = [];
    for (const email of emails) {
      const row = await added({ request, door }, email);
      rows.push(row === null ? statusOf(email, 'Failed', 'This is no e-mail address.') : statusOf(email, 'Suppressed'));
    }
    return reply.send({ Suppressions: rows });
  });
  server.post(`${path}/delete`, changes, async (request, reply) => {
    const emails = emailsIn(request);
    if (emails === null) return door.problems.invalid(request, reply, [WRONG_LIST]);
    const rows: object[] = [];
    for (const email of emails) rows.push(await lift(request, door, email));
    return reply.send({ Suppressions: rows });
  });
}

/** All that the query leaves: a dump has no pages. */
async function dump(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const query = queryOf(request);
  const span = spanOf(query);
  if ('errors' in span) return door.problems.invalid(request, reply, span.errors);
  const { emailaddress: email, suppressionreason, origin } = query;
  const found: Entry[] = [];
  for await (const row of eachSuppression({ request, door }, { email })) {
    const one = entry(row);
    const isNamed = isSame(one.SuppressionReason, suppressionreason) && isSame(one.Origin, origin);
    if (isNamed && row.since >= span.since && row.since < span.until) found.push(one);
  }
  return reply.send({ Suppressions: found });
}

const isSame = (value: string, wanted: string | undefined): boolean =>
  wanted === undefined || value.toLowerCase() === wanted.toLowerCase();

const WRONG_LIST = {
  code: 'invalid_parameter',
  param: 'Suppressions',
  message: `It must be a list of 1 to ${MOST_IN_A_CALL} objects with an "EmailAddress".`,
};

function emailsIn({ body }: FastifyRequest): string[] | null {
  const list = isFields(body) ? body['Suppressions'] : undefined;
  if (!Array.isArray(list) || list.length === 0 || list.length > MOST_IN_A_CALL) return null;
  const emails = list.map((one) => (isFields(one) ? one['EmailAddress'] : undefined));
  return emails.every((email) => typeof email === 'string') ? emails : null;
}

async function lift(request: FastifyRequest, door: IntakeDoor, email: string): Promise<object> {
  const rows = await found({ request, door }, email);
  const refused = await lifted({ request, door }, rows, "removed over Postmark's interface");
  if (refused === null) return statusOf(email, 'Deleted');
  return statusOf(email, 'Failed', 'A person must lift this one, with a key that may.');
}

const statusOf = (email: string, status: string, message: string | null = null) => ({
  EmailAddress: email,
  Status: status,
  Message: message,
});

type Entry = { EmailAddress: string; SuppressionReason: string; Origin: string; CreatedAt: string };

function entry({ key, reason, since, source }: SuppressionRow): Entry {
  const reasons = { hard_bounce: 'HardBounce', complaint: 'SpamComplaint' } as Readonly<Record<string, string>>;
  const isRecipients = reason === 'complaint' || reason === 'unsubscribe' || source === 'return';
  return {
    EmailAddress: key,
    SuppressionReason: reasons[reason] ?? 'ManualSuppression',
    Origin: isRecipients ? 'Recipient' : 'Customer',
    CreatedAt: formatTime(since),
  };
}
