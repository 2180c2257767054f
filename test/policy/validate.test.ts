import assert from 'node:assert/strict';
import test from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import fc from 'fast-check';
import { POLICY_DEFAULTS } from '../../src/policy/document.ts';
import { POLICY_FIELDS } from '../../src/policy/fields.ts';
import { LIMIT_STRICTER, STRICTER } from '../../src/policy/resolve.ts';
import { policySchema } from '../../src/policy/schema.ts';
import { validateLimits, validatePolicy } from '../../src/policy/validate.ts';
import { policyDocument } from './documents.ts';

type Faults = [code: string, param: string][];

function faultsOf(document: unknown): Faults {
  const reading = validatePolicy(document);
  return reading.ok ? [] : reading.errors.map(({ code, param }) => [code, param]);
}

const limit = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 500 };
const withLimit = (change: object): unknown => ({ limits: [{ ...limit, ...change }] });

test('the defaults, written out, are a document', () => {
  assert.deepEqual(faultsOf(POLICY_DEFAULTS), []);
});

test('everything that is wrong is told at once, each with its place', () => {
  const faults = faultsOf({
    limits: [{ name: 'Daily', scope: 'planet', window: 'rolling_9y', max: -1, colour: 'red' }, limit, limit, 7],
    quarantine: { warn_at: 0, threshold: 1_000_001, mode: 'maybe' },
    risk_budget: { max_bounce_rate: 1.1 },
    cooldown: [],
    tracking: { open: 'yes' },
    nonsense: 1,
  });
  assert.deepEqual(faults, [
    ['invalid_parameter', 'limits[0].name'],
    ['invalid_parameter', 'limits[0].scope'],
    ['invalid_parameter', 'limits[0].window'],
    ['invalid_parameter', 'limits[0].max'],
    ['unknown_parameter', 'limits[0].colour'],
    ['invalid_parameter', 'limits[2].name'],
    ['invalid_parameter', 'limits[3]'],
    ['invalid_parameter', 'quarantine.warn_at'],
    ['invalid_parameter', 'quarantine.threshold'],
    ['invalid_parameter', 'quarantine.mode'],
    ['invalid_parameter', 'risk_budget.max_bounce_rate'],
    ['invalid_parameter', 'cooldown'],
    ['invalid_parameter', 'tracking.open'],
    ['unknown_parameter', 'nonsense'],
  ]);
});

test('a limit needs a name, a scope, a window and a max', () => {
  assert.deepEqual(
    faultsOf({ limits: [{}] }),
    ['name', 'scope', 'window', 'max'].map((name) => ['missing_parameter', `limits[0].${name}`]),
  );
});

for (const [what, change, param] of [
  ['per without a rate', { per: 'second' }, 'per'],
  ['burst without a rate', { burst: 5 }, 'burst'],
  ['a burst of nothing', { window: 'rate', burst: 0 }, 'burst'],
  ['a rate of nothing', { window: 'rate', max: 0 }, 'max'],
  ['a max beyond a thousand million', { max: 1_000_000_001 }, 'max'],
  ['a max that is no whole number', { max: 1.5 }, 'max'],
  ['a max of null', { max: null }, 'max'],
  ['a window of more than 366 days', { window: 'rolling_367d' }, 'window'],
  ['a window of nothing', { window: 'rolling_0h' }, 'window'],
  ['a reset by replies of what many count in', { reset_on_reply: true }, 'reset_on_reply'],
  ['the name of the cap of identities', { name: 'identity_cap' }, 'name'],
  ['a name that begins with a digit', { name: '1st' }, 'name'],
  ['a name of 65 characters', { name: 'a'.repeat(65) }, 'name'],
] as const) {
  test(`a limit is refused with ${what}`, () => {
    assert.deepEqual(faultsOf(withLimit(change)), [['invalid_parameter', `limits[0].${param}`]]);
  });
}

test('what stands at the edge of its range is taken', () => {
  for (const change of [
    { max: 0 },
    { max: 1_000_000_000 },
    { window: 'rolling_366d' },
    { window: 'rate', max: 1, burst: 1, per: 'minute' },
    { name: 'a'.repeat(64) },
    { scope: 'recipient', reset_on_reply: true },
  ]) {
    assert.deepEqual(faultsOf(withLimit(change)), [], JSON.stringify(change));
  }
});

test('a list holds up to a hundred limits', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => ({ ...limit, name: `n${i}` }));
  assert.deepEqual(faultsOf({ limits: many(100) }), []);
  assert.deepEqual(faultsOf({ limits: many(101) }), [['invalid_parameter', 'limits']]);
});

test('a limit on requests counts requests of whom a request says that it comes from', () => {
  assert.deepEqual(faultsOf({ request_rate: [limit] }), []);
  assert.deepEqual(faultsOf({ request_rate: [{ ...limit, unit: 'message', scope: 'recipient' }] }), [
    ['invalid_parameter', 'request_rate[0].scope'],
    ['unknown_parameter', 'request_rate[0].unit'],
  ]);
  for (const scope of ['tenant', 'app', 'installation', 'key']) {
    assert.deepEqual(faultsOf({ request_rate: [{ ...limit, scope }] }), [], scope);
  }
  assert.deepEqual(faultsOf({ limits: [{ ...limit, scope: 'key' }] }), [['invalid_parameter', 'limits[0].scope']]);
});

test('a limit of addresses, of which there may be any number, is a rate or has a short window', () => {
  const of = (window: string, more: object = {}): Faults =>
    faultsOf({ request_rate: [{ name: 'a', scope: 'address', window, max: 5, ...more }] });
  for (const window of ['rate', 'rolling_10s', 'rolling_60s', 'rolling_1m']) assert.deepEqual(of(window), [], window);
  for (const window of ['rolling_61s', 'rolling_1h', 'calendar_hour', 'calendar_day']) {
    assert.deepEqual(of(window), [['invalid_parameter', 'request_rate[0].window']], window);
  }
  assert.deepEqual(of('rate', { per: 'minute', burst: 10 }), []);
});

test('durations are ISO 8601 of a fixed length within their range', () => {
  const at = (expires_after: unknown): Faults => faultsOf({ approvals: { expires_after } });
  for (const good of ['PT24H', 'PT1M', 'P30D', 'P1W', 'PT90M', 'P1DT12H']) assert.deepEqual(at(good), [], good);
  for (const bad of ['24h', 'P1M', 'P1Y', 'PT59S', 'P31D', 'PT', '', 24, null]) {
    assert.deepEqual(at(bad), [['invalid_parameter', 'approvals.expires_after']], String(bad));
  }
  assert.deepEqual(faultsOf({ quarantine: { release_after: null } }), []);
});

test('addresses to tell are addresses, each once', () => {
  assert.deepEqual(faultsOf({ notify: ['a@b.example', 'nobody', 'a@b.example', 5] }), [
    ['invalid_parameter', 'notify[1]'],
    ['invalid_parameter', 'notify[2]'],
    ['invalid_parameter', 'notify[3]'],
  ]);
});

test('names that objects are born with are neither fields nor slip through', () => {
  assert.deepEqual(faultsOf(JSON.parse('{"__proto__":{"x":1},"constructor":1,"toString":{}}')), [
    ['unknown_parameter', '__proto__'],
    ['unknown_parameter', 'constructor'],
    ['unknown_parameter', 'toString'],
  ]);
  assert.deepEqual(faultsOf({ templates: { lint: JSON.parse('{"__proto__":"warn"}') } }), [
    ['invalid_parameter', 'templates.lint.__proto__'],
  ]);
});

test('what is no object is no document', () => {
  for (const value of [null, [], 'x', 5, true]) assert.deepEqual(faultsOf(value), [['invalid_parameter', '']]);
});

test('whatever JSON comes, reading answers and tells at most a hundred faults', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const reading = validatePolicy(value);
      assert.ok(reading.ok || (reading.errors.length > 0 && reading.errors.length <= 100));
    }),
  );
  const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`field${i}`, i]));
  assert.equal(faultsOf(wide).length, 100);
});

test('the limits of a plan are judged alike', () => {
  assert.equal(validateLimits([limit], 'limits').ok, true);
  const reading = validateLimits([{ ...limit, max: -1 }], 'limits');
  assert.equal(reading.ok, false);
  assert.equal(!reading.ok && reading.errors[0]?.param, 'limits[0].max');
});

const ajv = new Ajv2020({ allErrors: true, strict: true, keywords: ['x-stricter'] });
// The types of this CommonJS package name its function `default`.
(ajvFormats as unknown as (ajv: Ajv2020) => void)(ajv);

test('the schema takes every document that the reader takes', () => {
  const isValid = ajv.compile(policySchema());
  fc.assert(fc.property(policyDocument, (document) => assert.ok(isValid(document), JSON.stringify(isValid.errors))));
  assert.ok(isValid(POLICY_DEFAULTS));
});

test('the schema refuses unknown fields, wrong words and numbers out of range', () => {
  const isValid = ajv.compile(policySchema());
  for (const bad of [{ x: 1 }, withLimit({ max: -1 }), { quarantine: { warn_at: 0 } }, { role_accounts: 'some' }, []]) {
    assert.equal(isValid(bad), false, JSON.stringify(bad));
  }
});

test('every field of the schema says in which direction it is stricter', () => {
  const found = new Map<string, unknown>();
  const walk = (schema: Record<string, unknown>, path: string): void => {
    const properties = schema['properties'] as Record<string, Record<string, unknown>> | undefined;
    if (properties !== undefined) {
      for (const [name, inner] of Object.entries(properties)) walk(inner, path === '' ? name : `${path}.${name}`);
    } else if (typeof schema['additionalProperties'] === 'object') {
      walk(schema['additionalProperties'] as Record<string, unknown>, `${path}.*`);
    } else {
      assert.ok('x-stricter' in schema, `${path} says nothing`);
      found.set(path, schema['x-stricter']);
      if (schema['type'] === 'array' && (schema['items'] as { properties?: object }).properties) {
        walk(schema['items'] as Record<string, unknown>, `${path}[]`);
      }
    }
  };
  walk(policySchema(), '');
  for (const [path, direction] of Object.entries(STRICTER)) assert.deepEqual(found.get(path), direction, path);
  for (const [name, direction] of Object.entries(LIMIT_STRICTER)) {
    assert.deepEqual(found.get(`limits[].${name}`), direction, name);
  }
  for (const direction of found.values()) {
    assert.ok(Array.isArray(direction) || ['lower', 'higher', 'true', 'none'].includes(direction as string));
  }
});

test('every section of the defaults is a field, and every field has a default', () => {
  assert.deepEqual(Object.keys(POLICY_FIELDS).sort(), Object.keys(POLICY_DEFAULTS).sort());
});

test('a lint that does not exist is named as a fault, so that a slip of the pen does not pass for a control', () => {
  const [fault] = faultsOf({ templates: { lint: { spam_phrases: 'error' } } });
  assert.deepEqual(fault, ['unknown_parameter', 'templates.lint.spam_phrases']);
  assert.deepEqual(faultsOf({ templates: { lint: { spam_phrase: 'error' } } }), []);
});
