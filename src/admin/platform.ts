/** The operator's pause of everything: every door answers `service_unavailable`, what is queued waits. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { PlatformPause } from '../data/port/platform.ts';
import { actorOf, conflict } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, NOTE, orNull } from './shapes.ts';

const PLATFORM = Type.Object({
  state: Type.String({ description: '`running` or `paused`.' }),
  since: orNull(Type.String(), { description: 'When it was paused.' }),
  note: orNull(Type.String()),
  paused_by: orNull(Type.String(), { description: 'The name of the key.' }),
});

function platformBody(pause: PlatformPause | null): Static<typeof PLATFORM> {
  return {
    state: pause === null ? 'running' : 'paused',
    since: pause === null ? null : formatTime(pause.since),
    note: pause?.note ?? null,
    paused_by: pause?.by ?? null,
  };
}

const WHY = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));
const ABOUT = { config: { scopes: ['operate'], operatorOnly: true } } as const;
const TAGS = ['Operator: platform'];

function noteOf(body: unknown): string | null {
  return (body as Static<typeof WHY> | undefined)?.note ?? null;
}

export function platformRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/platform',
    {
      ...ABOUT,
      schema: { summary: 'Whether sending is paused for everybody', tags: TAGS, response: { 200: PLATFORM } },
    },
    async () => platformBody(await store.platformPause(null)),
  );

  server.post(
    '/v1/platform/pause',
    {
      ...ABOUT,
      schema: {
        summary: 'Stop sending for everybody',
        description:
          'Sends answer `service_unavailable` with `Retry-After`, on every door; messages accepted before wait. It outlives restarts. Reading and managing go on.',
        tags: TAGS,
        body: WHY,
        response: { 200: PLATFORM },
      },
    },
    async (request, reply) => {
      const note = noteOf(request.body) ?? 'paused by the operator';
      const pause = await store.pausePlatform({ note, actor: actorOf(request) });
      if (pause !== null) return platformBody(pause);
      const evidence = { resource: 'platform', id: 'platform', state: 'paused', action: 'pause' };
      return conflict(request, reply, problems, evidence, 'Sending is paused for everybody already.');
    },
  );

  server.post(
    '/v1/platform/resume',
    {
      ...ABOUT,
      schema: { summary: 'Go on sending for everybody', tags: TAGS, body: WHY, response: { 200: PLATFORM } },
    },
    async (request, reply) => {
      const pause = await store.resumePlatform({ note: noteOf(request.body), actor: actorOf(request) });
      if (pause !== null) return platformBody(null);
      const evidence = { resource: 'platform', id: 'platform', state: 'running', action: 'resume' };
      return conflict(request, reply, problems, evidence, 'Sending is not paused.');
    },
  );
}
