/**
 * `/v1/webhooks`: endpoints as people manage them.
 *
 * What holds: a URL is looked up before it is stored, and one that may not be reached is refused with the reason; a secret is shown when
 * it is made and never again; every change is in the audit log. A change takes effect with the next attempt.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { newHookSecret } from '../base/hook-signature.ts';
import { newId } from '../base/ids.ts';
import type { Secrets } from '../base/secrets.ts';
import { EVENT_TYPES } from '../core/events.ts';
import type { Issue } from '../core/explain.ts';
import type { WebhookChange, WebhookRow } from '../data/port/webhooks.ts';
import type { Space, Store } from '../data/store.ts';
import { actorOf } from '../http/actor.ts';
import { PAGE_QUERY, type PageQuery, pageOf, pageSchema } from '../http/page-query.ts';
import type { Problems } from '../http/problems.ts';
import { type Addresses, readUrl } from './address.ts';
import { Link, type LinkOptions } from './deliver.ts';
import { openSecretsOf, postEvent } from './outbox.ts';
import { attemptOf } from './run.ts';
import { CHANGE, CREATE, DELIVERY, deliveryBody, ID_PARAMS, MADE, TESTED, WEBHOOK, webhookBody } from './schemas.ts';

const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const TAGS = ['Webhooks'];
const OVERLAP_MS = 24 * 3_600_000;
const CLOSED = { additionalProperties: false };

export type WebhookParts = {
  store: Store;
  problems: Problems;
  secrets: Secrets;
  addresses: Addresses;
  /** Who delivers is told of a change; does nothing where nobody delivers here. */
  watch: (id: string, space: Space) => void;
  /** For tests. */
  link?: LinkOptions;
};

type Call = FastifyRequest<{ Params: { id: string } }>;

export function webhookRoutes(server: FastifyInstance, parts: WebhookParts): void {
  listRoutes(server, parts);
  createRoute(server, parts);
  changeRoutes(server, parts);
  stateRoutes(server, parts);
  secretRoute(server, parts);
  replayRoute(server, parts);
  testRoute(server, parts);
}

function spaceOf(request: FastifyRequest): Space {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode };
}

function notFound(request: Call, reply: FastifyReply, { problems }: WebhookParts): FastifyReply {
  const evidence = { resource: 'webhook', id: request.params.id.slice(0, 100) };
  return problems.refuse(request, reply, 'not_found', { evidence });
}

const bodyOf = (row: WebhookRow): Static<typeof WEBHOOK> => webhookBody(row, Date.now());

function listRoutes(server: FastifyInstance, parts: WebhookParts): void {
  const { store } = parts;
  server.get<{ Querystring: PageQuery }>(
    '/v1/webhooks',
    {
      ...READING,
      schema: {
        summary: 'List webhooks, newest first',
        tags: TAGS,
        querystring: Type.Object(PAGE_QUERY, CLOSED),
        response: { 200: pageSchema('WebhookList', WEBHOOK) },
      },
    },
    async (request) => {
      const page = await store.webhooks({ ...spaceOf(request), ...pageOf(request.query) });
      return { data: page.rows.map(bodyOf), next_cursor: page.next };
    },
  );

  server.get<{ Params: { id: string } }>(
    '/v1/webhooks/:id',
    { ...READING, schema: { summary: 'Look at a webhook', tags: TAGS, params: ID_PARAMS, response: { 200: WEBHOOK } } },
    async (request, reply) => {
      const row = await store.webhook({ ...spaceOf(request), id: request.params.id });
      return row === null ? notFound(request, reply, parts) : bodyOf(row);
    },
  );

  const outcome = Type.Optional(
    Type.String({ pattern: '^(delivered|failed)$', description: 'Only those: `delivered` or `failed`.' }),
  );
  server.get<{ Params: { id: string }; Querystring: PageQuery & { outcome?: 'delivered' | 'failed' } }>(
    '/v1/webhooks/:id/deliveries',
    {
      ...READING,
      schema: {
        summary: 'The log of attempts, newest first',
        description:
          'The last 200 that were delivered and the last 200 that failed, each with the beginning of its answer.',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: Type.Object({ ...PAGE_QUERY, outcome }, CLOSED),
        response: { 200: pageSchema('WebhookDeliveryList', DELIVERY) },
      },
    },
    async (request, reply) => {
      const { outcome: wanted, ...paging } = request.query;
      const isDelivered = wanted === undefined ? null : wanted === 'delivered';
      const named = { ...spaceOf(request), id: request.params.id };
      const page = await store.webhookAttempts({ ...named, ...pageOf(paging), isDelivered });
      if (page === null) return notFound(request, reply, parts);
      return { data: page.rows.map(deliveryBody), next_cursor: page.next };
    },
  );
}

function createRoute(server: FastifyInstance, parts: WebhookParts): void {
  const { store, problems, secrets } = parts;
  server.post<{ Body: Static<typeof CREATE> }>(
    '/v1/webhooks',
    {
      ...CHANGING,
      schema: {
        summary: 'Make a webhook',
        description:
          'It is told of every event from now on. The address must resolve, and to public addresses alone. The secret is shown this once.',
        tags: TAGS,
        body: CREATE,
        response: { 201: MADE },
      },
    },
    async (request, reply) => {
      const { types = [], signature = 'standard', concurrency = 1, description = null } = request.body;
      const read = await readChange(request.body, parts);
      if (read.issues.length > 0) return problems.invalid(request, reply, read.issues);
      const id = newId('whk');
      const secret = newHookSecret();
      const sealed = secrets.seal(Buffer.from(secret), `webhook/${id}`);
      const made = await store.createWebhook({
        ...spaceOf(request),
        ...{ id, url: read.change.url!, types, signature, concurrency, description, sealed },
        actor: actorOf(request),
      });
      if (made.outcome === 'full') {
        const evidence = { resource: 'webhook', id, state: 'full', action: 'webhook.create' };
        const detail = 'There are as many webhooks as there may be.';
        return problems.refuse(request, reply, 'state_conflict', { evidence, detail });
      }
      parts.watch(id, spaceOf(request));
      return reply.code(201).send({ ...bodyOf(made.webhook), secret });
    },
  );
}

/** What the body asks for, its address looked up, or what is wrong with it. */
async function readChange(
  body: Static<typeof CHANGE>,
  { addresses }: Pick<WebhookParts, 'addresses'>,
): Promise<{ change: WebhookChange; issues: Issue[] }> {
  const issues: Issue[] = [];
  const { url: text, ...change } = body;
  const unknown = change.types?.find((name) => !isKnownType(name));
  if (unknown !== undefined) {
    const message = `"${unknown}" is no type of event.`;
    issues.push({ code: 'invalid_parameter', param: `types[${change.types!.indexOf(unknown)}]`, message });
  }
  if (text === undefined) return { change, issues };
  const url = readUrl(text);
  const wrong = url instanceof URL ? await unreachable(url, addresses) : url.wrong;
  if (wrong === null) return { change: { ...change, url: (url as URL).href }, issues };
  issues.push({ code: 'invalid_parameter', param: 'url', message: wrong });
  return { change, issues };
}

function isKnownType(name: string): boolean {
  return EVENT_TYPES.some((type) => (name.endsWith('*') ? type.startsWith(name.slice(0, -1)) : type === name));
}

async function unreachable(url: URL, addresses: Addresses): Promise<string | null> {
  const found = await addresses.reach(url);
  if (found.outcome === 'ok') return null;
  if (found.outcome === 'failed') return `Its host cannot be looked up now: ${found.why}.`;
  return `It may not be called: ${found.why}.`;
}

function changeRoutes(server: FastifyInstance, parts: WebhookParts): void {
  const { store, problems } = parts;
  server.patch<{ Params: { id: string }; Body: Static<typeof CHANGE> }>(
    '/v1/webhooks/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Change a webhook',
        description: 'A paused one stays paused. Events that waited go to the new address.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: WEBHOOK },
      },
    },
    async (request, reply) => {
      const named = { ...spaceOf(request), id: request.params.id };
      if ((await store.webhook(named)) === null) return notFound(request, reply, parts);
      const read = await readChange(request.body, parts);
      if (read.issues.length > 0) return problems.invalid(request, reply, read.issues);
      const row = await store.changeWebhook({ ...named, change: read.change, actor: actorOf(request) });
      return changed(request, reply, parts, row);
    },
  );

  server.delete<{ Params: { id: string } }>(
    '/v1/webhooks/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove a webhook',
        description: 'It is told of nothing more, and its log of attempts is gone.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: WEBHOOK },
      },
    },
    async (request, reply) => {
      const named = { ...spaceOf(request), id: request.params.id };
      return changed(request, reply, parts, await store.deleteWebhook({ ...named, actor: actorOf(request) }));
    },
  );
}

function changed(request: Call, reply: FastifyReply, parts: WebhookParts, row: WebhookRow | null) {
  if (row === null) return notFound(request, reply, parts);
  parts.watch(row.id, spaceOf(request));
  return bodyOf(row);
}

function stateRoutes(server: FastifyInstance, parts: WebhookParts): void {
  const { store } = parts;
  const schema = (summary: string, description: string) => ({
    ...{ summary, description, tags: TAGS, params: ID_PARAMS },
    response: { 200: WEBHOOK },
  });
  server.post<{ Params: { id: string } }>(
    '/v1/webhooks/:id/enable',
    {
      ...CHANGING,
      schema: schema('Enable a webhook', 'It goes on from the first event that was not delivered; nothing is skipped.'),
    },
    async (request, reply) => {
      const named = { ...spaceOf(request), id: request.params.id };
      return changed(request, reply, parts, await store.enableWebhook({ ...named, actor: actorOf(request) }));
    },
  );
  server.post<{ Params: { id: string } }>(
    '/v1/webhooks/:id/disable',
    { ...CHANGING, schema: schema('Pause a webhook', 'Until it is enabled. Events wait in the log meanwhile.') },
    async (request, reply) => {
      const named = { ...spaceOf(request), id: request.params.id };
      return changed(request, reply, parts, await store.disableWebhook({ ...named, actor: actorOf(request) }));
    },
  );
}

function secretRoute(server: FastifyInstance, parts: WebhookParts): void {
  const { store, secrets } = parts;
  server.post<{ Params: { id: string } }>(
    '/v1/webhooks/:id/rotate-secret',
    {
      ...CHANGING,
      schema: {
        summary: 'Exchange the secret',
        description:
          'The new one is shown this once. For 24 hours (`old_secret_until`) events signed as `standard` carry a signature by each of the two; the other styles know one signature, and change at once.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: MADE },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const secret = newHookSecret();
      const sealed = secrets.seal(Buffer.from(secret), `webhook/${id}`);
      const until = Date.now() + OVERLAP_MS;
      const named = { ...spaceOf(request), id };
      const row = await store.rotateWebhookSecret({ ...named, sealed, until, actor: actorOf(request) });
      if (row === null) return notFound(request, reply, parts);
      parts.watch(id, spaceOf(request));
      return { ...bodyOf(row), secret };
    },
  );
}

function replayRoute(server: FastifyInstance, parts: WebhookParts): void {
  const { store, problems } = parts;
  const from = Type.String({
    pattern: '^[1-9][0-9]{0,14}$',
    description: 'The number of the first event to deliver again.',
    examples: ['918'],
  });
  server.post<{ Params: { id: string }; Querystring: { from_seq: string } }>(
    '/v1/webhooks/:id/replay',
    {
      ...CHANGING,
      schema: {
        summary: 'Deliver events again',
        description:
          'All from this number on, in order, under their old ids. Older than retention: `cursor_expired`, with the oldest number.',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: Type.Object({ from_seq: from }, CLOSED),
        response: { 200: WEBHOOK },
      },
    },
    async (request, reply) => {
      const fromSeq = Number(request.query.from_seq);
      const named = { ...spaceOf(request), id: request.params.id };
      const done = await store.replayWebhook({ ...named, fromSeq, actor: actorOf(request) });
      if (done === null) return notFound(request, reply, parts);
      if (done.outcome === 'done') return changed(request, reply, parts, done.webhook);
      if (done.outcome === 'ahead') {
        const message = `The newest event has the number ${done.newestSeq}.`;
        return problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'from_seq', message }]);
      }
      const evidence = { after_seq: fromSeq - 1, oldest_seq: done.oldestSeq, oldest_at: done.oldestAt };
      return problems.refuse(request, reply, 'cursor_expired', { param: 'from_seq', evidence });
    },
  );
}

function testRoute(server: FastifyInstance, parts: WebhookParts): void {
  const { store, problems, secrets, addresses } = parts;
  const underWay = new Set<string>();
  server.post<{ Params: { id: string } }>(
    '/v1/webhooks/:id/test',
    {
      ...CHANGING,
      schema: {
        summary: 'Send a test event',
        description:
          'Puts `webhook.test` into the log and sends it at once, ahead of what waits, also where the webhook is paused: one attempt, on which nothing else depends.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: TESTED },
      },
    },
    async (request, reply) => {
      const named = { ...spaceOf(request), id: request.params.id };
      if (underWay.has(named.id)) {
        const evidence = { resource: 'webhook', id: named.id, state: 'being tested', action: 'webhook.test' };
        const detail = 'A test of this webhook is under way.';
        return problems.refuse(request, reply, 'state_conflict', { evidence, detail });
      }
      underWay.add(named.id);
      try {
        const begun = await store.beginWebhookTest({ ...named, actor: actorOf(request) });
        if (begun === null) return notFound(request, reply, parts);
        const { target, event } = begun;
        const link = new Link(new URL(target.url), addresses, parts.link);
        const at = Date.now();
        const textsIn = (locale: string) => problems.textsIn(locale);
        const answered = await postEvent(link, target, openSecretsOf(secrets, target), event, 1, textsIn).finally(() =>
          link.close(),
        );
        const attempt = attemptOf(event, answered, { kind: 'test', attempt: 1, at, nextAttemptAt: null });
        await store.noteWebhookTest({ no: target.no, attempt });
        const { failure, status, error, durationMs } = answered;
        return { ok: failure === null, status, error, duration_ms: durationMs, event_id: event.id, seq: event.seq };
      } finally {
        underWay.delete(named.id);
      }
    },
  );
}
