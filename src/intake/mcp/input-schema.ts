/**
 * What a tool takes, as JSON Schema: the parameters, the query and the body of its route in one object. Nothing is written twice;
 * what a model cannot use (alternatives of null, titles, examples, numbers as text) is left out or put plainly.
 */
import type { RouteEntry } from '../../http/route-table.ts';

export type JsonSchema = { [keyword: string]: unknown };
export type Properties = Record<string, JsonSchema>;
export type InputSchema = { type: 'object'; properties: Properties; required?: string[]; additionalProperties: false };

/** Where an argument goes in the request. */
export type Place = 'params' | 'query' | 'body';
export type Input = {
  schema: InputSchema;
  places: ReadonlyMap<string, { place: Place; name: string }>;
  /** What is taken for a field of the route that is left out, where that is not what the route takes. */
  defaults: Readonly<Record<string, unknown>>;
};

export type Shaping = {
  /** Other names for fields of the route. */
  renamed?: Readonly<Record<string, string>>;
  /**
   * Fields of the route that are put otherwise for a model, by keyword; one with a type or alternatives stands alone, but for a list
   * of words. The route judges what comes in, whatever is said here.
   */
  said?: Readonly<Properties>;
  /** Fields that are not offered. */
  omitted?: readonly string[];
  /** Arguments that are the tool's own and go to no route. */
  own?: Properties;
  /** Arguments of another tool that mean nothing to this one. */
  passedOver?: readonly string[];
};

const LEFT_OUT: ReadonlySet<string> = new Set(['title', 'examples', 'contentEncoding']);

export function inputOf({ schema }: RouteEntry, shaping: Shaping): Input {
  const { renamed = {}, said = {}, omitted = [], own = {} } = shaping;
  const properties: Properties = {};
  const required: string[] = [];
  const places = new Map<string, { place: Place; name: string }>();
  const defaults: Record<string, unknown> = {};
  const parts: [Place, unknown][] = [
    ['params', schema.params],
    ['query', schema.querystring],
    ['body', schema.body],
  ];
  for (const [place, part] of parts) {
    const plain = plainSchema(part ?? {}) as JsonSchema;
    const fields = (plain['properties'] ?? {}) as Properties;
    for (const [name, field] of Object.entries(fields)) {
      if (omitted.includes(name)) continue;
      const shown = renamed[name] ?? name;
      properties[shown] = put(field, said[name]);
      places.set(shown, { place, name });
      if (said[name]?.['default'] !== undefined) defaults[shown] = said[name]['default'];
      if ((plain['required'] as string[] | undefined)?.includes(name)) required.push(shown);
    }
  }
  Object.assign(properties, own);
  const needed = required.length === 0 ? {} : { required };
  return { schema: { type: 'object', properties, ...needed, additionalProperties: false }, places, defaults };
}

function put(field: JsonSchema, said: JsonSchema | undefined): JsonSchema {
  if (said === undefined) return field;
  const standsAlone = said['type'] !== undefined || said['anyOf'] !== undefined;
  if (!standsAlone) return { ...field, ...said };
  const { enum: words } = field;
  return Array.isArray(words) && words.length < MOST_WORDS ? { ...said, enum: words } : said;
}

/** Longer lists of words are not shown to a model where something is said in their place. */
const MOST_WORDS = 20;

function plainSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plainSchema);
  if (typeof schema !== 'object' || schema === null) return schema;
  const made: JsonSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    // Under `properties` stand names, which may be those of keywords.
    if (keyword === 'properties') made[keyword] = plainProperties(value as Properties);
    else if (!LEFT_OUT.has(keyword)) made[keyword] = plainSchema(value);
  }
  return plainText(withoutNull(made));
}

function plainProperties(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, plainSchema(schema) as JsonSchema]),
  );
}

/** Null means the same as absent wherever it is allowed: one way to say it is enough. */
function withoutNull(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf)) return schema;
  const others = (anyOf as JsonSchema[]).filter((one) => one['type'] !== 'null');
  return others.length === 1 ? { ...others[0], ...rest } : { ...rest, anyOf: others };
}

/** A query is text; numbers and truth values in it are what they say. */
function plainText(schema: JsonSchema): JsonSchema {
  const { enum: words, pattern, ...rest } = schema;
  if (schema['type'] !== 'string') return schema;
  if (Array.isArray(words) && words.length === 2 && words.includes('true') && words.includes('false')) {
    return { ...rest, type: 'boolean' };
  }
  if (typeof pattern === 'string' && IS_NUMBER.has(pattern)) {
    const { maxLength: _maxLength, ...number } = rest;
    return { ...number, type: 'integer', minimum: 1, maximum: 200 };
  }
  return schema;
}

/** The patterns of `limit` in lists: 1 to 200. */
const IS_NUMBER: ReadonlySet<string> = new Set([
  '^([1-9]|[1-9][0-9]|1[0-9][0-9]|200)$',
  '^(?:[1-9][0-9]?|1[0-9][0-9]|200)$',
]);
