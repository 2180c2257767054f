/**
 * Providers: what a tenant's mail leaves through, the gateway's own among them under the name `default`.
 *
 * Invariant: credentials are sealed here, before they reach the store, and stand in no answer. Deliberately absent: sending a
 * message as a test; a test connects as a delivery would, and stops before the first sender.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import type { WayHeadroom } from '../data/port/routing.ts';
import type { ManagedProvider, ProviderFields } from '../data/port/senders.ts';
import { DEFAULT_PROVIDER, PROVIDER_KINDS, PROVIDER_STATES } from '../policy/pool.ts';
import { actorOf, conflict, invalid, notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import type { ProviderTools } from './provider-tools.ts';
import { CREDENTIALS, isFieldIssue, readAddress, refuseSender } from './sender-fields.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, NOTE, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';
import { CIRCUIT, circuitBody, LIMITS, limitsBody, WAITS_FOR, waitsBody } from './way-headroom.ts';

const NAME = Type.String({
  minLength: 1,
  maxLength: 100,
  // What begins like an id could be taken for another provider.
  pattern: '^(?!prv_)(?!default$)[^\\u0000-\\u001f\\u007f-\\u009f]*$',
  description: "How mailboxes name it; `default` is the gateway's own.",
});
const URL_TEXT = Type.String({
  minLength: 1,
  maxLength: 4096,
  description:
    '`smtp://user:pass@host:port`, `smtps://…`, `ses://key:secret@region`, `direct:` or `sink:`. Credentials are taken out of it and never shown again; they belong to this host, and a change that leads elsewhere needs them anew.',
  examples: ['smtp://alice:secret@smtp.example.com:587'],
});
const CAP = Type.Optional(orNull(Type.Integer({ minimum: 1, maximum: 1e9 })));
const CAPS = Type.Object(
  { second: CAP, minute: CAP, hour: CAP, day: CAP },
  {
    ...CLOSED,
    description:
      'Recipients at most in each UTC second, minute, hour and day; what is left out has no bound. Raising or removing one needs a key with `approve` and a note.',
  },
);
const OPTIONAL = {
  credentials: Type.Optional(orNull(CREDENTIALS)),
  weight: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: 'Its share beside others of the same priority; 1 unless said.',
    }),
  ),
  priority: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 1000, description: 'The lower goes first; 0 unless said.' }),
  ),
  caps: Type.Optional(orNull(CAPS)),
  ehlo_name: Type.Optional(
    orNull(
      Type.String({
        maxLength: 255,
        pattern: '^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[A-Za-z0-9.:]+\\])$',
        description: "The name in EHLO; the gateway's domain unless said.",
      }),
    ),
  ),
  note: Type.Optional(orNull(NOTE)),
};
const CREATE = Type.Object({ name: NAME, url: URL_TEXT, ...OPTIONAL }, CLOSED);
const CHANGE = Type.Object({ name: Type.Optional(NAME), url: Type.Optional(URL_TEXT), ...OPTIONAL }, CLOSED);
const WHY = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));

const SHOWN_CAP = Type.Optional(Type.Integer());
const PROVIDER = Type.Object({
  id: Type.String({ description: "`default` for the gateway's own." }),
  name: Type.String(),
  kind: Type.Enum([...PROVIDER_KINDS]),
  url: orNull(Type.String(), { description: "Without credentials; null for the gateway's own." }),
  has_credentials: Type.Boolean(),
  ehlo_name: orNull(Type.String()),
  state: Type.Enum([...PROVIDER_STATES], {
    description: '`error`: the last test failed, and it is left out until one passes.',
  }),
  state_note: orNull(Type.String(), { description: 'What is wrong, or why it was turned off.' }),
  weight: Type.Integer(),
  priority: Type.Integer(),
  caps: Type.Object({ second: SHOWN_CAP, minute: SHOWN_CAP, hour: SHOWN_CAP, day: SHOWN_CAP }),
  mailboxes: Type.Integer({ description: 'How many mailboxes are on it.' }),
  limits: LIMITS,
  circuit: CIRCUIT,
  waits_for: WAITS_FOR,
  tested_at: orNull(Type.String()),
  created_at: orNull(Type.String()),
  updated_at: orNull(Type.String()),
});
const TESTED = Type.Object({
  ok: Type.Boolean(),
  detail: Type.String({ description: 'In words: what was found, or what is wrong.' }),
  state: Type.String({ description: 'The state it has now.' }),
});

function providerBody(
  provider: ManagedProvider,
  tools: ProviderTools,
  way: WayHeadroom | null,
): Static<typeof PROVIDER> {
  return {
    id: provider.id,
    name: provider.name,
    kind: provider.kind === 'default' ? tools.ownKind : provider.kind,
    url: provider.url,
    has_credentials: provider.hasCredentials,
    ehlo_name: provider.ehloName,
    state: provider.state,
    state_note: provider.stateNote,
    weight: provider.weight,
    priority: provider.priority,
    caps: provider.caps,
    mailboxes: provider.mailboxes,
    limits: limitsBody(way),
    circuit: circuitBody(way),
    waits_for: provider.state === 'active' ? waitsBody(way) : { cause: 'state', until: null },
    tested_at: timeOrNull(provider.testedAt),
    created_at: timeOrNull(provider.createdAt),
    updated_at: timeOrNull(provider.updatedAt),
  };
}

/** Only the bounds that are given. */
function capsOf(caps: Static<typeof CAPS> | null): ProviderFields['caps'] {
  return Object.fromEntries(Object.entries(caps ?? {}).filter(([, cap]) => cap !== null));
}

type Given = Partial<Omit<ProviderFields, 'sealed'>> & { sealed?: Uint8Array | null };

/** The fields of a body that are given; `known`: whose credentials they are. */
function readFields(
  body: Static<typeof CHANGE>,
  known: { id: string; hasCredentials: boolean },
  tools: ProviderTools,
): Given | { param: string; message: string } {
  const { name, weight, priority, ehlo_name: ehloName } = body;
  const caps = body.caps === undefined ? undefined : capsOf(body.caps);
  const given: Given = { name, weight, priority, ehloName, caps };
  const seal = (credentials: Static<typeof CREDENTIALS> | null): Uint8Array | null =>
    credentials === null ? null : tools.seal(credentials, `provider/${known.id}`);
  if (body.url === undefined) {
    if (body.credentials !== undefined) given.sealed = seal(body.credentials);
    return given;
  }
  const kept = body.credentials === undefined && known.hasCredentials ? 'kept' : null;
  const read = readAddress(tools, tools.read(body.url, body.credentials ?? kept), body.credentials, 'url');
  if (isFieldIssue(read)) return read;
  const { kind, url, endpoint } = read.address;
  Object.assign(given, { kind, url, endpoint });
  if (read.credentials !== null || body.credentials === null) given.sealed = seal(read.credentials);
  return given;
}

/** SES without keys of its own would be asked with the gateway's. */
const NO_KEYS = 'SES needs a key and its secret: ses://key:secret@region, with %2F for / in the secret.';

/** Of one tenant at once: each may take half a minute. */
const MOST_TESTS = 5;

const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const TAGS = ['Providers'];

export function providerRoutes(server: FastifyInstance, { store, problems, providers: tools }: AdminDeps): void {
  /** Providers that are being tested: one test of each at a time. */
  const testing = new Set<string>();
  const shown = async (request: FastifyRequest, provider: ManagedProvider): Promise<Static<typeof PROVIDER>> => {
    const { tenantNo, mode } = principalOf(request);
    const { providers } = await store.poolHeadroom({ tenantNo, mode, mailboxes: [] });
    return providerBody(provider, tools, providers.find(({ no }) => no === provider.no) ?? null);
  };

  server.get(
    '/v1/providers',
    {
      ...READING,
      schema: {
        summary: "List providers: the gateway's own, then the newest first",
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(PROVIDER, 'Providers') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      const [page, { providers }] = await Promise.all([
        store.providers({ ...pagingOf(request), tenantNo, mode }),
        store.poolHeadroom({ tenantNo, mode, mailboxes: [] }),
      ]);
      const ways = new Map(providers.map((way) => [way.no, way]));
      return pageBody(page, (provider) => providerBody(provider, tools, ways.get(provider.no) ?? null));
    },
  );

  server.get(
    '/v1/providers/:id',
    {
      ...READING,
      schema: {
        summary: 'Look at a provider, by id or name',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: PROVIDER },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const provider = await store.provider({ tenantNo, mode, id });
      return provider === null ? notFound(request, reply, problems, 'provider', id) : shown(request, provider);
    },
  );

  server.post(
    '/v1/providers',
    {
      ...CHANGING,
      schema: {
        summary: 'Add a provider',
        description:
          'It is active at once; test it with `POST /v1/providers/{id}/test`. Hosts in private ranges are refused unless the operator allows them.',
        tags: TAGS,
        body: CREATE,
        response: { 201: PROVIDER },
      },
    },
    async (request, reply) => {
      const body = request.body as Static<typeof CREATE>;
      const id = newId('prv');
      const given = readFields(body, { id, hasCredentials: false }, tools);
      if ('message' in given) return invalid(request, reply, problems, given.param, given.message);
      const { kind, url, endpoint, sealed = null } = given;
      if (kind === 'ses' && sealed === null) return invalid(request, reply, problems, 'url', NO_KEYS);
      const fields: ProviderFields = {
        ...{ name: body.name, kind: kind!, url: url!, endpoint: endpoint!, sealed },
        ...{ ehloName: given.ehloName ?? null, weight: given.weight ?? 1, priority: given.priority ?? 0 },
        caps: given.caps ?? {},
      };
      const { tenantNo, mode } = principalOf(request);
      const note = body.note ?? null;
      const made = await store.createProvider({ tenantNo, mode, id, fields, note, actor: actorOf(request) });
      if (made.outcome === 'done') return reply.code(201).send(await shown(request, made.provider));
      const about = { resource: 'provider', id: body.name, action: 'provider.create', taken: 'name' } as const;
      return refuseSender({ request, reply, problems }, made, about);
    },
  );

  server.patch(
    '/v1/providers/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Change a provider',
        description:
          'Raising or removing a cap needs a key with `approve` and a note. Where the address leads to another host, port or way of securing the connection, credentials must be given anew, and mailboxes on it lose theirs.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: PROVIDER },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const body = request.body as Static<typeof CHANGE>;
      const { tenantNo, mode } = principalOf(request);
      const known = await store.provider({ tenantNo, mode, id });
      if (known === null) return notFound(request, reply, problems, 'provider', id);
      const change = readFields(body, known, tools);
      if ('message' in change) return invalid(request, reply, problems, change.param, change.message);
      const note = body.note ?? null;
      const where = { tenantNo, mode, id: known.id, note, actor: actorOf(request) };
      const made = await store.changeProvider({ ...where, change });
      if (made.outcome === 'done') return shown(request, made.provider);
      if (made.outcome === 'no_keys') return invalid(request, reply, problems, 'url', NO_KEYS);
      const about = { resource: 'provider', id, action: 'provider.update', taken: 'name' } as const;
      return refuseSender({ request, reply, problems }, made, about);
    },
  );

  for (const [verb, on] of [
    ['activate', true],
    ['deactivate', false],
  ] as const) {
    server.post(
      `/v1/providers/:id/${verb}`,
      {
        ...CHANGING,
        schema: {
          summary: on ? 'Let mail leave through a provider again' : 'Let no mail leave through a provider',
          description: on
            ? "Also out of the state `error`. What a person turned off needs a key with `approve` and a note. `default` is the gateway's own."
            : "Mail on its way through it takes another way, or waits. `default` is the gateway's own: it is turned off for this tenant and mode alone.",
          tags: TAGS,
          params: ID_PARAMS,
          body: WHY,
          response: { 200: PROVIDER },
        },
      },
      async (request, reply) => {
        const { id } = request.params as Static<typeof ID_PARAMS>;
        const { tenantNo, mode } = principalOf(request);
        const note = (request.body as Static<typeof WHY> | undefined)?.note ?? null;
        const made = await store.turnProvider({ tenantNo, mode, id, on, note, actor: actorOf(request) });
        if (made.outcome === 'done') return shown(request, made.provider);
        const about = { resource: 'provider', id, action: `provider.${verb}`, taken: 'name' } as const;
        return refuseSender({ request, reply, problems }, made, about);
      },
    );
  }

  server.post(
    '/v1/providers/:id/test',
    {
      ...CHANGING,
      schema: {
        summary: 'Connect to a provider as a delivery would',
        description:
          'Resolves the name, connects, says EHLO, changes to TLS and signs in; sends no mail. What is wrong is said in words, and the state becomes `error`; one that works becomes `active` again, and one that was turned off stays off.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: TESTED },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const provider = await store.provider({ tenantNo, mode, id });
      if (provider === null) return notFound(request, reply, problems, 'provider', id);
      const name = `${tenantNo} ${mode} ${provider.id}`;
      const others = [...testing].filter((one) => one.startsWith(`${tenantNo} `)).length;
      if (testing.has(name) || others >= MOST_TESTS) {
        const evidence = { resource: 'provider', id, state: 'testing', action: 'provider.test' };
        const which = testing.has(name) ? 'It is being tested' : 'Others are being tested';
        return conflict(request, reply, problems, evidence, `${which} already: wait for that answer.`);
      }
      testing.add(name);
      try {
        const { ok, detail } = await tools.test(provider);
        const { no, version } = provider;
        if (no !== DEFAULT_PROVIDER) await store.noteProviderTest({ no, version, failure: ok ? null : detail });
        const now = await store.provider({ tenantNo, mode, id: provider.id });
        return { ok, detail, state: (now ?? provider).state };
      } finally {
        testing.delete(name);
      }
    },
  );

  server.delete(
    '/v1/providers/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove a provider',
        description: 'Refused while mailboxes are on it. Its name is free then; messages go on naming it.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: PROVIDER },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const gone = await store.deleteProvider({ tenantNo, mode, id, note: null, actor: actorOf(request) });
      if (gone.outcome === 'done') return providerBody(gone.provider, tools, null);
      const about = { resource: 'provider', id, action: 'provider.delete', taken: 'name' } as const;
      return refuseSender({ request, reply, problems }, gone, about);
    },
  );
}
