/**
 * The event log as a stream (server-sent events, HTML Living Standard §9.2): each event as soon as it is stored, in order.
 *
 * What holds: a reader that falls behind has one page of events in memory and no more, and one that takes nothing for a minute is
 * cut off, to come again where it was; the key is looked at again with every heartbeat, so that a stream does not outlive it.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { EventType } from '../core/events.ts';
import type { ExplainOptions } from '../core/explain.ts';
import type { EventsPage } from '../data/port/events.ts';
import type { Space, Store } from '../data/store.ts';
import type { Authenticator } from '../http/authenticate.ts';
import type { EventBell, Waiter } from '../http/event-bell.ts';
import type { Problems } from '../http/problems.ts';
import { EVENTS_AT_ONCE, EventFeed } from './event-feed.ts';
import { readTypes, SEQ, TYPES } from './event-query.ts';

const HEARTBEAT_MS = 15_000;
const STALLED_MS = 60_000;
const MOST_OF_A_TENANT = 100;
const HELLO = 'retry: 3000\n\n';
const HEARTBEAT = ': still here\n\n';

const QUERY = Type.Object(
  { after_seq: Type.Optional(SEQ), types: Type.Optional(TYPES) },
  { additionalProperties: false },
);
const HEADERS = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'The number of the last event that was read: the stream goes on after it.' }),
  ),
});

export type StreamDeps = { store: Store; problems: Problems; authenticator: Authenticator; bell: EventBell };

export type Following = {
  space: Space;
  after: number;
  types: ReadonlySet<EventType> | null;
  texts: ExplainOptions;
  isAllowed: () => Promise<boolean>;
};

export function eventStreamRoute(server: FastifyInstance, deps: StreamDeps): void {
  const { store, problems, bell } = deps;
  const feed = new EventFeed(store);
  const streams = new Map<string, number>();
  server.get<{ Querystring: { after_seq?: string; types?: string } }>(
    '/v1/events/stream',
    {
      config: { scopes: ['read'] },
      schema: {
        tags: ['Events'],
        summary: 'Follow events',
        description:
          'Server-sent events: `id` is the `seq`, `event` the type, `data` the event as JSON. It begins behind `Last-Event-ID`, else behind `after_seq`, else with the next event; older than retention: `cursor_expired`. A comment comes every 15 seconds.',
        produces: ['text/event-stream'],
        headers: HEADERS,
        querystring: QUERY,
        response: { 200: { description: 'Events', content: { 'text/event-stream': { schema: Type.String() } } } },
      },
    },
    async (request, reply) => {
      const begin = await readBeginning(request, reply, deps);
      if (begin === null || reply.raw.destroyed) return reply;
      const name = `${begin.space.tenantNo} ${begin.space.mode}`;
      const open = streams.get(name) ?? 0;
      if (open >= MOST_OF_A_TENANT) {
        const detail = `This account follows its events ${open} times already, which is as often as it may.`;
        return problems.refuse(request, reply, 'service_unavailable', { detail, retryAfterSeconds: 30 });
      }
      streams.set(name, open + 1);
      reply.raw.once('close', () => {
        const left = (streams.get(name) ?? 1) - 1;
        if (left > 0) streams.set(name, left);
        else streams.delete(name);
      });
      reply.header('Cache-Control', 'no-store').header('X-Accel-Buffering', 'no');
      return reply.type('text/event-stream; charset=utf-8').send(streamOf(reply, begin, { store, feed, bell }));
    },
  );
}

/** Where the stream begins, or null: it was refused. */
async function readBeginning(
  request: FastifyRequest<{ Querystring: { after_seq?: string; types?: string } }>,
  reply: FastifyReply,
  { store, problems, authenticator }: StreamDeps,
): Promise<Following | null> {
  const types = readTypes(request.query.types);
  const lastId = request.headers['last-event-id'];
  const given = lastId === undefined || lastId === '' ? request.query.after_seq : String(lastId);
  const errors = 'message' in types ? [types] : [];
  if (given !== undefined && !/^[0-9]{1,15}$/.test(given)) {
    errors.push({ code: 'invalid_parameter', param: 'Last-Event-ID', message: 'It is no number of an event.' });
  }
  if (errors.length > 0 || 'message' in types) {
    problems.invalid(request, reply, errors);
    return null;
  }
  const { tenantNo, mode } = request.caller!.principal!;
  const space: Space = { tenantNo, mode };
  const after = given === undefined ? null : Number(given);
  const page = await store.events({ ...space, afterSeq: after ?? Number.MAX_SAFE_INTEGER, types: null, limit: 1 });
  if (page.isExpired) {
    const evidence = { after_seq: after, oldest_seq: page.oldestSeq, oldest_at: page.oldestAt };
    problems.refuse(request, reply, 'cursor_expired', { param: 'Last-Event-ID', evidence });
    return null;
  }
  const asked = {
    authorization: request.headers.authorization,
    tenant: request.headers['x-tenant'] as string | undefined,
    mode: request.headers['x-mode'] as string | undefined,
    address: request.ip,
    // The key was right when the stream began.
    network: null,
  };
  return {
    space,
    after: after ?? page.newestSeq,
    types: types.types === null ? null : new Set(types.types),
    texts: problems.texts(request),
    isAllowed: async () => {
      const found = await authenticator.authenticate(asked);
      return found.ok && found.caller.scopes.has('read');
    },
  };
}

export type Source = { store: Pick<Store, 'events'>; feed: EventFeed; bell: EventBell; heartbeatMs?: number };

/** The octets of a stream; its waiting ends with the connection. */
function streamOf(reply: FastifyReply, from: Following, source: Source): Readable {
  const waiter = source.bell.listen(from.space);
  // Since when the connection has taken nothing of what is ready for it.
  let readyAt: number | null = null;
  const watch = setInterval(() => {
    if (readyAt !== null && performance.now() - readyAt > STALLED_MS) reply.raw.destroy();
  }, HEARTBEAT_MS).unref();
  reply.raw.once('close', () => {
    clearInterval(watch);
    waiter.stop();
  });
  async function* taken(): AsyncGenerator<string> {
    for await (const text of follow(from, source, waiter)) {
      readyAt = performance.now();
      yield text;
      readyAt = null;
    }
  }
  return Readable.from(taken(), { objectMode: true, highWaterMark: 1 });
}

/** The text of the stream, piece by piece; it ends with the key, the server, or what is kept of the log. */
export async function* follow(from: Following, source: Source, waiter: Waiter): AsyncGenerator<string> {
  const { store, feed, bell, heartbeatMs = HEARTBEAT_MS } = source;
  const { space, types, texts } = from;
  let { after } = from;
  let heardAt = performance.now();
  let isBehind = true;
  yield HELLO;
  while (!bell.isClosed && !waiter.isOver) {
    // Far behind, a filter is better applied where the log is; at its end all who follow read together.
    const page: EventsPage =
      isBehind && types !== null
        ? await store.events({ ...space, afterSeq: after, types: [...types], limit: EVENTS_AT_ONCE })
        : await feed.after(space, after);
    // It fell behind what is kept: asked again, it is told.
    if (page.isExpired) return;
    const text = feed
      .write(page, texts)
      .map((event) => (types === null || types.has(event.type) ? event.text : ''))
      .join('');
    if (text !== '') yield text;
    after = Math.max(after, page.lastSeq);
    isBehind = after < page.newestSeq;
    const isQuiet = !isBehind && !(await waiter.next(heardAt + heartbeatMs - performance.now()));
    if (performance.now() - heardAt < heartbeatMs) continue;
    if (!(await from.isAllowed())) return;
    heardAt = performance.now();
    if (isQuiet && !waiter.isOver) yield HEARTBEAT;
  }
}
