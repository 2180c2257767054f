import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evidenceWords, rfc3339 } from '../../src/core/evidence-words.ts';
import { textsFor } from '../../src/core/texts.ts';

function words(evidence: Record<string, unknown>, clearsAt: number | null = null) {
  return evidenceWords({ evidence, clearsAt, words: { cause: { too_many: 'too many' } }, texts: textsFor() });
}

function one(field: string, value: unknown, noun: string | null = null): string | null {
  return words({ [field]: value })(field, noun);
}

test('times are RFC 3339 with milliseconds, and what is no time of four-digit years is none', () => {
  assert.equal(rfc3339(1_777_277_520_001), '2026-04-27T08:12:00.001Z');
  assert.equal(one('since', 0), '1970-01-01T00:00:00.000Z');
  assert.equal(one('closed_until', 0), '1970-01-01T00:00:00.000Z');
  for (const timeMs of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 8.64e15 + 1, 253_402_300_800_000]) {
    assert.equal(rfc3339(timeMs), null);
  }
});

test('a customer reads the time to the minute and is never told one that is too early', () => {
  assert.equal(words({}, Date.UTC(2026, 11, 31, 23, 59, 0, 1))('time', null), '00:00 UTC on 1 January 2027');
  assert.equal(words({}, Date.UTC(2026, 3, 5, 8, 12))('time', null), '08:12 UTC on 5 April 2026');
  assert.equal(words({})('time', null), null);
});

test('spans, sizes and shares are written in fitting units', () => {
  assert.equal(one('seconds', 86_400), '1 day');
  assert.equal(one('wait_seconds', 5_400), '90 minutes');
  assert.equal(one('seconds', 1), '1 second');
  assert.equal(one('seconds', 0), '0 seconds');
  assert.equal(one('used_bytes', 999), '999 B');
  assert.equal(one('used_bytes', 26_214_400), '26.21 MB');
  assert.equal(one('max_rate', 0.003), '0.3 %');
});

test('a window is told by its length or its calendar, and a rate has none', () => {
  assert.equal(one('window', 'rolling_24h'), 'the last 24 hours');
  assert.equal(one('window', 'rolling_1d'), 'the last day');
  assert.equal(one('window', 'rolling_90s'), 'the last 90 seconds');
  assert.equal(one('window', 'calendar_month'), 'the current UTC month');
  for (const window of ['rate', 'rolling_h', 'rolling_12x', 'constructor']) assert.equal(one('window', window), null);
});

test('numbers take their noun, and a unit the form that fits the limit', () => {
  assert.equal(one('sends', 1, 'message'), '1 message');
  assert.equal(one('sends', 0, 'message'), '0 messages');
  assert.equal(one('sends', '3', 'message'), null);
  assert.equal(words({ unit: 'recipient', limit: 1 })('unit', null), 'recipient');
  assert.equal(words({ unit: 'recipient', limit: 500 })('unit', null), 'recipients');
});

test('a value has its own words, else its own spelling', () => {
  assert.equal(one('cause', 'too_many'), 'too many');
  assert.equal(one('cause', 'brand_new_cause'), 'brand new cause');
  assert.equal(one('cause', 'toString'), 'toString');
  assert.equal(one('note', 'snake_case stays'), 'snake_case stays');
});

test('lists name their first five members', () => {
  assert.equal(one('found', ['a', { name: 'b', value: 3 }, 7]), 'a, b, 7');
  assert.equal(one('found', [1, 2, 3, 4, 5, 6]), '1, 2, 3, 4, 5, …');
  assert.equal(one('found', []), null);
  assert.equal(one('found', [{}, null, Number.NaN, { name: { name: 'x' } }]), null);
});

test('what cannot be written is not known', () => {
  for (const value of [null, undefined, '', ' \n', {}, Number.NaN, true, 3n, Symbol('x')]) {
    assert.equal(one('note', value), null, String(value));
  }
  assert.equal(words({})('toString', null), null);
});

test('a text from a stranger becomes one bounded line without controls or bidi marks', () => {
  assert.equal(one('note', 'a\r\nRCPT TO:<x>\u202eb\u200bc\u0000'), 'a  RCPT TO:<x> b c');
  const long = one('note', '\ud83d'.repeat(5_000))!;
  assert.ok(long.length <= 201 && long.isWellFormed());
});
