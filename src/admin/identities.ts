/**
 * Identities: the people and personas a tenant sends as, each with its own address and cap.
 *
 * Whether a change may be made is decided where it is stored, in one transaction with it. Deliberately absent: whether the
 * domain of the address is verified, which a send asks.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { addressKey } from '../base/address.ts';
import { newId } from '../base/ids.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { IdentityFields, IdentityTrouble, ManagedIdentity } from '../data/port/identities.ts';
import type { Problems } from '../http/problems.ts';
import { IDENTITY_STATES } from '../policy/account.ts';
import { APPROVAL_MODES } from '../policy/facts-approval.ts';
import { WEEKDAYS } from '../policy/pacing-fields.ts';
import { actorOf, conflict, invalid, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readSender } from './emails.ts';
import { CLOSED, ID_PARAMS, line, listOf, listQuery, NOTE, orNull, pageBody, pagingOf } from './shapes.ts';

const HANDLE = Type.String({
  // What begins like an id could be taken for another identity.
  pattern: '^(?!idn_)[a-z0-9][a-z0-9._@-]{0,62}$',
  description: 'How messages name it: a-z, 0-9, dot, underscore, hyphen and the sign of an address.',
});
const SENDER = Type.Union(
  [
    Type.String({ minLength: 3, maxLength: 2250 }),
    Type.Object(
      { email: Type.String({ maxLength: 254 }), name: Type.Optional(orNull(Type.String({ maxLength: 998 }))) },
      CLOSED,
    ),
  ],
  { description: 'Its address, with or without a name.' },
);
const CLOCK = '^([01][0-9]|2[0-3]):[0-5][0-9]$';
const HOURS = Type.Object(
  {
    timezone: Type.Optional(
      Type.String({ maxLength: 64, description: 'An IANA name, as Europe/Berlin; UTC unless said.' }),
    ),
    days: Type.Array(Type.Enum([...WEEKDAYS]), { minItems: 1, maxItems: 7, uniqueItems: true }),
    from: Type.String({ pattern: CLOCK, examples: ['09:00'] }),
    to: Type.String({ pattern: CLOCK, description: 'At or before `from`: of the next day.', examples: ['17:30'] }),
  },
  CLOSED,
);
const DRIP = Type.Object(
  {
    min_gap_seconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
    jitter_seconds: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 3600, description: 'Up to so many more, by the recipient.' }),
    ),
  },
  CLOSED,
);
const OPTIONAL = {
  tier: Type.Optional(orNull(line(63, 'A tier of the plan, which caps it.'))),
  daily_cap: Type.Optional(
    orNull(Type.Integer({ minimum: 0, maximum: 1e9 }), {
      description: 'Recipients a UTC day; null: none of its own. Raising it needs a key with `approve` and a note.',
    }),
  ),
  approvals: Type.Optional(
    Type.Enum([...APPROVAL_MODES], {
      description:
        'Which of its messages wait for a person; the strictest of policy, identity and agent holds. Lowering it needs a key with `approve` and a note.',
    }),
  ),
  state: Type.Optional(
    Type.Enum([...IDENTITY_STATES], { description: '`suspended` is set and lifted by the operator alone.' }),
  ),
  working_hours: Type.Optional(orNull(HOURS, { description: 'When first contacts may leave; null: always.' })),
  drip: Type.Optional(orNull(DRIP, { description: 'How far apart first contacts leave; null: as they come.' })),
  ready_at: Type.Optional(
    orNull(Type.String({ maxLength: 40 }), {
      description: 'When one that is `provisioning` should be ready: it is active from then on.',
    }),
  ),
  mailboxes: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 254 }), {
      maxItems: 100,
      description:
        'All the mailboxes it sends through, by id or address. None: it has one implied mailbox on the default provider.',
    }),
  ),
  note: Type.Optional(orNull(NOTE)),
};
const CREATE = Type.Object({ handle: HANDLE, from: SENDER, ...OPTIONAL }, CLOSED);
const CHANGE = Type.Object({ handle: Type.Optional(HANDLE), from: Type.Optional(SENDER), ...OPTIONAL }, CLOSED);

const IDENTITY = Type.Object({
  id: Type.String(),
  handle: Type.String(),
  from: Type.Object({ email: Type.String(), name: orNull(Type.String()) }),
  tier: orNull(Type.String()),
  daily_cap: orNull(Type.Integer()),
  effective_daily_cap: orNull(Type.Integer(), { description: "The smaller of its own cap and its tier's." }),
  approvals: Type.String(),
  state: Type.String(),
  state_note: orNull(Type.String()),
  mailboxes: Type.Array(Type.String(), { description: 'Ids of its mailboxes.' }),
  working_hours: orNull(HOURS),
  drip: orNull(DRIP),
  ready_at: orNull(Type.String()),
  created_at: Type.String(),
  updated_at: Type.String(),
});

function identityBody(identity: ManagedIdentity): Static<typeof IDENTITY> {
  return {
    id: identity.id,
    handle: identity.handle,
    from: { email: identity.fromEmail, name: identity.fromName },
    tier: identity.tier,
    daily_cap: identity.dailyCap,
    effective_daily_cap: identity.effectiveCap,
    approvals: identity.approvals,
    state: identity.state,
    state_note: identity.stateNote,
    mailboxes: identity.mailboxes,
    working_hours: identity.workingHours,
    drip: identity.drip,
    ready_at: identity.readyAt === null ? null : formatTime(identity.readyAt),
    created_at: formatTime(identity.createdAt),
    updated_at: formatTime(identity.updatedAt),
  };
}

type Refusal = { request: FastifyRequest; reply: FastifyReply; problems: Problems };

function refuse(at: Refusal, trouble: IdentityTrouble, id: string, action: string): FastifyReply {
  const { request, reply, problems } = at;
  switch (trouble.outcome) {
    case 'missing':
      return notFound(request, reply, problems, 'identity', id);
    case 'taken':
      return conflict(
        request,
        reply,
        problems,
        { resource: 'identity', id, state: 'taken', action },
        'Another identity has this handle.',
      );
    case 'unknown_tier':
      return invalid(request, reply, problems, 'tier', `The plan has the tiers ${trouble.tiers.join(', ')}.`);
    case 'mailbox': {
      const why =
        trouble.owner === null
          ? 'There is no mailbox of this id or address in this mode; GET /v1/mailboxes lists them.'
          : `It belongs to the identity ${trouble.owner}: take it from there first.`;
      return invalid(request, reply, problems, `mailboxes[${trouble.index}]`, why);
    }
    case 'human_decision_required':
      return refuseLoosening(request, reply, problems, trouble, action);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** A body's fields, those that are given. */
function readFields(
  body: Static<typeof CHANGE>,
): Partial<IdentityFields> | { code: string; param: string; message: string } {
  const { handle, tier, daily_cap: dailyCap, approvals, state, from } = body;
  const mailboxes = body.mailboxes?.map((name) => (name.includes('@') ? (addressKey(name) ?? name) : name));
  const { working_hours: workingHours, drip, ready_at: ready } = body;
  if (workingHours?.timezone !== undefined && !isTimeZone(workingHours.timezone)) {
    const message = 'No such time zone is known: give an IANA name, such as Europe/Berlin.';
    return { code: 'invalid_parameter', param: 'working_hours.timezone', message };
  }
  const readyAt = ready == null ? ready : parseTime(ready);
  if (ready != null && readyAt === null) {
    return { code: 'invalid_parameter', param: 'ready_at', message: 'It must be a time, as 2027-03-01T09:00:00Z.' };
  }
  const plain = { handle, tier, dailyCap, approvals, state, mailboxes, workingHours, drip, readyAt };
  if (from === undefined) return plain;
  const sender = readSender(from, 'from');
  if (isIssue(sender)) return { code: sender.code, param: sender.param ?? 'from', message: sender.message };
  return { ...plain, fromEmail: sender.email, fromName: sender.name };
}

const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const TAGS = ['Identities'];

export function identityRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/identities',
    {
      ...READING,
      schema: {
        summary: 'List identities, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(IDENTITY, 'Identities') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return pageBody(await store.identities({ ...pagingOf(request), tenantNo, mode }), identityBody);
    },
  );

  server.get(
    '/v1/identities/:id',
    {
      ...READING,
      schema: {
        summary: 'Look at an identity, by id or handle',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: IDENTITY },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const identity = await store.identity({ tenantNo, mode, id });
      return identity === null ? notFound(request, reply, problems, 'identity', id) : identityBody(identity);
    },
  );

  server.post(
    '/v1/identities',
    { ...CHANGING, schema: { summary: 'Make an identity', tags: TAGS, body: CREATE, response: { 201: IDENTITY } } },
    async (request, reply) => {
      const body = request.body as Static<typeof CREATE>;
      const given = readFields(body);
      if ('code' in given) return problems.invalid(request, reply, [given]);
      const { tenantNo, mode } = principalOf(request);
      const fields: IdentityFields = {
        handle: body.handle,
        fromEmail: given.fromEmail!,
        fromName: given.fromName ?? null,
        tier: given.tier ?? null,
        dailyCap: given.dailyCap ?? null,
        approvals: given.approvals ?? 'none',
        state: given.state ?? 'active',
        mailboxes: given.mailboxes ?? [],
        workingHours: given.workingHours ?? null,
        drip: given.drip ?? null,
        readyAt: given.readyAt ?? null,
      };
      const note = body.note ?? null;
      const made = await store.createIdentity({
        tenantNo,
        mode,
        id: newId('idn'),
        fields,
        note,
        actor: actorOf(request),
      });
      if (made.outcome === 'done') return reply.code(201).send(identityBody(made.identity));
      return refuse({ request, reply, problems }, made, body.handle, 'identity.create');
    },
  );

  server.patch(
    '/v1/identities/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Change an identity',
        description: 'Raising the cap or the tier needs a key with `approve` and a note.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: IDENTITY },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const body = request.body as Static<typeof CHANGE>;
      const change = readFields(body);
      if ('code' in change) return problems.invalid(request, reply, [change]);
      const { tenantNo, mode } = principalOf(request);
      const note = body.note ?? null;
      const made = await store.changeIdentity({ tenantNo, mode, id, change, note, actor: actorOf(request) });
      if (made.outcome === 'done') return identityBody(made.identity);
      return refuse({ request, reply, problems }, made, id, 'identity.update');
    },
  );

  server.delete(
    '/v1/identities/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove an identity',
        description:
          'Its handle is free then; messages go on naming it. A suspended one is removed by the operator alone.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: IDENTITY },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const gone = await store.deleteIdentity({ tenantNo, mode, id, actor: actorOf(request) });
      if (gone.outcome === 'done') return identityBody(gone.identity);
      return refuse({ request, reply, problems }, gone, id, 'identity.delete');
    },
  );
}
