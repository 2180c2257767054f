/** The event log over HTTP: read on from a number, waiting for the next event if asked to. */
import { setTimeout } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { EventType } from '../core/events.ts';
import type { EventsPage } from '../data/port/events.ts';
import type { Space, Store } from '../data/store.ts';
import type { Authenticator } from '../http/authenticate.ts';
import { EventBell } from '../http/event-bell.ts';
import { eventBody } from '../http/event-body.ts';
import type { Problems } from '../http/problems.ts';
import { event } from '../http/schemas.ts';
import { readTypes, SEQ, TYPES } from './event-query.ts';
import { eventStreamRoute } from './event-stream.ts';

const DEFAULT_LIMIT = 100;
const MOST_EVENTS = 1000;
/** Who waits for few of many events asks for them no more often than this. */
const FILTERED_REST_MS = 100;

const query = Type.Object(
  {
    after_seq: Type.Optional(SEQ),
    types: Type.Optional(TYPES),
    wait: Type.Optional(
      Type.String({
        pattern: '^([0-9]|[12][0-9]|30)$',
        description: 'Seconds to wait for an event where there is none yet: 0 to 30, default 0.',
        examples: ['20'],
      }),
    ),
    limit: Type.Optional(
      Type.String({
        pattern: '^([1-9][0-9]{0,2}|1000)$',
        description: 'How many to answer with: 1 to 1,000, default 100.',
        examples: ['100'],
      }),
    ),
  },
  { additionalProperties: false },
);

type EventsQuery = { after_seq?: string; types?: string; wait?: string; limit?: string };

const answerSchema = Type.Object(
  {
    data: Type.Array(event),
    last_seq: Type.Integer({
      description: 'Everything up to this number was looked at: give it as `after_seq` to read on.',
    }),
  },
  { title: 'EventList' },
);

export type EventRoutes = { store: Store; problems: Problems; authenticator: Authenticator };

export function eventRoutes(server: FastifyInstance, { store, problems, authenticator }: EventRoutes): EventBell {
  const bell = new EventBell(store);
  server.addHook('preClose', (done) => {
    bell.close();
    done();
  });
  server.get<{ Querystring: EventsQuery }>(
    '/v1/events',
    {
      config: { scopes: ['read'] },
      schema: {
        tags: ['Events'],
        summary: 'Read events',
        description: `In order, without gaps, each readable as soon as it is stored. With \`wait\` the answer comes with the next event. At most ${MOST_EVENTS} at once; older than retention: \`cursor_expired\`, with the oldest number.`,
        querystring: query,
        response: { 200: answerSchema },
      },
    },
    async (request, reply) => {
      const types = readTypes(request.query.types);
      if ('message' in types) return problems.invalid(request, reply, [types]);
      const page = await readWaiting(request, reply, { store, bell }, types.types);
      if (page === null) return reply.send({ data: [], last_seq: Number(request.query.after_seq ?? 0) });
      const { after_seq: after } = request.query;
      if (page.isExpired) {
        const evidence = { after_seq: Number(after), oldest_seq: page.oldestSeq, oldest_at: page.oldestAt };
        return problems.refuse(request, reply, 'cursor_expired', { param: 'after_seq', evidence });
      }
      const texts = problems.texts(request);
      return reply.send({ data: page.events.map((one) => eventBody(one, texts)), last_seq: page.lastSeq });
    },
  );
  eventStreamRoute(server, { store, problems, authenticator, bell });
  return bell;
}

/** A page with at least one event, or the last one that was read when the time is up; null when the client has left. */
async function readWaiting(
  request: FastifyRequest<{ Querystring: EventsQuery }>,
  reply: FastifyReply,
  { store, bell }: { store: Store; bell: EventBell },
  types: EventType[] | null,
): Promise<EventsPage | null> {
  const { tenantNo, mode } = request.caller!.principal!;
  const space: Space = { tenantNo, mode };
  const { after_seq: given, wait = '0', limit } = request.query;
  const until = performance.now() + Number(wait) * 1000;
  const waiter = bell.listen(space);
  const leave = () => waiter.end();
  reply.raw.once('close', leave);
  try {
    let after = given === undefined ? null : Number(given);
    let wakes = 0;
    for (;;) {
      const page = await store.events({ ...space, afterSeq: after, types, limit: Number(limit ?? DEFAULT_LIMIT) });
      const isOver = page.events.length > 0 || page.isExpired;
      if (isOver || reply.raw.destroyed) return reply.raw.destroyed ? null : page;
      // A long stretch of other types: read on without waiting.
      const goesOn = after === null || page.lastSeq > after;
      after = Math.max(after ?? 0, page.lastSeq);
      if (goesOn && after < page.newestSeq) continue;
      if (!(await waiter.next(until - performance.now()))) return reply.raw.destroyed ? null : page;
      wakes += 1;
      if (types !== null && wakes > 1) await setTimeout(FILTERED_REST_MS);
    }
  } finally {
    reply.raw.removeListener('close', leave);
    waiter.stop();
  }
}
