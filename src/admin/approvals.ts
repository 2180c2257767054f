/**
 * Approvals: messages that wait for a person, each with exactly the envelope and content to judge. A key with `approve` that belongs
 * to no agent decides; whatever changes the message makes the approval void, and a new one is asked for.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { readContentText } from '../core/content-text.ts';
import type { Address, Submission } from '../core/message.ts';
import { formatTime } from '../core/time.ts';
import { APPROVAL_STATES, type ApprovalRow, type ApprovalState, type WholeApproval } from '../data/port/approvals.ts';
import { actorOf, conflict, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, NOTE, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';

const ADDRESS = Type.Object({ email: Type.String(), name: orNull(Type.String()) });

const APPROVAL = Type.Object({
  id: Type.String(),
  message_id: Type.String(),
  state: Type.Enum([...APPROVAL_STATES], {
    description: '`void`: the message was changed and a new approval asked for; `cancelled`: nothing waits any more.',
  }),
  reasons: Type.Array(Type.String(), { description: 'Why it was asked for: codes of reasons.' }),
  hash: Type.String({ description: 'SHA-256 over envelope and content: what exactly is decided on.' }),
  requested_at: Type.String(),
  expires_at: Type.String({ description: 'Without a decision the message is rejected then.' }),
  decided_at: orNull(Type.String()),
  decided_by: orNull(Type.String({ description: 'The name of the key.' })),
  note: orNull(Type.String()),
  subject: Type.String(),
  from: ADDRESS,
  agent: orNull(Type.String()),
  recipients: Type.Array(Type.Object({ email: Type.String(), kind: Type.Enum(['to', 'cc', 'bcc']) })),
});

const ATTACHMENT = Type.Object({
  filename: Type.String(),
  content_type: Type.String(),
  size: Type.Integer(),
  sha256: Type.String(),
});

const WHOLE = Type.Object({
  ...APPROVAL.properties,
  message: Type.Object(
    {
      from: ADDRESS,
      to: Type.Array(ADDRESS),
      cc: Type.Array(ADDRESS),
      bcc: Type.Array(ADDRESS),
      reply_to: Type.Array(ADDRESS),
      headers: Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' } }),
      subject: Type.String(),
      text: orNull(Type.String()),
      html: orNull(Type.String()),
      attachments: Type.Array(ATTACHMENT),
      kind: Type.String(),
      identity: orNull(Type.String()),
      purpose: orNull(Type.String()),
      send_at: orNull(Type.String()),
      content_stored: Type.Boolean({ description: 'Whether the content is still kept.' }),
    },
    { description: 'Exactly what would leave.' },
  ),
});

function approvalBody(row: ApprovalRow): Static<typeof APPROVAL> {
  return {
    id: row.id,
    message_id: row.messageId,
    state: row.state,
    reasons: row.reasons,
    hash: row.hash,
    requested_at: formatTime(row.requestedAt),
    expires_at: formatTime(row.expiresAt),
    decided_at: timeOrNull(row.decidedAt),
    decided_by: row.decidedBy,
    note: row.note,
    subject: row.subject,
    from: row.from,
    agent: row.agent,
    recipients: row.recipients,
  };
}

const shown = ({ email, name }: Pick<Address, 'email' | 'name'>): Static<typeof ADDRESS> => ({ email, name });

function wholeBody({ approval, message }: WholeApproval, content: Submission | null): Static<typeof WHOLE> {
  const ofKind = (kind: 'to' | 'cc' | 'bcc') => message.recipients.filter((one) => one.kind === kind).map(shown);
  return {
    ...approvalBody(approval),
    message: {
      from: shown(message.from),
      to: content?.to.map(shown) ?? ofKind('to'),
      cc: content?.cc.map(shown) ?? ofKind('cc'),
      bcc: content?.bcc.map(shown) ?? ofKind('bcc'),
      reply_to: content?.replyTo.map(shown) ?? [],
      headers: Object.fromEntries(content?.headers ?? []),
      subject: content?.subject || message.subject,
      text: content?.text ?? null,
      html: content?.html ?? null,
      attachments: (content?.attachments ?? []).map(({ filename, contentType, size, sha256 }) => ({
        filename,
        content_type: contentType,
        size,
        sha256,
      })),
      kind: message.kind,
      identity: message.identity,
      purpose: (message.meta['purpose'] as string | null | undefined) ?? null,
      send_at: timeOrNull(message.sendAt),
      content_stored: content !== null,
    },
  };
}

const FILTERS = { state: Type.Optional(Type.Enum([...APPROVAL_STATES])) };
const APPROVE = Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED);
const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
/** Any key may ask, so that the answer can say who may decide. */
const DECIDING = { config: { scopes: ['send', 'read', 'manage', 'approve'] } } as const;
const TAGS = ['Approvals'];

export function approvalRoutes(server: FastifyInstance, deps: AdminDeps): void {
  const { store, problems } = deps;
  server.get(
    '/v1/approvals',
    {
      ...READING,
      schema: {
        summary: 'List approvals, newest first',
        description: 'With `state=pending`: what waits for a person now.',
        tags: TAGS,
        querystring: listQuery(FILTERS),
        response: { 200: listOf(APPROVAL, 'Approvals') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      const { state } = request.query as { state?: ApprovalState };
      return pageBody(
        await store.approvals({ ...pagingOf(request), tenantNo, mode, state: state ?? null }),
        approvalBody,
      );
    },
  );

  server.get(
    '/v1/approvals/:id',
    {
      ...READING,
      schema: {
        summary: 'Look at an approval with the message to judge',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: WHOLE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const whole = await store.approval({ tenantNo, mode, id });
      if (whole === null) return notFound(request, reply, problems, 'approval', id);
      return wholeBody(whole, await contentOf(deps, whole));
    },
  );

  for (const decision of ['approve', 'reject'] as const) {
    server.post(
      `/v1/approvals/:id/${decision}`,
      {
        ...DECIDING,
        schema: {
          summary: decision === 'approve' ? 'Approve a message' : 'Reject a message',
          description:
            decision === 'approve'
              ? 'Needs a key with `approve` that belongs to no agent, and a note. The message is decided again in full: it leaves, takes the earliest free place, or is blocked where a rule is in the way now.'
              : 'Needs a key with `approve` that belongs to no agent. What waited is cancelled.',
          tags: TAGS,
          params: ID_PARAMS,
          body: orNull(APPROVE),
          response: { 200: APPROVAL },
        },
      },
      (request, reply) => decide(request, reply, deps, decision),
    );
  }
}

async function decide(
  request: FastifyRequest,
  reply: FastifyReply,
  { store, problems }: AdminDeps,
  decision: 'approve' | 'reject',
): Promise<unknown> {
  const { id } = request.params as Static<typeof ID_PARAMS>;
  const { tenantNo, mode } = principalOf(request);
  const note = (request.body as Static<typeof APPROVE> | null | undefined)?.note ?? null;
  const answer = await store.decideApproval({ tenantNo, mode, id, decision, note, actor: actorOf(request) });
  switch (answer.outcome) {
    case 'decided':
      return approvalBody(answer.approval);
    case 'missing':
      return notFound(request, reply, problems, 'approval', id);
    case 'conflict': {
      const evidence = { resource: 'approval', id, state: answer.state, action: decision };
      const changed = 'The message is not the one that this approval was asked for: a new one waits for a decision.';
      return conflict(request, reply, problems, evidence, answer.state === 'changed' ? changed : undefined);
    }
    case 'human_decision_required':
      return refuseLoosening(request, reply, problems, answer, `approval.${decision}`);
  }
}

/** The canonical submission as it is stored; null once it is gone. */
async function contentOf({ blobs }: AdminDeps, { content }: WholeApproval): Promise<Submission | null> {
  if (content === null) return null;
  const bytes = 'inline' in content ? content.inline : await blobs.get(content.blob);
  if (bytes === null) return null;
  return readContentText(Buffer.from(bytes).toString());
}
