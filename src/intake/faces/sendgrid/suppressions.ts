/** SendGrid's global suppressions: add, list, look and remove by the address. */
import type { FastifyInstance } from 'fastify';
import { refuseLoosening } from '../../../http/actor.ts';
import type { IntakeDoor } from '../../door.ts';
import { isFields } from '../../field-errors.ts';
import { added, found, lifted, listed } from '../face-suppressions.ts';

type ByEmail = { Params: { email: string } };

export function suppressionRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const hidden = { schema: { hide: true } };
  const reads = { ...hidden, config: { scopes: ['read', 'manage', 'approve'] as const } };
  const changes = { ...hidden, config: { scopes: ['manage', 'approve'] as const } };
  const path = `${base}/v3/asm/suppressions/global`;
  server.get(`${base}/v3/suppression/unsubscribes`, reads, async (request) =>
    (await listed({ request, door })).map(({ key, since }) => ({ email: key, created: Math.floor(since / 1000) })),
  );
  server.post(path, changes, async (request, reply) => {
    const { body } = request;
    const emails = isFields(body) ? body['recipient_emails'] : undefined;
    const message = 'It must be a list of e-mail addresses.';
    const wrong = { code: 'invalid_parameter', param: 'recipient_emails', message };
    if (!Array.isArray(emails)) return door.problems.invalid(request, reply, [wrong]);
    for (const email of emails) {
      if ((await added({ request, door }, email)) === null) return door.problems.invalid(request, reply, [wrong]);
    }
    return reply.code(201).send({ recipient_emails: emails });
  });
  server.get<ByEmail>(`${path}/:email`, reads, async (request, reply) => {
    const [row] = await found({ request, door }, request.params.email);
    return reply.send(row === undefined ? {} : { recipient_email: row.key });
  });
  server.delete<ByEmail>(`${path}/:email`, changes, async (request, reply) => {
    const rows = await found({ request, door }, request.params.email);
    if (rows.length === 0) {
      const evidence = { resource: 'suppression', id: request.params.email.slice(0, 100) };
      return door.problems.refuse(request, reply, 'not_found', { evidence });
    }
    const refused = await lifted({ request, door }, rows, "removed over SendGrid's interface");
    if (refused !== null) return refuseLoosening(request, reply, door.problems, refused, 'suppression.remove');
    return reply.code(204).send();
  });
}
