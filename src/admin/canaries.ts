/** Canaries: secret markers to plant where an agent must not quote from. A marker is shown once; removing one needs a person. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import { formatTime } from '../core/time.ts';
import type { CanaryRow } from '../data/port/canaries.ts';
import { isUsable } from '../policy/content/canaries.ts';
import { actorOf, conflict, invalid, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, line, listOf, listQuery, NOTE, orNull, pageBody, pagingOf } from './shapes.ts';

/** Shorter ones turn up by chance. */
const LEAST_UNITS = 12;

const CREATE = Type.Object(
  {
    label: line(100, 'What evidence names it by; one of its own.'),
    marker: Type.Optional(
      orNull(Type.String({ minLength: LEAST_UNITS, maxLength: 200 }), {
        description: `A secret of your own, of at least ${LEAST_UNITS} characters besides white space; one is made where it is left out.`,
      }),
    ),
  },
  CLOSED,
);

const CANARY = Type.Object({
  id: Type.String(),
  label: Type.String(),
  created_at: Type.String(),
  created_by: Type.String({ description: 'The name of the key.' }),
});

const MADE = Type.Object({
  ...CANARY.properties,
  marker: Type.String({ description: 'The secret to plant. It is shown this once.' }),
});

function canaryBody(row: CanaryRow): Static<typeof CANARY> {
  return { id: row.id, label: row.label, created_at: formatTime(row.createdAt), created_by: row.createdBy };
}

/** 100 bits that look like the reference of something, so that whoever copies text takes it along. */
function newMarker(): string {
  const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const code = [...randomBytes(20)].map((byte) => letters[byte & 31]).join('');
  return `REF-${code.slice(0, 5)}-${code.slice(5, 10)}-${code.slice(10, 15)}-${code.slice(15)}`;
}

const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const REMOVING = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));
const TAGS = ['Canaries'];

export function canaryRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/canaries',
    {
      ...READING,
      schema: {
        summary: 'List canaries, newest first',
        description: 'Their markers are not shown: whoever may read this may be an agent.',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(CANARY, 'Canaries') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return pageBody(await store.canaries({ ...pagingOf(request), tenantNo, mode }), canaryBody);
    },
  );

  server.get(
    '/v1/canaries/:id',
    { ...READING, schema: { summary: 'Look at a canary', tags: TAGS, params: ID_PARAMS, response: { 200: CANARY } } },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const canary = await store.canary({ tenantNo, mode, id });
      return canary === null ? notFound(request, reply, problems, 'canary', id) : canaryBody(canary);
    },
  );

  server.post(
    '/v1/canaries',
    {
      ...CHANGING,
      schema: {
        summary: 'Make a canary',
        description:
          'Plant its marker in the private context of an agent. A message that holds it, in any letter case, with spaces in it or encoded, is refused with `canary_leaked`.',
        tags: TAGS,
        body: CREATE,
        response: { 201: MADE },
      },
    },
    async (request, reply) => {
      const { label, marker: given } = request.body as Static<typeof CREATE>;
      const marker = given ?? newMarker();
      if (!isUsable(marker, LEAST_UNITS)) {
        const message = `A marker has at least ${LEAST_UNITS} characters besides white space.`;
        return invalid(request, reply, problems, 'marker', message);
      }
      const { tenantNo, mode } = principalOf(request);
      const id = newId('cny');
      const made = await store.createCanary({ tenantNo, mode, id, label, marker, actor: actorOf(request) });
      if (made.outcome === 'done') return reply.code(201).send({ ...canaryBody(made.canary), marker });
      const evidence = { resource: 'canary', id: label, state: made.outcome, action: 'canary.create' };
      const why = made.outcome === 'taken' ? 'Another canary has this label.' : 'There are as many as there may be.';
      return conflict(request, reply, problems, evidence, why);
    },
  );

  server.delete(
    '/v1/canaries/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove a canary',
        description: 'Needs a key with `approve` and a note: its marker may leave then.',
        tags: TAGS,
        params: ID_PARAMS,
        body: REMOVING,
        response: { 200: CANARY },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const note = (request.body as Static<typeof REMOVING> | undefined)?.note ?? null;
      const gone = await store.deleteCanary({ tenantNo, mode, id, note, actor: actorOf(request) });
      if (gone.outcome === 'done') return canaryBody(gone.canary);
      if (gone.outcome === 'missing') return notFound(request, reply, problems, 'canary', id);
      return refuseLoosening(request, reply, problems, gone, 'canary.delete');
    },
  );
}
