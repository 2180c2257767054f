/**
 * Templates: mail written once, in Liquid, in numbered versions, and filled in by each send.
 *
 * What cannot be parsed is refused here, so that every stored version can be rendered. What is stored decides whether a version may
 * be sent; a person's key alone approves. Deliberately absent: partial templates and layouts.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { newId } from '../base/ids.ts';
import type { TemplateAnswer, TemplateRow, TemplateSource } from '../data/port/templates.ts';
import type { Problems } from '../http/problems.ts';
import { compileTemplate } from '../templates/compile.ts';
import { actorOf, conflict, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, listOf, listQuery, NOTE, orNull, pageBody, pagingOf } from './shapes.ts';
import { templateChecks } from './template-checks.ts';
import {
  CHANGE,
  CREATE,
  duplicateVariable,
  sourceOf,
  TEMPLATE,
  templateBody,
  VERSION,
  VERSION_QUERY,
  versionBody,
  versionOf,
} from './template-shapes.ts';

const CHANGING = { config: { scopes: ['manage', 'approve'] } } as const;
const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const TAGS = ['Templates'];
const DECIDING = orNull(
  Type.Object(
    {
      version: Type.Optional(orNull(Type.Integer({ minimum: 1 }), { description: 'The version meant.' })),
      note: Type.Optional(orNull(NOTE)),
    },
    CLOSED,
  ),
);

type At = { request: FastifyRequest; reply: FastifyReply; problems: Problems };

function answer(at: At, made: TemplateAnswer, id: string, action: string): FastifyReply | object {
  const { request, reply, problems } = at;
  switch (made.outcome) {
    case 'done':
      return templateBody(made.template);
    case 'missing':
      return notFound(request, reply, problems, 'template', id);
    case 'taken': {
      const evidence = { resource: 'template', id, state: 'taken', action };
      return conflict(request, reply, problems, evidence, 'Another template has this slug.');
    }
    case 'conflict': {
      const evidence = { resource: 'template', id, state: made.state, action };
      const detail = `Version ${made.version} is ${made.state}; ${NEEDED[action] ?? 'that does not fit'}.`;
      return conflict(request, reply, problems, evidence, detail);
    }
    case 'human_decision_required':
      return refuseLoosening(request, reply, problems, made, action);
  }
}

const NEEDED: Readonly<Record<string, string>> = {
  'template.submit': 'only a draft is submitted: write a new version',
  'template.approve': 'only a submitted version is approved',
  'template.reject': 'only a submitted version is rejected',
};

/** What is wrong with a source that was written, part by part with its place; null when it can be stored. */
function refuseSource(at: At, source: TemplateSource): FastifyReply | null {
  const { request, reply, problems } = at;
  if (source.html === null && source.text === null) {
    const message = 'A template needs at least one of "html" and "text".';
    return problems.invalid(request, reply, [{ code: 'missing_parameter', param: 'text', message }]);
  }
  const twice = duplicateVariable(source);
  if (twice !== null) return problems.invalid(request, reply, [twice]);
  const compilation = compileTemplate(source);
  if (compilation.ok) return null;
  return problems.invalid(
    request,
    reply,
    compilation.faults.map(({ part, line, column, message }) => ({
      code: 'invalid_parameter',
      param: part,
      message: `Line ${line ?? 1}, column ${column ?? 1}: ${message}.`,
    })),
  );
}

export function templateRoutes(server: FastifyInstance, deps: AdminDeps): void {
  readRoutes(server, deps);
  writeRoutes(server, deps);
  stateRoutes(server, deps);
  templateChecks(server, deps);
}

function readRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/templates',
    {
      ...READING,
      schema: {
        summary: 'List templates, newest first',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(TEMPLATE, 'Templates, each with its newest version') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      return pageBody(await store.templates({ ...pagingOf(request), tenantNo, mode }), templateBody);
    },
  );

  server.get(
    '/v1/templates/:id',
    {
      ...READING,
      schema: {
        summary: 'Look at a template, by id or slug',
        description: 'In its newest version, or the one in the query.',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: VERSION_QUERY,
        response: { 200: TEMPLATE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const template = await store.template({ tenantNo, mode, id, version: versionOf(request) });
      return template === null ? notFound(request, reply, problems, 'template', id) : templateBody(template);
    },
  );

  server.get(
    '/v1/templates/:id/versions',
    {
      ...READING,
      schema: {
        summary: 'List the versions of a template, newest first',
        tags: TAGS,
        params: ID_PARAMS,
        querystring: listQuery(),
        response: { 200: listOf(VERSION, 'Versions') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const page = await store.templateVersions({ ...pagingOf(request), tenantNo, mode, id });
      return page === null ? notFound(request, reply, problems, 'template', id) : pageBody(page, versionBody);
    },
  );
}

function writeRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.post(
    '/v1/templates',
    {
      ...CHANGING,
      schema: {
        summary: 'Make a template',
        description:
          'Its first version is a draft. Parts are Liquid; values are escaped in HTML. `{{ unsubscribe_url }}` is the link by which each recipient unsubscribes.',
        tags: TAGS,
        body: CREATE,
        response: { 201: TEMPLATE },
      },
    },
    async (request, reply) => {
      const body = request.body as Static<typeof CREATE>;
      const source = sourceOf(body);
      const refused = refuseSource({ request, reply, problems }, source);
      if (refused !== null) return refused;
      const { tenantNo, mode } = principalOf(request);
      const id = newId('tpl');
      const made = await store.createTemplate({
        tenantNo,
        mode,
        id,
        slug: body.slug,
        source,
        actor: actorOf(request),
      });
      if (made.outcome === 'done') reply.code(201);
      return answer({ request, reply, problems }, made, body.slug, 'template.create');
    },
  );

  server.patch(
    '/v1/templates/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Change a template',
        description:
          'Makes the next version, a draft; what the body leaves out is taken from the newest. Another slug alone makes none.',
        tags: TAGS,
        params: ID_PARAMS,
        body: CHANGE,
        response: { 200: TEMPLATE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const before = await store.template({ tenantNo, mode, id, version: null });
      if (before === null) return notFound(request, reply, problems, 'template', id);
      const { slug, ...given } = request.body as Static<typeof CHANGE>;
      const change = changeOf(given, before);
      const refused = refuseSource({ request, reply, problems }, { ...before.version, ...change });
      if (refused !== null) return refused;
      const made = await store.changeTemplate({ tenantNo, mode, id, slug, change, actor: actorOf(request) });
      return answer({ request, reply, problems }, made, id, 'template.change');
    },
  );

  server.delete(
    '/v1/templates/:id',
    {
      ...CHANGING,
      schema: {
        summary: 'Remove a template',
        description: 'Its slug is free then. Messages that were made from it stay as they are.',
        tags: TAGS,
        params: ID_PARAMS,
        response: { 200: TEMPLATE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { tenantNo, mode } = principalOf(request);
      const gone = await store.deleteTemplate({ tenantNo, mode, id, actor: actorOf(request) });
      return answer({ request, reply, problems }, gone, id, 'template.delete');
    },
  );
}

/** What the body gives, and nothing else: null takes a part or the declaration away. */
function changeOf(given: Omit<Static<typeof CHANGE>, 'slug'>, before: TemplateRow): Partial<TemplateSource> {
  const whole = sourceOf({ ...before.version, ...given, kind: given.kind ?? before.version.kind });
  const names = Object.keys(given).filter((name) => given[name as keyof typeof given] !== undefined);
  return Object.fromEntries(names.map((name) => [name, whole[name as keyof TemplateSource]]));
}

function stateRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.post(
    '/v1/templates/:id/submit',
    {
      ...CHANGING,
      schema: {
        summary: 'Submit a version for approval',
        description: 'The newest, unless the body names another. Only a draft can be submitted.',
        tags: TAGS,
        params: ID_PARAMS,
        body: DECIDING,
        response: { 200: TEMPLATE },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const made = await store.submitTemplate({ ...named(request), id, actor: actorOf(request) });
      return answer({ request, reply, problems }, made, id, 'template.submit');
    },
  );
  for (const [verb, decision] of [
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ] as const) {
    server.post(
      `/v1/templates/:id/${verb}`,
      {
        ...CHANGING,
        schema: {
          summary: verb === 'approve' ? 'Approve a version' : 'Reject a version',
          description: `A person decides: needs a key with \`approve\`${verb === 'approve' ? ' and a note' : ''}. The newest submitted version, unless the body names another.`,
          tags: TAGS,
          params: ID_PARAMS,
          body: DECIDING,
          response: { 200: TEMPLATE },
        },
      },
      async (request, reply) => {
        const { id } = request.params as Static<typeof ID_PARAMS>;
        const made = await store.decideTemplate({ ...named(request), id, decision, actor: actorOf(request) });
        return answer({ request, reply, problems }, made, id, `template.${verb}`);
      },
    );
  }
}

function named(request: FastifyRequest) {
  const { tenantNo, mode } = principalOf(request);
  const body = (request.body ?? {}) as { version?: number | null; note?: string | null };
  return { tenantNo, mode, version: body.version ?? null, note: body.note ?? null };
}
