/**
 * Mailboxes: the real accounts that mail leaves through, each on a provider and for an identity.
 *
 * Invariant: credentials are sealed here, before they reach the store, and stand in no answer.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { addressKey } from '../base/address.ts';
import { newId } from '../base/ids.ts';
import type { ImapSettings } from '../data/port/imap.ts';
import type { ImapChange, MailboxAnswer, MailboxChange, MailboxFields, ManagedMailbox } from '../data/port/senders.ts';
import { RAMP_DEFAULTS, type Ramp } from '../policy/document.ts';
import { actorOf, invalid, notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readEmail } from './emails.ts';
import { MAILBOX, mailboxBody, NO_WAYS, waysIn } from './mailbox-body.ts';
import type { ProviderTools } from './provider-tools.ts';
import { CREDENTIALS, type FieldIssue, isFieldIssue, readAddress, refuseSender } from './sender-fields.ts';
import { CLOSED, ID, ID_PARAMS, listOf, listQuery, NOTE, orNull, pageBody, pagingOf } from './shapes.ts';

const ADDRESS = Type.String({
  minLength: 3,
  maxLength: 254,
  description: "The account's address: where replies to it arrive.",
});
const PROVIDER = Type.String({
  minLength: 1,
  maxLength: 100,
  description: "The id or name of its provider; `default` is the gateway's own.",
});
const RAMP = Type.Object(
  {
    start: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1e9, description: 'Recipients on the first day; 20 unless said.' }),
    ),
    factor_percent: Type.Optional(
      Type.Integer({
        minimum: 100,
        maximum: 1000,
        description: 'A step in per cent of the one before; 150 unless said.',
      }),
    ),
    every_days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 90, description: 'Days a step lasts; 1 unless said.' }),
    ),
    days: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 366, description: 'Days until it is over; 14 unless said.' }),
    ),
  },
  CLOSED,
);
const IMAP = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        '`imaps://user:pass@host:port`, or `imap://…` which changes to TLS. Credentials are taken out of it.',
    }),
    credentials: Type.Optional(orNull(CREDENTIALS)),
    append_to_sent: Type.Optional(
      Type.Boolean({
        description: 'Whether copies of what was sent go into its folder for sent mail; false unless said.',
      }),
    ),
  },
  CLOSED,
);
const OPTIONAL = {
  identity: Type.Optional(orNull(ID, { description: 'The id or handle of the identity that sends through it.' })),
  daily_cap: Type.Optional(
    orNull(Type.Integer({ minimum: 0, maximum: 1e9 }), {
      description: 'Recipients a UTC day; null: no cap. Raising it needs a key with `approve` and a note.',
    }),
  ),
  warmup: Type.Optional(
    Type.Union([RAMP, Type.Boolean(), Type.Null()], {
      description:
        'How many recipients a day each family of destinations gets at first: `true` for the usual ramp, null for none. Ending or quickening it needs a key with `approve` and a note.',
    }),
  ),
  credentials: Type.Optional(
    orNull(CREDENTIALS, { description: "Its own, in place of its provider's. Kept encrypted, and never shown again." }),
  ),
  imap: Type.Optional(
    orNull(IMAP, { description: 'Where its mail is read for replies and bounces; null: it is not.' }),
  ),
  note: Type.Optional(orNull(NOTE)),
};
const CREATE = Type.Object({ address: ADDRESS, provider: PROVIDER, ...OPTIONAL }, CLOSED);
const CHANGE = Type.Object({ address: Type.Optional(ADDRESS), provider: Type.Optional(PROVIDER), ...OPTIONAL }, CLOSED);
const WHY = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));

function readRamp(given: Static<typeof CHANGE>['warmup']): Ramp | null | undefined {
  if (given === undefined) return undefined;
  if (given === null || given === false) return null;
  if (given === true) return RAMP_DEFAULTS;
  const { start, factor_percent: factorPercent, every_days: everyDays, days } = given;
  return {
    start: start ?? RAMP_DEFAULTS.start,
    factorPercent: factorPercent ?? RAMP_DEFAULTS.factorPercent,
    everyDays: everyDays ?? RAMP_DEFAULTS.everyDays,
    days: days ?? RAMP_DEFAULTS.days,
  };
}

function readImap(
  given: Static<typeof IMAP>,
  known: ManagedMailbox | null,
  id: string,
  tools: ProviderTools,
): ImapChange | FieldIssue {
  const read = readAddress(tools, tools.readImap(given.url), given.credentials, 'imap.url');
  if (isFieldIssue(read)) return read;
  const { url, endpoint } = read.address;
  const appendToSent = given.append_to_sent ?? false;
  if (read.credentials !== null) {
    return { url, appendToSent, sealed: tools.seal(read.credentials, `mailbox/${id}/imap`) };
  }
  const before = known?.imap == null ? null : tools.readImap(known.imap.url);
  const isSame = before !== null && !('error' in before) && before.endpoint === endpoint;
  if (given.credentials === undefined && isSame && known?.imap?.hasCredentials)
    return { url, appendToSent, sealed: 'keep' };
  return {
    param: 'imap.url',
    message: 'Mail is read with a user and a password: write imaps://user:pass@host:port, or give imap.credentials.',
  };
}

function readFields(
  body: Static<typeof CHANGE>,
  id: string,
  known: ManagedMailbox | null,
  tools: ProviderTools,
): MailboxChange | FieldIssue {
  const { provider, identity, daily_cap: dailyCap, credentials } = body;
  const given: MailboxChange = { provider, identity, dailyCap, warmup: readRamp(body.warmup) };
  if (body.address !== undefined) {
    const address = readEmail(body.address, 'address');
    if (isIssue(address)) return { param: 'address', message: address.message };
    Object.assign(given, { address: address.email, key: address.key });
  }
  if (credentials !== undefined) {
    given.sealed = credentials === null ? null : tools.seal(credentials, `mailbox/${id}`);
  }
  if (body.imap === null) given.imap = null;
  else if (body.imap !== undefined) {
    const imap = readImap(body.imap, known, id, tools);
    if (isFieldIssue(imap)) return imap;
    given.imap = imap;
  }
  return given;
}

const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const TAGS = ['Mailboxes'];

export function mailboxRoutes(server: FastifyInstance, { store, problems, providers: tools }: AdminDeps): void {
  const shown = async (request: FastifyRequest, mailbox: ManagedMailbox): Promise<Static<typeof MAILBOX>> =>
    mailboxBody(mailbox, waysIn(await store.poolHeadroom({ ...spaceOf(request), mailboxes: [mailbox.no] }))(mailbox));

  server.get(
    '/v1/mailboxes',
    {
      ...READING,
      schema: {
        summary: 'List mailboxes, newest first',
        tags: TAGS,
        querystring: listQuery({
          identity: Type.Optional(Type.String({ maxLength: 100, description: 'Of one identity: its id or handle.' })),
          provider: Type.Optional(Type.String({ maxLength: 100, description: 'On one provider: its id or name.' })),
        }),
        response: { 200: listOf(MAILBOX, 'Mailboxes') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      const asked = request.query as { identity?: string; provider?: string };
      const where = { tenantNo, mode };
      const [identity, provider] = await Promise.all([
        asked.identity === undefined ? null : store.identity({ ...where, id: asked.identity }),
        asked.provider === undefined ? null : store.provider({ ...where, id: asked.provider }),
      ]);
      // What does not exist has no mailboxes.
      const isNowhere =
        (asked.identity !== undefined && identity === null) || (asked.provider !== undefined && provider === null);
      if (isNowhere) return { data: [], next_cursor: null };
      const narrow = { identity: identity?.no ?? null, provider: provider?.no ?? null };
      const page = await store.mailboxes({ ...pagingOf(request), ...where, ...narrow });
      const ways = waysIn(await store.poolHeadroom({ ...where, mailboxes: page.rows.map(({ no }) => no) }));
      return pageBody(page, (mailbox) => mailboxBody(mailbox, ways(mailbox)));
    },
  );

  server.get(
    '/v1/mailboxes/:id',
    {
      ...READING,
      schema: {
        summary: 'Look at a mailbox, by id or address',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: MAILBOX },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const mailbox = await store.mailbox({ ...spaceOf(request), id: nameOf(id) });
      return mailbox === null ? notFound(request, reply, problems, 'mailbox', id) : shown(request, mailbox);
    },
  );

  server.post(
    '/v1/mailboxes',
    {
      ...CHANGING,
      schema: {
        summary: 'Add a mailbox',
        description:
          'An address that was here before keeps its health, and a higher cap than it had needs a key with `approve` and a note.',
        tags: TAGS,
        body: CREATE,
        response: { 201: MAILBOX },
      },
    },
    async (request, reply) => {
      const body = request.body as Static<typeof CREATE>;
      const id = newId('mbx');
      const given = readFields(body, id, null, tools);
      if (isFieldIssue(given)) return invalid(request, reply, problems, given.param, given.message);
      const fields: MailboxFields = {
        ...{ address: given.address!, key: given.key!, provider: body.provider, identity: given.identity ?? null },
        ...{ dailyCap: given.dailyCap ?? null, warmup: given.warmup ?? null, sealed: given.sealed ?? null },
        imap: (given.imap ?? null) as ImapSettings | null,
      };
      const note = body.note ?? null;
      const made = await store.createMailbox({ ...spaceOf(request), id, fields, note, actor: actorOf(request) });
      if (made.outcome === 'done') return reply.code(201).send(await shown(request, made.mailbox));
      const about = { resource: 'mailbox', id: body.address, action: 'mailbox.create', taken: 'address' } as const;
      return refuseSender({ request, reply, problems }, made, about);
    },
  );

  server.patch(
    '/v1/mailboxes/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Change a mailbox',
        description:
          'Raising the cap, and ending or quickening the warm-up, need a key with `approve` and a note. Put on another provider, it needs its own credentials anew.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: MAILBOX },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const body = request.body as Static<typeof CHANGE>;
      const where = spaceOf(request);
      const known = await store.mailbox({ ...where, id: nameOf(id) });
      if (known === null) return notFound(request, reply, problems, 'mailbox', id);
      const change = readFields(body, known.id, known, tools);
      if (isFieldIssue(change)) return invalid(request, reply, problems, change.param, change.message);
      const made = await store.changeMailbox({
        ...where,
        id: known.id,
        change,
        note: body.note ?? null,
        actor: actorOf(request),
      });
      if (made.outcome === 'done') return shown(request, made.mailbox);
      const about = { resource: 'mailbox', id, action: 'mailbox.update', taken: 'address' } as const;
      return refuseSender({ request, reply, problems }, made, about);
    },
  );

  const turns = {
    pause: {
      summary: 'Let no mail leave through a mailbox',
      description: 'What waits for it takes another mailbox of its identity, or waits.',
      call: (input: Parameters<typeof store.pauseMailbox>[0]) => store.pauseMailbox(input),
    },
    resume: {
      summary: 'Let mail leave through a mailbox again',
      description:
        'What a person paused needs a key with `approve` and a note; what the operator paused, the operator resumes.',
      call: (input: Parameters<typeof store.resumeMailbox>[0]) => store.resumeMailbox(input),
    },
  };
  for (const [verb, { summary, description, call }] of Object.entries(turns)) {
    server.post(
      `/v1/mailboxes/:id/${verb}`,
      {
        ...CHANGING,
        schema: { summary, description, tags: TAGS, params: ID_PARAMS, body: WHY, response: { 200: MAILBOX } },
      },
      async (request, reply) => {
        const { id } = request.params as Static<typeof ID_PARAMS>;
        const note = (request.body as Static<typeof WHY> | undefined)?.note ?? null;
        const made: MailboxAnswer = await call({ ...spaceOf(request), id: nameOf(id), note, actor: actorOf(request) });
        if (made.outcome === 'done') return shown(request, made.mailbox);
        const about = { resource: 'mailbox', id, action: `mailbox.${verb}`, taken: 'address' } as const;
        return refuseSender({ request, reply, problems }, made, about);
      },
    );
  }

  server.delete(
    '/v1/mailboxes/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove a mailbox',
        description:
          'Its address is free then; messages go on naming it. One that a person paused needs a key with `approve` and a note.',
        tags: TAGS,
        params: ID_PARAMS,
        body: WHY,
        response: { 200: MAILBOX },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const note = (request.body as Static<typeof WHY> | undefined)?.note ?? null;
      const gone = await store.deleteMailbox({ ...spaceOf(request), id: nameOf(id), note, actor: actorOf(request) });
      if (gone.outcome === 'done') return mailboxBody(gone.mailbox, NO_WAYS);
      const about = { resource: 'mailbox', id, action: 'mailbox.delete', taken: 'address' } as const;
      return refuseSender({ request, reply, problems }, gone, about);
    },
  );
}

/** An id as it is, an address in its one form. */
const nameOf = (id: string): string => (id.includes('@') ? (addressKey(id) ?? id) : id);

function spaceOf(request: FastifyRequest): { tenantNo: number; mode: 'live' | 'test' } {
  const { tenantNo, mode } = principalOf(request);
  return { tenantNo, mode };
}
