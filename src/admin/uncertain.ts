/**
 * Recipients that may have the message or not: the connection or the process ended between the final dot and its answer. What the
 * policy sends again leaves by itself; what it holds waits here for a person.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import { UNCERTAIN_DECISIONS, type UncertainRow } from '../data/port/uncertain.ts';
import { actorOf, conflict, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID, listOf, listQuery, NOTE, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';

const UNCERTAIN = Type.Object({
  message_id: Type.String(),
  recipient_id: Type.String(),
  email: Type.String(),
  subject: Type.String(),
  attempts: Type.Integer(),
  since: orNull(Type.String(), { description: 'When the answer to the final dot stayed away.' }),
  provider: orNull(Type.String()),
  mailbox: orNull(Type.String()),
  reply: orNull(Type.String({ description: 'What ended the attempt.' })),
  held: Type.Boolean({ description: 'It is not sent again unless a person says so.' }),
  next_attempt_at: orNull(Type.String(), { description: 'When it is sent again; null where it is held.' }),
  content_stored: Type.Boolean({ description: 'Whether it could be sent again.' }),
});

const DECISION = Type.Object(
  {
    decision: Type.Enum([...UNCERTAIN_DECISIONS], {
      description:
        '`resend`: once more, with the same Message-ID and marked as a possible duplicate. `delivered`, `failed`: what a person found out. `give_up`: nobody will know, and it is not sent again.',
    }),
    note: Type.Optional(NOTE),
  },
  CLOSED,
);

const DECIDED = Type.Object({
  message_id: Type.String(),
  recipient_id: Type.String(),
  decision: Type.Enum([...UNCERTAIN_DECISIONS]),
});

const PARAMS = Type.Object({ id: ID, recipient: ID });
const FILTERS = {
  held: Type.Optional(Type.Enum(['true', 'false'], { description: '`true`: only what waits for a person.' })),
};
const TAGS = ['Messages'];

function uncertainBody(row: UncertainRow): Static<typeof UNCERTAIN> {
  return {
    message_id: row.messageId,
    recipient_id: row.recipientId,
    email: row.email,
    subject: row.subject,
    attempts: row.attempts,
    since: row.since === null ? null : formatTime(row.since),
    provider: row.provider,
    mailbox: row.mailbox,
    reply: row.reply,
    held: row.nextAttemptAt === null,
    next_attempt_at: timeOrNull(row.nextAttemptAt),
    content_stored: row.hasContent,
  };
}

export function uncertainRoutes(server: FastifyInstance, deps: AdminDeps): void {
  server.get(
    '/v1/uncertain',
    {
      config: { scopes: ['read', 'manage', 'approve'] },
      schema: {
        summary: 'List recipients of which nobody knows whether they have the message',
        description: 'The newest message first. With `held=true`: what waits for a person.',
        tags: TAGS,
        querystring: listQuery(FILTERS),
        response: { 200: listOf(UNCERTAIN, 'Uncertain recipients') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      const { held } = request.query as { held?: 'true' | 'false' };
      const rows = await deps.store.uncertain({ ...pagingOf(request), tenantNo, mode, held: held === 'true' });
      return pageBody(rows, uncertainBody);
    },
  );

  server.post(
    '/v1/messages/:id/recipients/:recipient/decision',
    {
      // Any key may ask, so that the answer can say who may decide.
      config: { scopes: ['send', 'read', 'manage', 'approve'] },
      schema: {
        summary: 'Decide what becomes of an uncertain recipient',
        description:
          'Needs a key with `approve`, and a note for the audit log. May come before the policy would send it again, and stops that.',
        tags: TAGS,
        params: PARAMS,
        body: DECISION,
        response: { 200: DECIDED },
      },
    },
    (request, reply) => decide(request, reply, deps),
  );
}

async function decide(request: FastifyRequest, reply: FastifyReply, { store, problems }: AdminDeps): Promise<unknown> {
  const { id, recipient } = request.params as Static<typeof PARAMS>;
  const { decision, note = null } = request.body as Static<typeof DECISION>;
  const { tenantNo, mode } = principalOf(request);
  const actor = actorOf(request);
  const answer = await store.decideUncertain({ tenantNo, mode, id, recipientId: recipient, decision, note, actor });
  switch (answer.outcome) {
    case 'decided':
      return { message_id: id, recipient_id: recipient, decision };
    case 'missing':
      return notFound(request, reply, problems, answer.resource, answer.resource === 'message' ? id : recipient);
    case 'conflict':
      return conflict(request, reply, problems, {
        ...{ resource: 'recipient', id: recipient },
        ...{ state: answer.state, action: decision },
      });
    case 'no_content': {
      const about = { resource: 'recipient', id: recipient, state: 'uncertain', action: decision };
      return conflict(
        request,
        reply,
        problems,
        about,
        'The content of the message was freed: nothing is left to send.',
      );
    }
    case 'human_decision_required':
      return refuseLoosening(request, reply, problems, answer, `uncertain.${decision}`);
  }
}
