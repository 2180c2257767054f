/** The check of a template and its rendering with given data: what a send would meet, with nothing sent. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { LINT_NAMES, type LintLevel, lintLevel } from '../core/lints.ts';
import type { MessageKind } from '../core/message.ts';
import type { TemplateRow } from '../data/port/templates.ts';
import type { RenderFailure } from '../policy/facts-template.ts';
import { type Compiled, compileTemplate } from '../templates/compile.ts';
import { type LintFinding, lintRendered, lintTemplate } from '../templates/lint.ts';
import { renderTemplate } from '../templates/render.ts';
import { notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, orNull } from './shapes.ts';
import { KIND } from './template-shapes.ts';

const WHICH = {
  version: Type.Optional(orNull(Type.Integer({ minimum: 1 }), { description: 'The newest unless said.' })),
  kind: Type.Optional(orNull(KIND, { description: "The kind of mail it is used for; the template's unless said." })),
};
const LINT = orNull(Type.Object(WHICH, CLOSED));
const RENDER = orNull(
  Type.Object(
    { ...WHICH, data: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'As in a send.' })) },
    CLOSED,
  ),
);
const FINDING = Type.Object({
  name: Type.Enum([...LINT_NAMES]),
  severity: Type.Enum(['warn', 'error'], { description: 'As the policy in force has it: an `error` refuses sends.' }),
  message: Type.String(),
  part: orNull(Type.String({ description: '`subject`, `html` or `text`.' })),
  line: orNull(Type.Integer()),
  column: orNull(Type.Integer()),
});
const LINTED = Type.Object({
  id: Type.String(),
  slug: Type.String(),
  version: Type.Integer(),
  errors: Type.Integer(),
  warnings: Type.Integer(),
  findings: Type.Array(FINDING),
});
const RENDERED = Type.Object({
  id: Type.String(),
  slug: Type.String(),
  version: Type.Integer(),
  kind: Type.String(),
  subject: Type.String(),
  html: orNull(Type.String()),
  text: orNull(Type.String()),
  warnings: Type.Array(FINDING, { description: 'What the check found, errors first.' }),
});

const READING = { config: { scopes: ['read', 'send', 'manage', 'approve'] } } as const;
const TAGS = ['Templates'];

type Body = { version?: number | null; kind?: MessageKind | null; data?: Record<string, unknown> } | undefined | null;
type Ready = { row: TemplateRow; compiled: Compiled; kind: MessageKind };

export function templateChecks(server: FastifyInstance, deps: AdminDeps): void {
  server.post(
    '/v1/templates/:id/lint',
    {
      ...READING,
      schema: {
        summary: 'Check a template',
        description:
          'Lists what the check finds in a version, each finding with its place. Lints that the policy turns off are left out.',
        tags: TAGS,
        params: ID_PARAMS,
        body: LINT,
        response: { 200: LINTED },
      },
    },
    async (request, reply) => {
      const ready = await readyOf(request, reply, deps);
      if (!('compiled' in ready)) return ready;
      const { row, compiled, kind } = ready;
      const findings = await levelled(request, deps, lintTemplate(compiled, kind));
      const errors = findings.filter(({ severity }) => severity === 'error').length;
      return { ...nameOf(row), errors, warnings: findings.length - errors, findings };
    },
  );

  server.post(
    '/v1/templates/:id/render',
    {
      ...READING,
      schema: {
        summary: 'Fill a template in',
        description:
          'What a send with these data would contain; nothing is sent. The link for unsubscribing is a placeholder: each recipient gets one of their own.',
        tags: TAGS,
        params: ID_PARAMS,
        body: RENDER,
        response: { 200: RENDERED },
      },
    },
    async (request, reply) => {
      const ready = await readyOf(request, reply, deps);
      if (!('compiled' in ready)) return ready;
      const { row, compiled, kind } = ready;
      const data = (request.body as Body)?.data ?? {};
      const { tenantNo, mode } = principalOf(request);
      const { now } = await deps.store.templateFor({ tenantNo, mode, id: row.id, version: row.version.version });
      const rendering = renderTemplate(compiled, data, now);
      if (!rendering.ok) return refuseRendering(request, reply, deps, row, rendering.failure);
      const { content } = rendering;
      const found = [...lintTemplate(compiled, kind), ...lintRendered(content)];
      const warnings = await levelled(request, deps, found);
      return { ...nameOf(row), kind, ...content, warnings };
    },
  );
}

function nameOf(row: TemplateRow): { id: string; slug: string; version: number } {
  return { id: row.id, slug: row.slug, version: row.version.version };
}

/** The version that is meant, compiled; else the answer that says why not. */
async function readyOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { store, problems }: AdminDeps,
): Promise<Ready | FastifyReply> {
  const { id } = request.params as Static<typeof ID_PARAMS>;
  const { version = null, kind } = (request.body as Body) ?? {};
  const { tenantNo, mode } = principalOf(request);
  const row = await store.template({ tenantNo, mode, id, version });
  if (row === null) return notFound(request, reply, problems, 'template', id);
  const compilation = compileTemplate(row.version);
  if (!compilation.ok) return refuseRendering(request, reply, { problems }, row, compilation.faults[0]!);
  return { row, compiled: compilation.compiled, kind: kind ?? row.version.kind };
}

function refuseRendering(
  request: FastifyRequest,
  reply: FastifyReply,
  { problems }: Pick<AdminDeps, 'problems'>,
  row: TemplateRow,
  failure: RenderFailure,
): FastifyReply {
  const evidence = { template: row.slug, version: row.version.version, ...failure };
  const scope = { kind: 'template', id: row.id };
  const reason = { code: 'template_render_failed', scope, clearsAt: null, evidence } as const;
  return problems.send(request, reply, { reasons: [reason], messageId: null });
}

/** Findings with the level that the policy in force gives them, errors first. */
async function levelled(
  request: FastifyRequest,
  { store }: AdminDeps,
  found: readonly LintFinding[],
): Promise<Static<typeof FINDING>[]> {
  const { tenantNo, mode } = principalOf(request);
  const { inForce } = await store.policyState({ owner: 'tenant', tenantNo, mode });
  const levels = inForce.document.templates.lint as Record<string, LintLevel>;
  const findings = found.flatMap(({ lint, ...finding }) => {
    const severity = lintLevel(lint, levels);
    return severity === 'off' ? [] : [{ name: lint, severity, ...finding }];
  });
  return findings.sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}
