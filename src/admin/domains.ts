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
import { SIMULATOR_DOMAIN } from '../core/simulator.ts';
import type { DomainTrouble, ManagedDomain } from '../data/port/domains.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { actorOf, conflict, invalid, notFound, principalOf } from './answers.ts';
import { DOMAIN, domainBody } from './domain-body.ts';
import type { DomainChecks } from './domain-checks.ts';
import type { DomainKeyMaker } from './domain-keys.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, pageBody, pagingOf } from './shapes.ts';

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
  const bodyOf = (domain: ManagedDomain) => domainBody(domain, { gateway, bounceHost: checks.bounceHost });

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
      return pageBody(await store.domains({ ...pagingOf(request), tenantNo, mode, name }), bodyOf);
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
    about(async (domain) => bodyOf(domain)),
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
      if (made.outcome === 'done') return reply.code(201).send(bodyOf(made.domain));
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
    about(async (domain, request, reply) => {
      const { selector } = request.body as Static<typeof CHANGE>;
      const trouble = nameTrouble(domain.name, selector, gateway);
      if (trouble !== null) return invalid(request, reply, problems, 'selector', trouble);
      const { tenantNo, mode } = principalOf(request);
      const changed = await store.changeDomain({ tenantNo, mode, id: domain.id, selector, actor: actorOf(request) });
      if (changed.outcome === 'done') return bodyOf(changed.domain);
      return refuse(request, reply, changed, domain.id, 'domain.change');
    }),
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
    about(async (domain, request, reply) => {
      const { tenantNo, mode } = principalOf(request);
      const removed = await store.deleteDomain({ tenantNo, mode, id: domain.id, actor: actorOf(request) });
      if (removed.outcome !== 'done') return refuse(request, reply, removed, domain.id, 'domain.delete');
      checks.changed(tenantNo);
      return bodyOf(removed.domain);
    }),
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
    about(async ({ no }, request, reply) => {
      const looked = await checks.look({ no, tenantNo: principalOf(request).tenantNo });
      return looked === null ? gone(request, reply) : bodyOf(looked);
    }),
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
    about(async ({ id, keys: present }, request, reply) => {
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
      if (rotated.outcome === 'done') return bodyOf(rotated.domain);
      return refuse(request, reply, rotated, id, 'domain.rotate_keys');
    }),
  );

  /** What a route does with the domain that it names. */
  function about(act: (domain: ManagedDomain, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>) {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const domain = await store.domain({ tenantNo, mode, id: id.startsWith('dom_') ? id : keyOf(id) });
      return domain === null ? gone(request, reply) : act(domain, request, reply);
    };
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
    if (trouble.outcome === 'missing') return notFound(request, reply, problems, 'domain', id);
    const [state, detail] = conflictOf(trouble, id);
    return conflict(request, reply, problems, { resource: 'domain', id, state, action }, detail);
  }
}

function conflictOf(
  trouble: Exclude<DomainTrouble, { outcome: 'missing' }>,
  id: string,
): [state: string, detail: string] {
  switch (trouble.outcome) {
    case 'taken':
      return ['added', `The domain ${id} is added already: see GET /v1/domains/${id}.`];
    case 'too_many':
      return ['full', `An account has at most ${trouble.most} domains.`];
    case 'rotating':
      return ['rotating', 'The records of the keys that were announced last are not found yet: publish them first.'];
  }
}

/** The form in which names are kept; what is no name finds nothing. */
function keyOf(name: string): string {
  const read = readDomain(name);
  return read.ok ? read.domain : name;
}
