/**
 * Suppressions: addresses and domains that get nothing. Software may add them; a person lifts them, some the operator alone.
 *
 * Answers show the key of an address, not its first spelling: that is what is compared. Files are
 * suppression-csv.ts.
 */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { readDomain } from '../base/domain.ts';
import type { Issue } from '../core/explain.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { AddedSuppression } from '../data/port/contacts.ts';
import type { SuppressionRow } from '../data/store.ts';
import { SUPPRESSION_REASONS, type SuppressionFact, type SuppressionReason } from '../policy/suppression.ts';
import { actorOf, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readEmail } from './emails.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, NOTE, orNull, pageBody, pagingOf, TIME, timeOrNull } from './shapes.ts';

const REASON = Type.Enum([...SUPPRESSION_REASONS], { description: 'Why nothing is sent there.' });
const EMAIL = Type.String({ maxLength: 254, description: 'A bare address.' });
const DOMAIN = Type.String({ maxLength: 253, description: 'A domain: all its addresses.' });
const CREATE = Type.Object(
  {
    email: Type.Optional(EMAIL),
    domain: Type.Optional(DOMAIN),
    reason: REASON,
    expires_at: Type.Optional(orNull(TIME, { description: 'When it ends by itself; null: never.' })),
    note: Type.Optional(orNull(NOTE)),
  },
  CLOSED,
);

const SUPPRESSION = Type.Object({
  id: Type.String(),
  email: orNull(Type.String(), { description: 'The key of the address: in lower case and normal form.' }),
  domain: orNull(Type.String()),
  hash: orNull(Type.String(), { description: 'Of the address of a person who was erased; null for all others.' }),
  reason: Type.String(),
  since: Type.String(),
  expires_at: orNull(Type.String()),
  note: orNull(Type.String()),
  source: Type.String({ description: 'What added it.' }),
});

/** An address has an "@", and a hash has none. */
export function isHash({ kind, key }: SuppressionRow): boolean {
  return kind === 'address' && !key.includes('@');
}

export function suppressionBody(row: SuppressionRow): Static<typeof SUPPRESSION> {
  return {
    id: row.id,
    email: row.kind === 'address' && !isHash(row) ? row.key : null,
    domain: row.kind === 'domain' ? row.key : null,
    hash: isHash(row) ? row.key : null,
    reason: row.reason,
    since: formatTime(row.since),
    expires_at: timeOrNull(row.expiresAt),
    note: row.note,
    source: row.source,
  };
}

/** One that is in force for an address, as contacts show it. */
export const IN_FORCE = Type.Object({
  id: Type.String(),
  reason: Type.String(),
  matched: Type.String({ description: '`address` or `domain`.' }),
  since: Type.String(),
  expires_at: orNull(Type.String()),
});

export function inForceBody(fact: SuppressionFact): Static<typeof IN_FORCE> {
  return {
    id: fact.id,
    reason: fact.reason,
    matched: fact.domain ? 'domain' : 'address',
    since: formatTime(fact.since),
    expires_at: timeOrNull(fact.expiresAt),
  };
}

const issue = (code: string, param: string, message: string): Issue => ({ code, param, message });

type Target = { kind: 'address' | 'domain'; key: string };

/** The one address or domain that is meant, or what is wrong with it. */
function readTarget(email: string | undefined, domain: string | undefined): Target | Issue {
  if (email !== undefined && domain !== undefined) {
    return issue('mutually_exclusive', 'domain', 'Give "email" or "domain", not both.');
  }
  if (email !== undefined) {
    const address = readEmail(email, 'email');
    return isIssue(address) ? address : { kind: 'address', key: address.key };
  }
  if (domain === undefined) return issue('missing_parameter', 'email', 'Give "email" or "domain".');
  const reading = readDomain(domain);
  return reading.ok ? { kind: 'domain', key: reading.domain } : issue('invalid_parameter', 'domain', reading.message);
}

function readSuppression(body: Static<typeof CREATE>): AddedSuppression | Issue[] {
  const target = readTarget(body.email, body.domain);
  const issues: Issue[] = isIssue(target) ? [target] : [];
  const expiresAt = body.expires_at == null ? null : parseTime(body.expires_at);
  if (body.expires_at != null && expiresAt === null) {
    issues.push(issue('invalid_parameter', 'expires_at', 'It must be a time as RFC 3339 has it.'));
  }
  if (isIssue(target) || issues.length > 0) return issues;
  return { ...target, reason: body.reason as SuppressionReason, expiresAt, note: body.note ?? null };
}

const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const LIFTING = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));
const TAGS = ['Suppressions'];

export function suppressionRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.post(
    '/v1/suppressions',
    {
      config: { scopes: ['manage', 'approve'] },
      schema: {
        summary: 'Suppress an address or a domain',
        description: 'Adding one again (200) may put its end off, never forward.',
        tags: TAGS,
        body: CREATE,
        response: { 200: SUPPRESSION, 201: SUPPRESSION },
      },
    },
    async (request, reply) => {
      const suppression = readSuppression(request.body as Static<typeof CREATE>);
      if (Array.isArray(suppression)) return problems.invalid(request, reply, suppression);
      const { tenantNo, mode } = principalOf(request);
      const added = await store.suppress({ tenantNo, mode, suppression, actor: actorOf(request) });
      return reply.code(added.created ? 201 : 200).send(suppressionBody(added.suppression));
    },
  );

  const KIND = Type.Enum(['address', 'domain'], { description: 'Only those of addresses, or of whole domains.' });
  const filters = {
    email: Type.Optional(EMAIL),
    domain: Type.Optional(DOMAIN),
    reason: Type.Optional(REASON),
    kind: Type.Optional(KIND),
  };
  server.get(
    '/v1/suppressions',
    {
      ...READING,
      schema: {
        summary: 'List suppressions, newest first',
        tags: TAGS,
        querystring: listQuery(filters),
        response: { 200: listOf(SUPPRESSION, 'Suppressions') },
      },
    },
    async (request, reply) => {
      const { email, domain, reason, kind } = request.query as {
        email?: string;
        domain?: string;
        reason?: SuppressionReason;
        kind?: 'address' | 'domain';
      };
      const isNarrowed = email !== undefined || domain !== undefined;
      const target = isNarrowed ? readTarget(email, domain) : { kind: kind ?? null, key: null };
      if (isIssue(target)) return problems.invalid(request, reply, [target]);
      const { tenantNo, mode } = principalOf(request);
      const filter = { ...target, reason: reason ?? null };
      return pageBody(await store.suppressions({ ...pagingOf(request), tenantNo, mode, ...filter }), suppressionBody);
    },
  );

  const CHECK_QUERY = Type.Object({ email: EMAIL }, CLOSED);
  const CHECK = Type.Object({
    email: Type.String(),
    suppressed: Type.Boolean(),
    do_not_contact: Type.Boolean(),
    suppressions: Type.Array(IN_FORCE),
  });
  server.get(
    '/v1/suppressions/check',
    {
      config: { scopes: ['read', 'send', 'manage', 'approve'] },
      schema: {
        summary: 'Whether an address is suppressed now, by itself or with its domain',
        tags: TAGS,
        querystring: CHECK_QUERY,
        response: { 200: CHECK },
      },
    },
    async (request, reply) => {
      const { email } = request.query as Static<typeof CHECK_QUERY>;
      const address = readEmail(email, 'email');
      if (isIssue(address)) return problems.invalid(request, reply, [address]);
      const { tenantNo, mode } = principalOf(request);
      const { suppressions, doNotContact, key } = await store.contact({
        tenantNo,
        mode,
        key: address.key,
        domain: address.domain,
      });
      return {
        email: key,
        suppressed: suppressions.length > 0,
        do_not_contact: doNotContact !== null,
        suppressions: suppressions.map(inForceBody),
      };
    },
  );

  server.get(
    '/v1/suppressions/:id',
    {
      ...READING,
      schema: { summary: 'Look at a suppression', tags: TAGS, params: ID_PARAMS, response: { 200: SUPPRESSION } },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const row = await store.suppression({ tenantNo, mode, id });
      return row === null ? notFound(request, reply, problems, 'suppression', id) : suppressionBody(row);
    },
  );

  server.delete(
    '/v1/suppressions/:id',
    {
      config: { scopes: ['manage', 'approve'] },
      schema: {
        summary: 'Lift a suppression',
        description:
          'Needs a key with `approve` and a note, in the body or the query; `complaint` and `legal_request` need the operator.',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: Type.Object({ note: Type.Optional(NOTE) }, CLOSED),
        body: LIFTING,
        response: { 200: SUPPRESSION },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const inBody = (request.body as Static<typeof LIFTING> | undefined)?.note;
      const note = inBody ?? (request.query as { note?: string }).note ?? null;
      const { tenantNo, mode } = principalOf(request);
      const lifted = await store.liftSuppression({ tenantNo, mode, id, note, actor: actorOf(request) });
      if (lifted.outcome === 'lifted') return suppressionBody(lifted.suppression);
      return lifted.outcome === 'missing'
        ? notFound(request, reply, problems, 'suppression', id)
        : refuseLoosening(request, reply, problems, lifted, 'suppression.remove');
    },
  );
}
