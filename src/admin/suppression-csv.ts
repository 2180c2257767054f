/** Suppressions by the file: import of Postern's own CSV form and those of the big providers, and export. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import { formatTime } from '../core/time.ts';
import type { Space, Store, SuppressionRow } from '../data/store.ts';
import { SUPPRESSION_REASONS, type SuppressionReason } from '../policy/suppression.ts';
import { actorOf, invalid, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, orNull } from './shapes.ts';
import { type FileEnd, MOST_FILE_BYTES, readSuppressionFile } from './suppression-file.ts';
import { FORMS } from './suppression-forms.ts';
import { isHash } from './suppressions.ts';

const REASON = Type.Enum([...SUPPRESSION_REASONS]);
const IMPORT_QUERY = Type.Object(
  {
    dry_run: Type.Optional(
      Type.Enum(['true', 'false'], { description: 'Says what would change, and changes nothing.' }),
    ),
    reason: Type.Optional(Type.Enum([...SUPPRESSION_REASONS], { description: 'Of lines that name none.' })),
  },
  CLOSED,
);
const REPORT = Type.Object({
  id: Type.String({ description: 'Names the import in the audit log.' }),
  dry_run: Type.Boolean(),
  form: Type.Enum([...FORMS], { description: 'Whose form the file has; `list`: an address a line.' }),
  lines: Type.Integer({ description: 'Lines with something in them, without the header.' }),
  created: Type.Integer(),
  extended: Type.Integer({ description: 'There already, and ending later now.' }),
  unchanged: Type.Integer(),
  skipped: Type.Integer({ description: 'Ended already, or a bounce for a cause that passes.' }),
  invalid: Type.Integer(),
  errors: Type.Array(Type.Object({ line: Type.Integer(), column: orNull(Type.String()), message: Type.String() }), {
    description: 'What is wrong with which line; the first thousand.',
  }),
});
const EXPORT_QUERY = Type.Object({ reason: Type.Optional(REASON) }, CLOSED);
const TAGS = ['Suppressions'];
const CSV_TYPES = ['text/csv', 'application/csv', 'text/plain'];

export function suppressionCsvRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  // In a context of its own, since here a body is read while it arrives.
  server.register(async (own) => {
    own.removeAllContentTypeParsers();
    own.addContentTypeParser(CSV_TYPES, (_request, payload, done) => done(null, payload));
    own.post(
      '/v1/suppressions/import',
      {
        config: { scopes: ['manage', 'approve'] },
        bodyLimit: MOST_FILE_BYTES,
        schema: {
          summary: 'Import suppressions from CSV',
          description:
            'Postern’s own form (`email` or `domain`, `reason`, `expires_at`, `note`), and the exports of SendGrid, Mailgun, Postmark, SES and Mailchimp, known by their columns; or an address a line. Up to 25 MB. A bad line is reported with its number and harms no other. An import adds suppressions and puts ends off; it lifts nothing and ends nothing earlier.',
          tags: TAGS,
          consumes: CSV_TYPES,
          querystring: IMPORT_QUERY,
          response: { 200: REPORT },
        },
      },
      async (request, reply) => {
        const query = request.query as Static<typeof IMPORT_QUERY>;
        const given = Number(request.headers['content-length'] ?? 0);
        if (given > MOST_FILE_BYTES || request.body === undefined) {
          return given > MOST_FILE_BYTES
            ? problems.refuse(request, reply, 'payload_too_large', { evidence: { limit_bytes: MOST_FILE_BYTES } })
            : invalid(request, reply, problems, '', 'The body is the file, and there is none.');
        }
        const id = newId('imp');
        const isDryRun = query.dry_run === 'true';
        const end = await takeFile(store, request, {
          id,
          isDryRun,
          reason: (query.reason ?? null) as SuppressionReason | null,
        });
        if (end.outcome === 'read') return reply.send({ id, dry_run: isDryRun, ...end.report });
        return refuseFile(request, reply, problems, end);
      },
    );
  });

  server.get(
    '/v1/suppressions/export',
    {
      config: { scopes: ['read', 'manage', 'approve'] },
      schema: {
        summary: 'Export suppressions as CSV',
        description:
          'Newest first, in the form that the import reads; hashes of people who were erased are left out. A cell that a spreadsheet would run begins with an apostrophe, which the import takes off.',
        tags: TAGS,
        produces: ['text/csv'],
        querystring: EXPORT_QUERY,
        response: { 200: { description: 'CSV', content: { 'text/csv': { schema: Type.String() } } } },
      },
    },
    (request, reply) => {
      const { tenantNo, mode } = principalOf(request);
      const { reason } = request.query as { reason?: SuppressionReason };
      const lines = csvLines(store, { tenantNo, mode }, reason ?? null);
      reply.header('Content-Disposition', `attachment; filename="suppressions-${mode}.csv"`);
      return reply.type('text/csv; charset=utf-8').send(Readable.from(lines));
    },
  );
}

async function takeFile(
  store: Store,
  request: FastifyRequest,
  how: { id: string; isDryRun: boolean; reason: SuppressionReason | null },
): Promise<FileEnd> {
  const principal = principalOf(request);
  const { tenantNo, mode } = principal;
  const actor = actorOf(request);
  const { now } = await store.headroom({ principal, identity: null, recipient: null });
  let audit: number | null = null;
  return readSuppressionFile({
    body: request.body as AsyncIterable<Uint8Array>,
    reason: how.reason,
    now,
    async put(suppressions, form) {
      const { id, isDryRun } = how;
      const put = await store.importSuppressions({ tenantNo, mode, id, form, suppressions, isDryRun, audit, actor });
      audit = put.audit;
      return put;
    },
  });
}

function refuseFile(
  request: FastifyRequest,
  reply: FastifyReply,
  problems: AdminDeps['problems'],
  end: Exclude<FileEnd, { outcome: 'read' }>,
): FastifyReply {
  if (end.outcome === 'too_large') {
    reply.header('Connection', 'close');
    const stored = end.report === null ? 0 : end.report.created + end.report.extended;
    const detail = `A file may have ${MOST_FILE_BYTES} bytes. What came before that is stored: ${stored} suppressions.`;
    return problems.refuse(request, reply, 'payload_too_large', { detail, evidence: { limit_bytes: MOST_FILE_BYTES } });
  }
  if (end.outcome === 'empty') return invalid(request, reply, problems, '', 'The file is empty.');
  if (end.outcome === 'reason_needed') {
    const message = 'This file does not say why its addresses are suppressed: name the reason in the query.';
    return problems.invalid(request, reply, [{ code: 'missing_parameter', param: 'reason', message }]);
  }
  const columns = end.header.slice(0, 20).map((name) => name.slice(0, 40));
  const message = `No form with these columns is known: ${columns.join(', ')}. Postern’s own has "email" or "domain", "reason", "expires_at", "note".`;
  return invalid(request, reply, problems, 'header', message);
}

const HEADER = ['email', 'domain', 'reason', 'since', 'expires_at', 'note', 'source', 'id'];
const ROWS_AT_ONCE = 500;

async function* csvLines(store: Store, space: Space, reason: SuppressionReason | null): AsyncGenerator<string> {
  yield csvLine(HEADER);
  for (let cursor: string | null = null; ; ) {
    const filter = { kind: null, key: null, reason };
    const page = await store.suppressions({ ...space, ...filter, limit: ROWS_AT_ONCE, cursor });
    if (page.rows.length > 0) yield page.rows.flatMap((row) => (isHash(row) ? [] : csvLine(cellsOf(row)))).join('');
    if (page.next === null) return;
    cursor = page.next;
  }
}

function cellsOf(row: SuppressionRow): string[] {
  const [email, domain] = row.kind === 'address' ? [row.key, ''] : ['', row.key];
  const expiresAt = row.expiresAt === null ? '' : formatTime(row.expiresAt);
  return [email, domain, row.reason, formatTime(row.since), expiresAt, row.note ?? '', row.source, row.id];
}

function csvLine(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** RFC 4180 §2, with an apostrophe before what a spreadsheet would take for a formula. */
function csvCell(cell: string): string {
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
