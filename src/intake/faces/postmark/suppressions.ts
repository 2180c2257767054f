/** Suppressions as Postmark's package keeps them. They are one list here, whatever stream is named. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { formatTime } from '../../../core/time.ts';
import type { SuppressionRow } from '../../../data/store.ts';
import type { IntakeDoor } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { added, found, lifted, listed } from '../face-suppressions.ts';

const MOST_IN_A_CALL = 50;

export function suppressionRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const hidden = { schema: { hide: true } };
  const reads = { ...hidden, config: { scopes: ['read', 'manage', 'approve'] as const } };
  const changes = { ...hidden, config: { scopes: ['manage', 'approve'] as const } };
  const path = `${base}/message-streams/:stream/suppressions`;
  server.get(`${path}/dump`, reads, async (request) => {
    const { emailaddress, EmailAddress = emailaddress } = request.query as Record<string, string | undefined>;
    const rows = await listed({ request, door }, EmailAddress === undefined ? {} : { email: EmailAddress });
    return { Suppressions: rows.map(entry) };
  });
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

function entry({ key, reason, since, source }: SuppressionRow): Record<string, unknown> {
  const reasons = { hard_bounce: 'HardBounce', complaint: 'SpamComplaint' } as Readonly<Record<string, string>>;
  const isRecipients = reason === 'complaint' || reason === 'unsubscribe' || source === 'return';
  return {
    EmailAddress: key,
    SuppressionReason: reasons[reason] ?? 'ManualSuppression',
    Origin: isRecipients ? 'Recipient' : 'Customer',
    CreatedAt: formatTime(since),
  };
}
