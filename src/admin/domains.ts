/**
 * Sender domains: what is to be published for them, what was found, and the keys that sign in their name.
 *
 * Whether a domain is verified follows from looks at its records alone; nobody sets it. Deliberately absent: giving out private
 * keys, and taking over a domain that another account holds.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { readDomain } from '../base/domain.ts';
import { newId } from '../base/ids.ts';
import { isLocalName, isPublicSuffix } from '../base/public-suffix.ts';
import { RECORD_PURPOSES, RECORD_STATES, type SenderRecord, senderRecords, UNCHECKED } from '../core/sender-records.ts';
import { SIMULATOR_DOMAIN } from '../core/simulator.ts';
import { formatTime } from '../core/time.ts';
import { DOMAIN_STATES, type DomainTrouble, type ManagedDomain } from '../data/port/domains.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { actorOf, conflict, invalid, notFound, principalOf } from './answers.ts';
import type { DomainChecks } from './domain-checks.ts';
import type { DomainKeyMaker } from './domain-keys.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';

export type DomainDeps = {
  store: Store;
  problems: Problems;
  checks: DomainChecks;
  keys: DomainKeyMaker;
  /** The gateway's own domain. */
  gateway: string;
};

const DOMAIN_NAME = Type.String({
  minLength: 1,
  maxLength: 253,
  description: 'The domain of the From addresses, in A- or U-labels.',
  examples: ['acme.example'],
});
const SELECTOR = Type.String({
  pattern: '^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$',
  description:
    'What the DKIM selectors begin with: the RSA key has this one, the Ed25519 key `…-ed`. One of its own for each domain unless said.',
  examples: ['pst7k2m9q'],
});
const CREATE = Type.Object({ domain: DOMAIN_NAME, selector: Type.Optional(SELECTOR) }, CLOSED);
const CHANGE = Type.Object({ selector: SELECTOR }, CLOSED);

const RECORD = Type.Object({
  type: Type.String(),
  name: Type.String({ description: 'The whole name.' }),
  host: Type.String({ description: 'The name without the domain, as many DNS panels ask for it.' }),
  value: Type.String(),
  purpose: Type.Enum([...RECORD_PURPOSES]),
  required: Type.Boolean({ description: 'Whether the domain is verified only with it.' }),
  state: Type.Enum([...RECORD_STATES], {
    description: '`unanswered`: the DNS gave no answer at the last look, which is never taken for missing.',
  }),
  found: orNull(Type.String(), { description: 'What stands there.' }),
  problem: orNull(Type.String(), { description: 'What is wrong, in a sentence.' }),
  keep_until: orNull(Type.String(), { description: 'Of a key that no longer signs: when its record may go.' }),
});
const KEY = Type.Object({
  selector: Type.String(),
  algorithm: Type.String(),
  state: Type.String({
    description: '`announced`: signs once its record is found; `signing`; `retiring`: listed until its record may go.',
  }),
  created_at: Type.String(),
  retires_at: orNull(Type.String()),
});
const DOMAIN = Type.Object({
  id: Type.String(),
  domain: Type.String({ description: 'In A-labels.' }),
  selector: Type.String(),
  state: Type.Enum([...DOMAIN_STATES], {
    description: '`failing`: it was verified and a required record is gone; sends go on until `blocks_at`.',
  }),
  problem: orNull(Type.String(), { description: 'Why it is not verified although its records stand.' }),
  verified_at: orNull(Type.String()),
  failing_since: orNull(Type.String()),
  blocks_at: orNull(Type.String()),
  checked_at: orNull(Type.String()),
  next_check_at: Type.String(),
  created_at: Type.String(),
  updated_at: Type.String(),
  records: Type.Array(RECORD),
  keys: Type.Array(KEY),
});

function domainBody(domain: ManagedDomain, { gateway, checks }: DomainDeps): Static<typeof DOMAIN> {
  const { name, token, keys } = domain;
  const records = senderRecords({ domain: name, token, keys, gateway, bounceHost: checks.bounceHost });
  return {
    id: domain.id,
    domain: name,
    selector: domain.selector,
    state: domain.state,
    problem: domain.problem,
    verified_at: timeOrNull(domain.verifiedAt),
    failing_since: timeOrNull(domain.failingSince),
    blocks_at: timeOrNull(domain.blocksAt),
    checked_at: timeOrNull(domain.checkedAt),
    next_check_at: formatTime(domain.nextCheckAt),
    created_at: formatTime(domain.createdAt),
    updated_at: formatTime(domain.updatedAt),
    records: records.map((record) => recordBody(record, domain)),
    keys: keys.map((key) => ({
      selector: key.selector,
      algorithm: key.algorithm,
      state: key.state,
      created_at: formatTime(key.createdAt),
      retires_at: timeOrNull(key.retiresAt),
    })),
  };
}

function recordBody(record: SenderRecord, domain: ManagedDomain): Static<typeof RECORD> {
  const { state, found, problem } = domain.findings[record.key] ?? UNCHECKED;
  const key = domain.keys.find(({ selector }) => record.key === `dkim:${selector}`);
  return {
    type: record.type,
    name: record.name,
    host: record.name.slice(0, -domain.name.length - 1),
    value: record.value,
    purpose: record.purpose,
    required: record.isRequired,
    state,
    found,
    problem,
    keep_until: timeOrNull(key?.retiresAt ?? null),
  };
}

const LONGEST = 253;
/** The longest name below it: a selector of a later generation. */
const SELECTOR_MARGIN = '-1000-ed._domainkey.'.length;

/** What keeps a name from becoming a sender domain, as a sentence; null: nothing. */
function nameTrouble(domain: string, selector: string, gateway: string): string | null {
  if (domain === gateway) return "This is the gateway's own domain: it needs no verification here.";
  if (domain.endsWith(`.${gateway}`)) return `${domain} lies below the gateway's own domain.`;
  if (isLocalName(domain) || domain === SIMULATOR_DOMAIN)
    return `${domain} is a name that the DNS of the world does not know.`;
  if (isPublicSuffix(domain)) return `Anybody may register names below ${domain}: give the one that is yours.`;
  if (domain.length + selector.length + SELECTOR_MARGIN > LONGEST) {
    return 'The domain is too long: with a DKIM selector before it the name has more than 253 octets.';
  }
  return null;
}

/** Like the labels people see in DNS panels: lower case without digits that look like letters. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

function randomLabel(length: number): string {
  // 256 is no multiple of 31; a bias of one in eight harms neither use.
  return Array.from(randomBytes(length), (octet) => ALPHABET[octet % ALPHABET.length]).join('');
}

const TOKEN_LENGTH = 32;
const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const TAGS = ['Domains'];

export function domainRoutes(server: FastifyInstance, deps: DomainDeps): void {
  const { store, problems, checks, keys, gateway } = deps;

  server.get(
    '/v1/domains',
    {
      ...READING,
      schema: {
        summary: 'List sender domains, newest first',
        tags: TAGS,
        querystring: listQuery({ domain: Type.Optional(DOMAIN_NAME) }),
        response: { 200: listOf(DOMAIN, 'Domains') },
      },
    },
    async (request) => {
      const { domain } = request.query as { domain?: string };
      const { tenantNo, mode } = principalOf(request);
      const name = domain === undefined ? null : keyOf(domain);
      return pageBody(await store.domains({ ...pagingOf(request), tenantNo, mode, name }), (one) =>
        domainBody(one, deps),
      );
    },
  );

  server.get(
    '/v1/domains/:id',
    {
      ...READING,
      schema: {
        summary: 'Look at a sender domain, by id or name',
        description: 'As the last look at its records left it; `POST …/verify` looks anew.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: DOMAIN },
      },
    },
    async (request, reply) => {
      const domain = await asked(request);
      return domain === null ? gone(request, reply) : domainBody(domain, deps);
    },
  );

  server.post(
    '/v1/domains',
    {
      ...CHANGING,
      schema: {
        summary: 'Add a sender domain',
        description:
          'Makes its DKIM keys and answers with the records to publish. A verified domain stands for the names below it too, unless one of these is added itself. Where two accounts add the same domain, the first that is verified keeps it as long as its ownership record stands.',
        tags: TAGS,
        body: CREATE,
        response: { 201: DOMAIN },
      },
    },
    async (request, reply) => {
      const body = request.body as Static<typeof CREATE>;
      const selector = body.selector ?? `pst${randomLabel(6)}`;
      const read = readDomain(body.domain);
      if (!read.ok) return invalid(request, reply, problems, 'domain', read.message);
      if (read.isMixedScript) {
        return invalid(request, reply, problems, 'domain', 'The domain mixes scripts as imitations do (UTS 39).');
      }
      const name = read.domain;
      const trouble = nameTrouble(name, selector, gateway);
      if (trouble !== null) return invalid(request, reply, problems, 'domain', trouble);
      const { tenantNo, mode } = principalOf(request);
      // Keys take a while to make: not for what is there already.
      const known = await store.domain({ tenantNo, mode, id: name });
      if (known !== null) return refuse(request, reply, { outcome: 'taken' }, name, 'domain.create');
      const id = newId('dom');
      const made = await store.createDomain({
        tenantNo,
        mode,
        id,
        name,
        selector,
        token: randomLabel(TOKEN_LENGTH),
        keys: await keys.pairFor(id, 1),
        actor: actorOf(request),
      });
      if (made.outcome === 'done') return reply.code(201).send(domainBody(made.domain, deps));
      return refuse(request, reply, made, name, 'domain.create');
    },
  );

  server.patch(
    '/v1/domains/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Change the selector of a sender domain',
        description: 'At once while it is pending and was never verified; else for the keys that are made next.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: DOMAIN },
      },
    },
    async (request, reply) => {
      const { selector } = request.body as Static<typeof CHANGE>;
      const domain = await asked(request);
      if (domain === null) return gone(request, reply);
      const trouble = nameTrouble(domain.name, selector, gateway);
      if (trouble !== null) return invalid(request, reply, problems, 'selector', trouble);
      const { tenantNo, mode } = principalOf(request);
      const changed = await store.changeDomain({ tenantNo, mode, id: domain.id, selector, actor: actorOf(request) });
      if (changed.outcome === 'done') return domainBody(changed.domain, deps);
      return refuse(request, reply, changed, domain.id, 'domain.change');
    },
  );

  server.delete(
    '/v1/domains/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove a sender domain',
        description:
          'Its private keys are gone at once. Mail that waits is looked at once more before it leaves, and refused where a verified domain is asked for.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: DOMAIN },
      },
    },
    async (request, reply) => {
      const domain = await asked(request);
      if (domain === null) return gone(request, reply);
      const { tenantNo, mode } = principalOf(request);
      const removed = await store.deleteDomain({ tenantNo, mode, id: domain.id, actor: actorOf(request) });
      if (removed.outcome !== 'done') return refuse(request, reply, removed, domain.id, 'domain.delete');
      checks.changed(tenantNo);
      return domainBody(removed.domain, deps);
    },
  );

  server.post(
    '/v1/domains/:id/verify',
    {
      ...CHANGING,
      schema: {
        summary: 'Look at the records of a sender domain now',
        description:
          'Asks the DNS for every record and answers with what was found. A record that was set just now may be seen later: resolvers keep older answers.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: DOMAIN },
      },
    },
    async (request, reply) => {
      const domain = await asked(request);
      const { tenantNo } = principalOf(request);
      const looked = domain === null ? null : await checks.look({ no: domain.no, tenantNo });
      return looked === null ? gone(request, reply) : domainBody(looked, deps);
    },
  );

  server.post(
    '/v1/domains/:id/rotate-keys',
    {
      ...CHANGING,
      schema: {
        summary: 'Make new DKIM keys for a sender domain',
        description:
          'The new keys are announced as records first, under selectors of their own; each signs once its record is found. The old ones stay listed for seven days from then on, so that mail under way can be checked, and their private parts are gone at once.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: DOMAIN },
      },
    },
    async (request, reply) => {
      const domain = await asked(request);
      if (domain === null) return gone(request, reply);
      const { id, keys: present } = domain;
      if (present.some(({ state }) => state === 'announced')) {
        return refuse(request, reply, { outcome: 'rotating' }, id, 'domain.rotate_keys');
      }
      const after = Math.max(...present.map(({ generation }) => generation));
      const { tenantNo, mode } = principalOf(request);
      const rotated = await store.rotateDomainKeys({
        tenantNo,
        mode,
        id,
        after,
        keys: await keys.pairFor(id, after + 1),
        actor: actorOf(request),
      });
      if (rotated.outcome === 'done') return domainBody(rotated.domain, deps);
      return refuse(request, reply, rotated, id, 'domain.rotate_keys');
    },
  );

  function asked(request: FastifyRequest): Promise<ManagedDomain | null> {
    const { id } = request.params as Static<typeof ID_PARAMS>;
    const { tenantNo, mode } = principalOf(request);
    return store.domain({ tenantNo, mode, id: id.startsWith('dom_') ? id : keyOf(id) });
  }

  function gone(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { id } = request.params as Static<typeof ID_PARAMS>;
    return notFound(request, reply, problems, 'domain', id);
  }

  function refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    trouble: DomainTrouble,
    id: string,
    action: string,
  ): FastifyReply {
    switch (trouble.outcome) {
      case 'missing':
        return notFound(request, reply, problems, 'domain', id);
      case 'taken': {
        const evidence = { resource: 'domain', id, state: 'added', action };
        return conflict(
          request,
          reply,
          problems,
          evidence,
          `The domain ${id} is added already: see GET /v1/domains/${id}.`,
        );
      }
      case 'too_many': {
        const evidence = { resource: 'domain', id, state: 'full', action };
        return conflict(request, reply, problems, evidence, `An account has at most ${trouble.most} domains.`);
      }
      case 'rotating': {
        const evidence = { resource: 'domain', id, state: 'rotating', action };
        const detail = 'The records of the keys that were announced last are not found yet: publish them first.';
        return conflict(request, reply, problems, evidence, detail);
      }
    }
  }
}

/** The form in which names are kept; what is no name finds nothing. */
function keyOf(name: string): string {
  const read = readDomain(name);
  return read.ok ? read.domain : name;
}
