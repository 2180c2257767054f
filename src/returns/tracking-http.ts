/**
 * Where pictures and links of mail lead whose opening and clicks are counted (`tracking` of the policy), and what was counted.
 *
 * What holds: a link leads only to the address that stood in the mail, since that is signed with the recipient; a token that we did not
 * make counts nothing and leads nowhere. No cookies are set, nothing is stored of whoever came but whether it was a machine.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { encodeTypeId } from '../base/ids.ts';
import type { Tokens } from '../base/tokens.ts';
import { formatTime } from '../core/time.ts';
import type { EngagementRow } from '../data/port/engagement.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { idText, timeOrNull } from '../http/schemas.ts';
import { agents, judgeVisitor } from './agents.ts';
import type { EngagementNotes } from './engagement-notes.ts';

export type TrackingParts = {
  store: Pick<Store, 'engagement'>;
  problems: Problems;
  tokens: Tokens;
  notes: EngagementNotes;
};

/** One transparent pixel (GIF89a). */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

const HEADERS = {
  'Cache-Control': 'no-store, private, max-age=0',
  'X-Robots-Tag': 'noindex, nofollow',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'cross-origin',
};

const counts = Type.Object({
  people: Type.Integer(),
  machines: Type.Integer({ description: 'Scanners, previews, prefetching.' }),
  first_at: timeOrNull('When a person first did.'),
});

const answer = Type.Object({
  data: Type.Array(
    Type.Object({
      recipient_id: idText('rcp'),
      email: Type.String(),
      opened: counts,
      clicked: counts,
      last_at: Type.String({ format: 'date-time' }),
    }),
    { description: 'Recipients of whom anything was seen. Counting stops at 1,000.' },
  ),
});

type One = { Params: { token: string } };

export function trackingRoutes(server: FastifyInstance, parts: TrackingParts): void {
  const { store, problems, tokens, notes } = parts;
  const schema = { hide: true };

  server.route<One>({
    method: ['GET', 'HEAD'],
    url: '/t/o/:token',
    schema,
    handler: async (request, reply) => {
      const named = tokens.parseOpen(request.params.token.replace(/\.gif$/i, ''));
      if (named !== null) {
        const recipientId = encodeTypeId('rcp', named.recipientId);
        notes.note({ ...seenBy(request), tenantNo: named.tenant, recipientId, kind: 'opened', url: null });
      }
      return reply
        .code(named === null ? 404 : 200)
        .headers(HEADERS)
        .type('image/gif')
        .send(PIXEL);
    },
  });

  server.route<One>({
    method: ['GET', 'HEAD'],
    url: '/t/c/:token',
    schema,
    handler: async (request, reply) => {
      const named = tokens.parseClick(request.params.token);
      if (named === null) return nowhere(reply);
      const recipientId = encodeTypeId('rcp', named.recipientId);
      notes.note({ ...seenBy(request), tenantNo: named.tenant, recipientId, kind: 'clicked', url: named.url });
      return reply.code(302).headers(HEADERS).header('Location', new URL(named.url).href).send();
    },
  });

  server.get<{ Params: { id: string } }>(
    '/v1/messages/:id/engagement',
    {
      config: { scopes: ['read', 'manage', 'send'] },
      schema: {
        tags: ['Messages'],
        summary: 'See who opened a message and followed its links',
        description:
          'Empty where the policy counts neither (`tracking`). Machines are told apart by who they say they are, how soon and how fast they come; what is left may still be one.',
        params: Type.Object({ id: Type.String({ maxLength: 100 }) }),
        response: { 200: answer },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { tenantNo, mode } = request.caller!.principal!;
      const rows = await store.engagement({ tenantNo, mode, messageId: id });
      if (rows !== null) return { data: rows.map(bodyOf) };
      return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'message', id } });
    },
  );
}

function seenBy(request: FastifyRequest): { machine: string | null; proxy: string | null } {
  const header = (name: string): string | null => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : null;
  };
  const purposes = ['purpose', 'x-purpose', 'sec-purpose', 'x-moz'].flatMap((name) => header(name) ?? []);
  const visit = {
    method: request.method,
    userAgent: header('user-agent'),
    purpose: purposes.length === 0 ? null : purposes.join(' '),
  };
  const { isMachine, why } = judgeVisitor(visit, agents());
  return { machine: isMachine ? why : null, proxy: isMachine ? null : why };
}

function nowhere(reply: FastifyReply): FastifyReply {
  return reply
    .code(404)
    .headers(HEADERS)
    .type('text/plain; charset=utf-8')
    .send('This link is not valid. It may have been cut off on the way: open it once more from the message itself.\n');
}

function bodyOf(row: EngagementRow): object {
  const at = (ms: number | null): string | null => (ms === null ? null : formatTime(ms));
  return {
    recipient_id: row.recipientId,
    email: row.email,
    opened: { people: row.opened, machines: row.openedByMachines, first_at: at(row.firstOpenedAt) },
    clicked: { people: row.clicked, machines: row.clickedByMachines, first_at: at(row.firstClickedAt) },
    last_at: formatTime(row.lastAt),
  };
}
