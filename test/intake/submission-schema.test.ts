import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { formatTime } from '../../src/core/time.ts';
import { readSubmission } from '../../src/intake/submission.ts';
import { submissionSchema } from '../../src/intake/submission-schema.ts';
import { body, errorsOf, options } from './bodies.ts';

type Schema = {
  type?: string;
  anyOf?: Schema[];
  enum?: string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  propertyNames?: Schema;
  items?: Schema;
  maxItems?: number;
  maxProperties?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  examples?: unknown[];
};

const root = submissionSchema as unknown as Schema;

/** Values that a schema allows, as far as this schema goes. */
function allowed(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(allowed));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'null':
      return fc.constant(null);
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) });
    case 'array':
      return fc.array(allowed(schema.items!), { maxLength: Math.min(schema.maxItems!, 4) });
    case 'string':
      return text(schema);
    case 'object':
      return schema.properties === undefined ? map(schema) : members(schema.properties, schema.required ?? []);
    default:
      throw new Error(`A type this test does not know: ${schema.type}`);
  }
}

function text(schema: Schema): fc.Arbitrary<string> {
  const examples = (schema.examples ?? []) as string[];
  const shown = examples.length > 0 ? fc.constantFrom(...examples) : fc.constant('x');
  if (schema.format === 'date-time') return fc.integer({ min: 0, max: 4e12 }).map(formatTime);
  if (schema.pattern !== undefined)
    return fc.oneof(shown, fc.stringMatching(new RegExp(schema.pattern), { maxLength: schema.maxLength! }));
  const { minLength = 0, maxLength = 40 } = schema;
  return fc.oneof(shown, fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) }));
}

function map(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.propertyNames === undefined) return fc.dictionary(fc.string(), fc.jsonValue());
  return fc.dictionary(text(schema.propertyNames), text(schema.additionalProperties as Schema), { maxKeys: 4 });
}

function members(properties: Record<string, Schema>, required: string[]): fc.Arbitrary<unknown> {
  const arbitraries = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, allowed(schema)]));
  return fc.record(arbitraries, { requiredKeys: required });
}

/** Everything that the schema alone decides: kinds of values, names of fields, words of an enumeration. */
const schemaTrouble = /^It must be (a string|a list|an object|one of|an address,|an address or)|There is no such field/;

const bodies = allowed(root);

/** Bodies near the edge: a value replaced by another, or a field added, anywhere. */
const nearBodies = fc.tuple(bodies, fc.nat(), fc.oneof(fc.jsonValue(), bodies)).map(([whole, at, stray]) => {
  const copy = structuredClone(whole) as Record<string, unknown>;
  const places = placesOf(copy);
  const place = places[at % places.length]!;
  place(stray);
  return copy;
});

function placesOf(value: unknown): ((stray: unknown) => void)[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  const places = Object.keys(holder).flatMap((key) => [
    (stray: unknown) => {
      holder[key] = stray;
    },
    ...placesOf(holder[key]),
  ]);
  if (!Array.isArray(value)) {
    places.push((stray) => {
      holder['stray'] = stray;
    });
  }
  return places;
}

describe('the schema of a submission and its reader', () => {
  it('agree on bodies that the schema allows: only what a schema cannot say is refused', () => {
    let readCount = 0;
    fc.assert(
      fc.property(bodies, (value) => {
        assert.ok(Check(submissionSchema, value), JSON.stringify(value));
        for (const { code, param, message } of errorsOf(value)) {
          assert.ok(!schemaTrouble.test(message) && code !== 'unknown_parameter', `${param}: ${message}`);
        }
        if (errorsOf(body(pick(value, ['tags', 'kind', 'on_limit', 'template', 'metadata']))).length === 0) readCount++;
      }),
      { numRuns: 1000 },
    );
    assert.ok(readCount > 500, `only ${readCount} were read`);
  });

  it('agree on what is read: the schema allows it', () => {
    let readCount = 0;
    fc.assert(
      fc.property(fc.oneof(nearBodies, bodies), (value) => {
        const whole = {
          ...body(),
          ...(value as object),
          from: null,
          headers: null,
          in_reply_to: null,
          references: null,
        };
        const narrowed = { ...whole, to: 'bob@example.com', cc: null, bcc: null, reply_to: null, subject: 'x' };
        for (const candidate of [value, whole, narrowed]) {
          if (!readSubmission(candidate, options).ok) continue;
          readCount++;
          assert.ok(Check(submissionSchema, candidate), JSON.stringify(candidate));
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(readCount > 100, `only ${readCount} were read`);
  });

  it('refuse unknown fields in every object of fixed fields', () => {
    const full = {
      ...body(),
      to: [{ email: 'a@b.example' }],
      template: { id: 'x' },
      attachments: [{ filename: 'a.txt', content: 'AAAA' }],
    };
    assert.ok(readSubmission(full, options).ok && Check(submissionSchema, full));
    for (const place of ['', 'to.0', 'template', 'attachments.0']) {
      for (const key of ['stray', 'To', '__proto__', 'constructor']) {
        const copy = structuredClone(full);
        const holder = place
          .split('.')
          .reduce((value: unknown, step) => (step === '' ? value : (value as Record<string, unknown>)[step]), copy);
        Object.defineProperty(holder, key, { value: 1, enumerable: true });
        assert.ok(!readSubmission(copy, options).ok, `${place} ${key}`);
        assert.ok(!Check(submissionSchema, copy), `${place} ${key}`);
      }
    }
  });

  it('agree on every bound: the most is taken by both, one more by neither', () => {
    const names = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`X-${index}`, 'x']));
    const file = { filename: 'a.txt', content: 'AAAA' };
    const bounds: readonly [most: number, fields: (count: number) => Record<string, unknown>][] = [
      [1000, (count) => ({ to: Array(count).fill('a@b.example') })],
      [25, (count) => ({ reply_to: Array(count).fill('a@b.example') })],
      [998, (count) => ({ to: { email: 'a@b.example', name: 'x'.repeat(count) } })],
      [998, (count) => ({ subject: 'x'.repeat(count) })],
      [128, (count) => ({ template: { id: 'x'.repeat(count) } })],
      [10, (count) => ({ attachments: Array(count).fill(file) })],
      [4096, (count) => ({ attachments: [{ ...file, filename: 'x'.repeat(count) }] })],
      [255, (count) => ({ attachments: [{ ...file, content_id: 'x'.repeat(count) }] })],
      [255, (count) => ({ attachments: [{ ...file, content_type: `text/${'x'.repeat(count - 5)}` }] })],
      [50, (count) => ({ headers: names(count) })],
      [76, (count) => ({ headers: { ['x'.repeat(count)]: 'x' } })],
      [998, (count) => ({ headers: { 'X-A': 'x'.repeat(count) } })],
      [20, (count) => ({ tags: Array(count).fill('x') })],
      [128, (count) => ({ tags: ['👍'.repeat(count)] })],
      [50, (count) => ({ metadata: names(count) })],
      [64, (count) => ({ metadata: { ['👍'.repeat(count)]: 'x' } })],
      [1000, (count) => ({ metadata: { k: '👍'.repeat(count) } })],
      [996, (count) => ({ in_reply_to: `<${'x'.repeat(count - 4)}@x>` })],
      [100, (count) => ({ references: Array(count).fill('<a@b>') })],
      ...['identity', 'thread_id', 'agent', 'lease_token', 'purpose', 'dedupe_key'].map(
        (name): [number, (count: number) => Record<string, unknown>] => [
          255,
          (count) => ({ [name]: 'x'.repeat(count) }),
        ],
      ),
    ];
    for (const [most, fields] of bounds) {
      for (const count of [most, most + 1]) {
        const value = body(fields(count));
        const [field] = Object.keys(fields(1 + 4));
        assert.equal(readSubmission(value, options).ok, count === most, `${field} ${count}, read`);
        assert.equal(Check(submissionSchema, value), count === most, `${field} ${count}, by the schema`);
      }
    }
  });

  it('agree on words', () => {
    const words = {
      kind: ['transactional', 'marketing'],
      on_duplicate: ['replay', 'block'],
      on_limit: ['reject', 'defer'],
    };
    for (const [field, known] of Object.entries(words)) {
      for (const word of [...known, 'other', '', 'Reject', 1]) {
        const value = body({ [field]: word });
        assert.equal(readSubmission(value, options).ok, known.includes(word as string), `${field} ${word}`);
        assert.equal(Check(submissionSchema, value), known.includes(word as string), `${field} ${word}`);
      }
    }
  });

  it('know the same fields', () => {
    for (const name of Object.keys(root.properties!)) {
      assert.deepEqual(
        errorsOf({ ...body(), [name]: null }).filter(({ code }) => code === 'unknown_parameter'),
        [],
      );
    }
    const reading = readSubmission(body(), options);
    assert.ok(reading.ok);
    const fields = Object.keys(reading.submission).map((name) =>
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    );
    assert.deepEqual(fields.sort(), Object.keys(root.properties!).sort());
  });

  it('show examples that are read, and say what every field is', () => {
    for (const [name, schema] of Object.entries(root.properties!) as [string, Schema & { description?: string }][]) {
      assert.ok(schema.description, name);
      for (const example of schema.examples ?? []) {
        assert.deepEqual(errorsOf({ ...body(), [name]: example }), [], name);
      }
    }
  });
});

function pick(value: unknown, names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value as object).filter(([name]) => names.includes(name)));
}
