/** What the caller's own mailbox or provider saw come back, told over HTTP. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { BOUNCE_CLASSES } from '../core/reasons.ts';
import { RETURN_KINDS } from '../core/returns.ts';
import { parseTime } from '../core/time.ts';
import type { ReturnAnswer } from '../data/port/returns.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { idText, oneOf, orNull, recipientStatus } from '../http/schemas.ts';
import { REPORT_FIELDS, type ReportBody } from './report-body.ts';

const body = Type.Object(
  {
    ...REPORT_FIELDS,
    class: Type.Optional(oneOf(Object.keys(BOUNCE_CLASSES), { description: 'Of a bounce; `unknown` where absent.' })),
  },
  { additionalProperties: false },
);

const answerSchema = Type.Object(
  {
    applied: Type.Boolean({ description: 'False where it was known already, and nothing changed.' }),
    kind: oneOf(RETURN_KINDS),
    message_id: orNull(idText('msg')),
    recipient_id: orNull(idText('rcp')),
    email: Type.String(),
    status: orNull(recipientStatus),
    event: orNull(Type.Object({ id: idText('evt'), seq: Type.Integer(), type: Type.String() })),
    suppression: orNull(Type.Object({ id: idText('sup'), reason: Type.String() })),
  },
  { title: 'ReportedReturn' },
);

type Issue = { code: string; param: string; message: string };

export type ReturnRoutes = {
  store: Store;
  problems: Problems;
  /** The one key of an address, or null where it is none. */
  addressKey: (text: string) => string | null;
};

export function returnRoutes(server: FastifyInstance, parts: ReturnRoutes): void {
  server.post<{ Body: ReportBody }>(
    '/v1/returns',
    {
      config: { scopes: ['manage'] },
      schema: {
        tags: ['Returns'],
        summary: 'Report what came back',
        description:
          'A reply, bounce, complaint, unsubscribe or delivery that your own mailbox or provider saw, about a message or the last one to an address. Events of it are marked `reported`. Bounces, complaints and unsubscribes count in full; replies and deliveries reset counters for established accounts only, and never lower the risk score.',
        body,
        response: { 200: answerSchema },
      },
    },
    (request, reply) => report(request, reply, parts),
  );
}

async function report(
  request: FastifyRequest<{ Body: ReportBody }>,
  reply: FastifyReply,
  { store, problems, addressKey }: ReturnRoutes,
): Promise<FastifyReply> {
  const { kind, message_id: messageId = null, email, at, class: given } = request.body;
  const errors: Issue[] = [];
  const key = email === undefined ? null : addressKey(email);
  if (messageId === null && email === undefined) {
    errors.push(missing('message_id', 'A return is about a message or an address: name one.'));
  }
  if (email !== undefined && key === null) errors.push(invalid('email', 'It must be an e-mail address.'));
  const time = at === undefined ? null : parseTime(at);
  if (at !== undefined && time === null) errors.push(invalid('at', 'It must be a time as RFC 3339 has it.'));
  if (given !== undefined && kind !== 'bounce') errors.push(invalid('class', 'Only a bounce has a class.'));
  if (errors.length > 0) return problems.invalid(request, reply, errors);
  const { tenantNo, mode } = request.caller!.principal!;
  const answer = await store.reportReturn({
    tenantNo,
    mode,
    kind,
    messageId,
    email: key === null ? null : { key },
    at: time,
    class: given ?? 'unknown',
  });
  return answerReport(request, reply, problems, answer);
}

const missing = (param: string, message: string): Issue => ({ code: 'missing_parameter', param, message });
const invalid = (param: string, message: string): Issue => ({ code: 'invalid_parameter', param, message });

function answerReport(
  request: FastifyRequest<{ Body: ReportBody }>,
  reply: FastifyReply,
  problems: Problems,
  answer: ReturnAnswer,
): FastifyReply {
  const { kind, message_id: id, email } = request.body;
  switch (answer.outcome) {
    case 'not_found': {
      const { resource } = answer;
      const evidence = { resource, id: (resource === 'message' ? id : email) ?? null };
      return problems.refuse(request, reply, 'not_found', { evidence });
    }
    case 'ambiguous':
      return problems.invalid(request, reply, [missing('email', 'The message has several recipients: name the one.')]);
    case 'impossible_time':
      return problems.invalid(request, reply, [invalid('at', 'It must lie between the message and now.')]);
    case 'conflict': {
      const evidence = { resource: 'message', id: id ?? null, state: answer.state, action: `report of a ${kind}` };
      return problems.refuse(request, reply, 'state_conflict', { evidence });
    }
    case 'applied':
    case 'known':
      return reply.send({
        applied: answer.outcome === 'applied',
        kind,
        message_id: answer.messageId,
        recipient_id: answer.recipientId,
        email: answer.email,
        status: answer.status,
        event: answer.event,
        suppression: answer.suppression,
      });
  }
}
