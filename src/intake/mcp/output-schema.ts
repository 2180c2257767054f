/**
 * What a tool answers with, as JSON Schema: the answer of its route, to a depth that a reader needs, and beside it the fields of a
 * refusal, since clients hold refusals against the same schema. Nothing is required and no words are listed, so that a client
 * never calls an answer broken over something that this gateway may add.
 */
import type { RouteEntry } from '../../http/route-table.ts';
import type { JsonSchema, Properties } from './input-schema.ts';

export type OutputSchema = { type: 'object'; description: string; properties: Properties };

const DEPTH = 2;

const HEADROOM: JsonSchema = {
  type: ['object', 'null'],
  description: 'What is left of the limits of this key: `limits`, the tightest `quota`, `risk_level`.',
};

const OF_SENDS: Properties = {
  idempotency_key: { type: 'string', description: 'The key that the send went by.' },
  idempotency_key_until: { type: 'string', description: 'Until then the same call sends nothing more.' },
  replayed: { type: 'boolean', description: 'Whether this repeats an earlier call, and nothing more was sent.' },
};

const TEXT: JsonSchema = { type: 'string' };

/** RFC 9457, with the reasons. */
const REFUSAL: Properties = {
  code: TEXT,
  detail: TEXT,
  fix: TEXT,
  retryable: { type: 'boolean' },
  retry_at: { type: ['string', 'null'] },
  clears: { type: 'object' },
  reasons: { type: 'array' },
  errors: { type: 'array' },
  message_id: { type: ['string', 'null'] },
};
const DESCRIPTION =
  'The answer. Of a result that is an error: why (`code`, `detail`, every one of the `reasons`, each wrong argument in `errors`), what to do (`fix`), when (`retry_at`), and who can clear it (`clears`).';

/** Fields that a refusal has as well, with other types. */
const SHARED: Readonly<Record<string, string[]>> = { status: ['string', 'integer'], risk: ['object', 'null'] };

export function outputOf({ schema }: RouteEntry, sends: boolean): OutputSchema {
  const answer = answerOf(schema.response as Record<string, JsonSchema>);
  const properties: Properties = { ...REFUSAL };
  for (const [name, field] of Object.entries(answer['properties'] as Properties)) {
    const type = SHARED[name];
    properties[name] = { ...briefly(field, DEPTH), ...(type === undefined ? typeOf(field) : { type }) };
  }
  Object.assign(properties, sends ? OF_SENDS : {}, { headroom: HEADROOM });
  return { type: 'object', description: DESCRIPTION, properties };
}

function answerOf(responses: Record<string, JsonSchema>): JsonSchema {
  const [status] = Object.keys(responses).filter((one) => one.startsWith('2'));
  return responses[status!]!;
}

function typeOf({ type, anyOf }: JsonSchema): { type?: unknown } {
  if (typeof type === 'string') return { type };
  const types = ((anyOf ?? []) as JsonSchema[]).map((one) => one['type']);
  return types.length > 0 && types.every((one) => typeof one === 'string') ? { type: types } : {};
}

/** Descriptions and the names of members; below the top only what has members has a type. */
function briefly(schema: JsonSchema, depth: number): JsonSchema {
  const { anyOf, description, items, properties } = schema;
  const said = description === undefined ? {} : { description };
  if (Array.isArray(anyOf)) {
    const others = (anyOf as JsonSchema[]).filter((one) => one['type'] !== 'null');
    return others.length === 1 ? { ...withoutType(briefly(others[0]!, depth)), ...said } : said;
  }
  if (depth === 0) return said;
  if (items !== undefined) return { type: 'array', ...said, items: briefly(items as JsonSchema, depth - 1) };
  if (properties === undefined) return said;
  const members = Object.entries(properties as Properties).map(([name, one]) => [name, briefly(one, depth - 1)]);
  return { type: 'object', ...said, properties: Object.fromEntries(members) };
}

function withoutType({ type: _type, ...rest }: JsonSchema): JsonSchema {
  return rest;
}
