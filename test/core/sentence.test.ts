import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sentence } from '../../src/core/sentence.ts';

const from = (values: Record<string, string>) => (field: string) => values[field] ?? null;

test('the first alternative whose every placeholder is known is taken', () => {
  const template = 'Wait[ until {a} or {b}| until {a}| for a while].';
  assert.equal(sentence(template, from({ a: 'noon', b: 'one' })), 'Wait until noon or one.');
  assert.equal(sentence(template, from({ a: 'noon' })), 'Wait until noon.');
  assert.equal(sentence(template, from({ b: 'one' })), 'Wait for a while.');
});

test('brackets in which nothing is known leave nothing behind', () => {
  assert.equal(sentence('It is full[ ({used} of {limit})][; see {url}].', from({ used: '1' })), 'It is full.');
});

test('the noun of a placeholder reaches the one who knows the words', () => {
  assert.equal(
    sentence('[{n:message}]', (field, noun) => `${field}/${noun}`),
    'n/message',
  );
});

test('a bracket that never closes ends the text as it stands', () => {
  assert.equal(sentence('a [b', from({})), 'a [b');
});

test('a value is put in as it is, also when it looks like the notation', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '|', 'a', '$', '&') }), (value) => {
      assert.equal(sentence('<[{a}|none]>[{a}]', from({ a: value })), `<${value}>${value}`);
    }),
  );
});
