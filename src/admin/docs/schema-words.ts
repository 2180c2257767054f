/** JSON Schemas in words: what a value is, and the fields of an object with those of the objects in it. Pure. */
import { type Html, html } from './html.ts';

export type Schema = {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  enum?: unknown[];
  format?: string;
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  maxItems?: number;
  default?: unknown;
};

export type Field = { name: string; required: boolean; type: Html; description: string };

const MOST_WORDS_INLINE = 6;
const MOST_DEPTH = 4;

export function anchorOf(component: string): string {
  return `shape-${component}`;
}

/** What a value is: `list of Reason or null`. */
export function typeOf(schema: Schema | undefined): Html {
  if (schema === undefined) return html`any value`;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
    return html`<a href="#${anchorOf(name)}">${name}</a>`;
  }
  if (schema.anyOf !== undefined) return alternatives(schema.anyOf);
  if (schema.enum !== undefined) return words(schema.enum);
  if (schema.type === 'array') return html`list of ${typeOf(schema.items)}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object' && schema.properties === undefined) {
    return html`object of ${typeOf(schema.additionalProperties)}`;
  }
  if (schema.format === 'date-time') return html`time`;
  return html`${[schema.type ?? 'any value'].flat().join(' or ')}`;
}

function alternatives(schemas: readonly Schema[]): Html {
  const parts = schemas.map(typeOf);
  const seen = new Set<string>();
  const distinct = parts.filter(({ markup }) => !seen.has(markup) && seen.add(markup));
  return html`${distinct.map((part, i) => (i === 0 ? part : html` or ${part}`))}`;
}

function words(values: readonly unknown[]): Html {
  const list = html`${values.map((value, i) => html`${i === 0 ? '' : ', '}<code>${String(value)}</code>`)}`;
  if (values.length <= MOST_WORDS_INLINE) return list;
  return html`<details><summary>one of ${values.length} words</summary>${list}</details>`;
}

/** The fields of an object, and under their paths those of objects in it that have no name of their own. */
export function fieldsOf(schema: Schema, prefix = '', depth = 0): Field[] {
  const object = objectIn(schema);
  if (object?.properties === undefined || depth > MOST_DEPTH) return [];
  const required = new Set(object.required ?? []);
  return Object.entries(object.properties).flatMap(([name, member]) => {
    const path = prefix + name;
    const field = {
      name: path,
      required: required.has(name),
      type: typeOf(member),
      description: descriptionOf(member),
    };
    const list = listIn(member);
    const inner = list === null ? fieldsOf(member, `${path}.`, depth + 1) : fieldsOf(list, `${path}[].`, depth + 1);
    return [field, ...inner];
  });
}

function descriptionOf(schema: Schema): string {
  const fallback = schema.default === undefined ? '' : ` Default: \`${JSON.stringify(schema.default)}\`.`;
  return (schema.description ?? '') + fallback;
}

/** The object that a value is, where it may be null as well. */
function objectIn(schema: Schema): Schema | undefined {
  if (schema.properties !== undefined) return schema;
  return schema.anyOf?.find(({ properties }) => properties !== undefined);
}

function listIn(schema: Schema): Schema | null {
  if (schema.type === 'array') return schema.items ?? null;
  const list = schema.anyOf?.find(({ type }) => type === 'array');
  return list?.items ?? null;
}
