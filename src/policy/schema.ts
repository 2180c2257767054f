/**
 * The policy document as a JSON Schema (2020-12), made from the table of fields. Each field says in `x-stricter` in which
 * direction it is stricter: `lower`, `higher`, `true`, a list from lenient to strict, or `none` where the operator alone may set it.
 */
import { POLICY_DEFAULTS } from './document.ts';
import { type Field, type Fields, LIMIT_FIELDS, MOST_LIMITS, NAME, POLICY_FIELDS } from './fields.ts';
import { directionOf, LIMIT_STRICTER } from './resolve.ts';

export type JsonSchema = { [keyword: string]: unknown };

const NULL: JsonSchema = { type: 'null' };

function orNull(schema: JsonSchema, allowed: boolean | undefined): JsonSchema {
  return allowed === true ? { anyOf: [schema, NULL] } : schema;
}

function fieldSchema(field: Field, path: string, initial: unknown): JsonSchema {
  const about = { description: field.describe };
  if (field.kind === 'object') return { ...about, ...objectSchema(field.fields, path, initial) };
  if (field.kind === 'named') {
    const of = fieldSchema(field.of, `${path}.*`, undefined);
    const known = field.names === undefined ? { pattern: NAME.source } : { enum: field.names };
    const names = { propertyNames: known, maxProperties: field.most };
    return { type: 'object', ...about, ...names, additionalProperties: of, ...defaultOf(initial) };
  }
  if (field.kind === 'limits') return { ...about, ...limitsSchema(field.counts), ...defaultOf(initial) };
  return { ...valueSchema(field), ...about, 'x-stricter': directionOf(path), ...defaultOf(initial) };
}

function defaultOf(initial: unknown): JsonSchema {
  return initial === undefined ? {} : { default: initial };
}

function valueSchema(field: Exclude<Field, { kind: 'object' | 'named' | 'limits' }>): JsonSchema {
  switch (field.kind) {
    case 'word':
      return { type: 'string', enum: field.words };
    case 'flag':
      return { type: 'boolean' };
    case 'integer':
      return orNull({ type: 'integer', minimum: field.min, maximum: field.max }, field.orNull);
    case 'ratio':
      return { type: 'number', minimum: 0, maximum: 1 };
    case 'window':
      return { type: 'string', pattern: '^(rolling_[1-9][0-9]{0,6}[smhd]|calendar_(hour|day|month))$' };
    case 'duration':
      return orNull({ type: 'string', format: 'duration' }, field.orNull);
    case 'texts': {
      const format = field.email === true ? { format: 'email' } : {};
      const items = { type: 'string', minLength: 1, maxLength: field.maxLength, ...format };
      return { type: 'array', maxItems: field.most, uniqueItems: true, items };
    }
  }
}

function objectSchema(fields: Fields, path: string, initial: unknown): JsonSchema {
  const properties: JsonSchema = {};
  for (const [name, field] of Object.entries(fields)) {
    const held = (initial as Record<string, unknown> | undefined)?.[name];
    properties[name] = fieldSchema(field, path === '' ? name : `${path}.${name}`, held);
  }
  return { type: 'object', additionalProperties: false, properties };
}

function limitsSchema(counts: 'sends' | 'requests'): JsonSchema {
  const properties: JsonSchema = {};
  for (const [name, field] of Object.entries(LIMIT_FIELDS[counts])) {
    properties[name] = {
      ...limitFieldSchema(name, field),
      description: field.describe,
      'x-stricter': LIMIT_STRICTER[name as keyof typeof LIMIT_STRICTER],
    };
  }
  const required = ['name', 'scope', 'window', 'max'];
  const items = { type: 'object', additionalProperties: false, required, properties };
  return { type: 'array', maxItems: MOST_LIMITS, items, 'x-stricter': 'higher' };
}

function limitFieldSchema(name: string, field: Field): JsonSchema {
  if (name === 'name') return { type: 'string', pattern: NAME.source };
  if (name === 'window') {
    return { type: 'string', pattern: '^(rate|rolling_[1-9][0-9]{0,6}[smhd]|calendar_(hour|day|month))$' };
  }
  return valueSchema(field as Parameters<typeof valueSchema>[0]);
}

/** The schema of a whole document. */
export function policySchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Policy document',
    description:
      "What is in force is the default, then the plan, then the operator's document for the tenant (each replaces what it names), then the tenant's own, which only tightens.",
    ...objectSchema(POLICY_FIELDS, '', POLICY_DEFAULTS),
  };
}
