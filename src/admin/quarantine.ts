/** The tenant's side of a quarantine: where it stands, and the appeal. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { messageIdIn } from '../base/id-forms.ts';
import { actorOf, conflict, notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { APPEAL, appealBody, OWN_QUARANTINE, ownQuarantineBody } from './quarantine-bodies.ts';
import { CLOSED, orNull } from './shapes.ts';

/** Which of a tenant's messages a Message-ID of ours names, as `msg_…`; null for any other text. */
export type ReadMessageId = (text: string, tenantNo: number) => string | null;

const APPEALING = Type.Object(
  {
    statement: Type.String({
      minLength: 1,
      maxLength: 4000,
      description: 'What happened, and what will change.',
    }),
    message_id: Type.Optional(
      orNull(Type.String({ minLength: 1, maxLength: 1000 }), {
        description:
          'A message that shows it: `msg_…` or the form of it that a compatible interface gave, the id of one of its recipients, or the Message-ID it was sent with.',
      }),
    ),
  },
  CLOSED,
);
const TAGS = ['Quarantine'];

export function quarantineRoutes(
  server: FastifyInstance,
  { store, problems, readMessageId }: Pick<AdminDeps, 'store' | 'problems'> & { readMessageId: ReadMessageId },
): void {
  server.get(
    '/v1/quarantine',
    {
      config: { scopes: ['read', 'send', 'manage', 'approve'] },
      schema: {
        summary: 'Whether the account is in quarantine',
        description: 'Its state with the evidence that was frozen when it began, and the newest appeal.',
        tags: TAGS,
        response: { 200: OWN_QUARANTINE },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return ownQuarantineBody(await store.quarantineOf({ tenantNo, mode }));
    },
  );

  server.post(
    '/v1/quarantine/appeals',
    {
      config: { scopes: ['send', 'manage', 'approve'] },
      schema: {
        summary: 'Ask for a review of the quarantine',
        description:
          'One appeal can be open at a time. The account, the time, the last refused message and the hash of its content are added.',
        tags: TAGS,
        body: APPEALING,
        response: { 201: APPEAL },
      },
    },
    async (request, reply) => {
      const { tenantNo, tenantId, mode } = principalOf(request);
      const { statement, message_id: named } = request.body as Static<typeof APPEALING>;
      const messageId = named == null ? null : (readMessageId(named, tenantNo) ?? messageIdIn(named.trim()));
      const filed = await store.fileAppeal({ tenantNo, mode, statement, messageId, actor: actorOf(request) });
      if (filed.outcome === 'filed') return reply.code(201).send(appealBody(filed.quarantine, filed.appeal));
      if (filed.outcome === 'unknown_message') return notFound(request, reply, problems, 'message', named ?? '');
      const evidence = { resource: 'quarantine', id: filed.id ?? tenantId, state: filed.state, action: 'appeal' };
      return conflict(request, reply, problems, evidence, WHY_NOT[filed.state]);
    },
  );
}

const WHY_NOT = {
  none: 'The account is in no quarantine.',
  probation: 'The account was released and is on probation: it may send.',
  under_review: 'An appeal is open already, and waits for the operator.',
};
