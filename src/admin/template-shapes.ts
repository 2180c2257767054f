/** Shapes of templates in requests and answers. */
import type { FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Issue } from '../core/explain.ts';
import type { MessageKind } from '../core/message.ts';
import { formatTime } from '../core/time.ts';
import {
  type TemplateRow,
  type TemplateSource,
  type TemplateVariable,
  type TemplateVersion,
  VARIABLE_TYPES,
  type VariableType,
} from '../data/port/templates.ts';
import { TEMPLATE_STATES } from '../policy/facts-template.ts';
import { MOST_SOURCE } from '../templates/engine.ts';
import { CLOSED, orNull, timeOrNull } from './shapes.ts';

const SLUG = Type.String({
  // What begins like an id could be taken for another template.
  pattern: '^(?!tpl_)[a-z0-9][a-z0-9._-]{0,63}$',
  description: 'How sends name it: a-z, 0-9, dot, underscore and hyphen.',
  examples: ['quote-ready'],
});
export const KIND = Type.Enum(['transactional', 'marketing'], {
  description: 'Every message made from a `marketing` template is marketing mail.',
});
const NAME_PATTERN = '^[A-Za-z_][A-Za-z0-9_-]{0,63}$';
const NAME = Type.String({ pattern: NAME_PATTERN, description: 'As the template writes it.' });
const MOST_VARIABLES = 200;
const TYPE = Type.Enum([...VARIABLE_TYPES], { description: 'Checked in every send; `any` unless said.' });
const DECLARED = {
  type: Type.Optional(TYPE),
  required: Type.Optional(
    orNull(Type.Boolean(), {
      description: 'True: must be given. False: is empty where it is not. Absent: required where the template uses it.',
    }),
  ),
  default: Type.Optional(Type.Unknown({ description: 'Put in where the data leave it out.' })),
  description: Type.Optional(orNull(Type.String({ maxLength: 500 }))),
};
const VARIABLE = Type.Object({ name: NAME, ...DECLARED }, CLOSED);
const DECLARATION = Type.Object(DECLARED, CLOSED);
const BY_NAME = Type.Unsafe<Record<string, VariableType | Static<typeof DECLARATION>>>({
  type: 'object',
  maxProperties: MOST_VARIABLES,
  propertyNames: { pattern: NAME_PATTERN },
  additionalProperties: Type.Union([TYPE, DECLARATION]),
});
const VARIABLES = orNull(
  Type.Union([Type.Array(Type.Union([NAME, VARIABLE]), { maxItems: MOST_VARIABLES }), BY_NAME]),
  {
    description:
      'What the data of a send may bring: a list of names or objects, or an object of types or objects by name. Absent or null: not declared, anything may be used.',
  },
);
const part = (description: string) => orNull(Type.String({ maxLength: MOST_SOURCE }), { description });

const PARTS = {
  html: Type.Optional(part('Liquid that makes HTML; values are escaped.')),
  text: Type.Optional(part('Liquid that makes plain text.')),
  variables: Type.Optional(VARIABLES),
};
const SUBJECT = Type.String({ minLength: 1, maxLength: 4000, description: 'Liquid that makes one line.' });

export const CREATE = Type.Object({ slug: SLUG, kind: Type.Optional(KIND), subject: SUBJECT, ...PARTS }, CLOSED);
export const CHANGE = Type.Object(
  { slug: Type.Optional(SLUG), kind: Type.Optional(KIND), subject: Type.Optional(SUBJECT), ...PARTS },
  { ...CLOSED, minProperties: 1 },
);

const WRITTEN = {
  kind: Type.String(),
  subject: Type.String(),
  html: orNull(Type.String()),
  text: orNull(Type.String()),
  variables: orNull(Type.Array(VARIABLE)),
  state: Type.Enum([...TEMPLATE_STATES]),
  author: Type.String(),
  submitted_at: orNull(Type.String()),
  decided_at: orNull(Type.String()),
  decided_by: orNull(Type.String()),
  note: orNull(Type.String({ description: 'Of the decision, else of the submission.' })),
};
export const VERSION = Type.Object({ version: Type.Integer(), ...WRITTEN, created_at: Type.String() });
export const TEMPLATE = Type.Object({
  id: Type.String({ examples: ['tpl_01jb2m3n4p5q6r7s8t9v0w1x2y'] }),
  slug: Type.String(),
  version: Type.Integer({ description: 'The version that is shown.' }),
  newest_version: Type.Integer(),
  approved_version: orNull(Type.Integer(), { description: 'The newest that is approved.' }),
  ...WRITTEN,
  created_at: Type.String(),
  updated_at: Type.String(),
});

export const VERSION_QUERY = Type.Object(
  { version: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'The newest unless said.' })) },
  CLOSED,
);

export function versionOf(request: FastifyRequest): number | null {
  const { version } = request.query as Static<typeof VERSION_QUERY>;
  return version === undefined ? null : Number(version);
}

type Written = {
  kind?: MessageKind | string;
  subject?: string;
  html?: string | null;
  text?: string | null;
  variables?: (string | Static<typeof VARIABLE>)[] | Static<typeof BY_NAME> | null;
};

/** A source in its stored form. */
export function sourceOf({ kind, subject, html, text, variables }: Written): TemplateSource {
  return {
    kind: kind === 'marketing' ? 'marketing' : 'transactional',
    subject: subject ?? '',
    html: html ?? null,
    text: text ?? null,
    variables: variables == null ? null : listOf(variables).map(variableOf),
  };
}

function listOf(variables: NonNullable<Written['variables']>): (string | Static<typeof VARIABLE>)[] {
  if (Array.isArray(variables)) return variables;
  return Object.entries(variables).map(([name, said]) =>
    typeof said === 'string' ? { name, type: said } : { name, ...said },
  );
}

function variableOf(given: string | Static<typeof VARIABLE>): TemplateVariable {
  if (typeof given === 'string') return { name: given, type: 'any', required: null, description: null };
  const { name, type = 'any', required = null, description = null } = given;
  const initial = given.default === undefined ? {} : { default: given.default };
  return { name, type, required, ...initial, description };
}

export function duplicateVariable({ variables }: TemplateSource): Issue | null {
  const names = (variables ?? []).map(({ name }) => name);
  const i = names.findIndex((name, at) => names.indexOf(name) < at);
  if (i < 0) return null;
  return { code: 'invalid_parameter', param: `variables[${i}].name`, message: 'It stands twice in the list.' };
}

export function versionBody(version: TemplateVersion): Static<typeof VERSION> {
  return {
    version: version.version,
    kind: version.kind,
    subject: version.subject,
    html: version.html,
    text: version.text,
    variables: version.variables,
    state: version.state,
    author: version.author,
    submitted_at: timeOrNull(version.submittedAt),
    decided_at: timeOrNull(version.decidedAt),
    decided_by: version.decidedBy,
    note: version.note,
    created_at: formatTime(version.createdAt),
  };
}

export function templateBody(template: TemplateRow): Static<typeof TEMPLATE> {
  return {
    id: template.id,
    slug: template.slug,
    newest_version: template.newestVersion,
    approved_version: template.approvedVersion,
    ...versionBody(template.version),
    created_at: formatTime(template.createdAt),
    updated_at: formatTime(template.updatedAt),
  };
}
