import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseJson } from '../../src/base/json.ts';
import { errorsOf } from './bodies.ts';

type Vector = { name: string; body?: string; hex?: string; gen?: string };

function nested(depth: number): string {
  return `{"metadata":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;
}

const generated: Readonly<Record<string, string>> = {
  'array 1e6 recipients': `{"to":[${Array(1_000_000).fill('"a@a.test"').join(',')}]}`,
  'deep inside metadata': nested(10_000),
};

/** 'malformed', or a `param` that must be among those named. */
const expected: Readonly<Record<string, string>> = {
  'duplicate key, last wins in JSON.parse': 'malformed',
  'case variant': 'To',
  '__proto__ own key': '__proto__',
  '__proto__ as metadata key': 'to',
  'big number': 'send_at',
  'unsafe integer': 'send_at',
  'lone surrogate': 'subject',
  'array 1e6 recipients': 'to',
  'deep inside metadata': 'malformed',
  'invalid UTF-8': 'malformed',
  'string where list': 'to[0].email',
};

/** Of the server, before there is a body to read. */
const notOurs = ['body over limit', 'both CL and TE'];

describe('a hostile body', () => {
  const lines = readFileSync(new URL('../fixtures/vectors/json-http.jsonl', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  const vectors = lines.map((line) => JSON.parse(line) as Vector);

  for (const { name, body, hex, gen } of vectors) {
    if (gen !== undefined && notOurs.includes(name)) continue;
    it(`is refused: ${name}`, () => {
      const bytes =
        hex === undefined ? Buffer.from(body ?? generated[name]!) : Buffer.from(hex.replaceAll(' ', ''), 'hex');
      const parsed = parseJson(bytes);
      if (expected[name] === 'malformed') return assert.ok(!parsed.ok);
      assert.ok(parsed.ok);
      const params = errorsOf(parsed.value).map(({ param }) => param);
      assert.ok(params.includes(expected[name]!), params.join(' '));
      assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
    });
  }

  it('may hold "__proto__" as a key of metadata', () => {
    const parsed = parseJson(Buffer.from('{"to":"a@a.test","subject":"x","text":"y","metadata":{"__proto__":"x"}}'));
    assert.ok(parsed.ok);
    assert.deepEqual(errorsOf(parsed.value), []);
  });

  it('has its flaws told even where the field takes any value', () => {
    const parsed = parseJson(
      Buffer.from('{"to":"a@a.test","subject":"x","template":{"id":"x","data":{"n":9007199254740993,"s":"\\u0000"}}}'),
    );
    assert.ok(parsed.ok);
    const params = errorsOf(parsed.value).map(({ param }) => param);
    assert.deepEqual(params, ['template.data.n', 'template.data.s']);
    assert.deepEqual(
      parsed.flaws.map(({ param }) => param),
      params,
    );
  });
});
