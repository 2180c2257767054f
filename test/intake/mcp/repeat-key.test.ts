import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Submission } from '../../../src/core/message.ts';
import { repeatKey } from '../../../src/intake/mcp/repeat-key.ts';
import { readSubmission } from '../../../src/intake/submission.ts';

const BASE = {
  to: ['bob@example.com', 'eve@example.com'],
  subject: 'Hi',
  text: 'Hello',
  headers: { 'X-A': '1', 'X-B': '2' },
};

function read(body: object): Submission {
  const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const reading = readSubmission(body, { sha256, uploads: new Map() });
  assert.ok(reading.ok, JSON.stringify(reading));
  return reading.submission;
}
const keyOf = (more: object, again: string | null = null) => repeatKey(read({ ...BASE, ...more }), again);

test('what a recipient gets makes the key, and the way it is written does not', () => {
  const key = keyOf({});
  assert.match(key, /^mcp-[0-9a-f]{32}$/);
  assert.equal(keyOf({ cc: [], reply_to: null, headers: { 'X-B': '2', 'X-A': '1' } }), key);
  for (const other of [
    { to: 'bob@example.com' },
    { cc: 'kim@example.com' },
    { subject: 'Ho' },
    { text: 'Hello!' },
    { html: '<p>Hello</p>' },
    { headers: {} },
    { from: 'a@acme.example' },
    { identity: 'alice' },
    { agent: 'outreach-1' },
    { kind: 'marketing' },
    { reply_to: 'help@acme.example' },
    { in_reply_to: '<a@b.example>' },
    { attachments: [{ filename: 'a.txt', content: 'eA==' }] },
    { template: { id: 'quote', data: { total: 1 } } },
  ]) {
    assert.notEqual(keyOf(other), key, JSON.stringify(other));
  }
  assert.notEqual(
    keyOf({ template: { id: 'quote', data: { total: 1 } } }),
    keyOf({ template: { id: 'quote', data: { total: 2 } } }),
  );
});

test('labels, times and tokens make no other message', () => {
  for (const same of [
    { tags: ['x'] },
    { metadata: { try: '2' } },
    { purpose: 'follow-up' },
    { lease_token: 'lsetok_2' },
    { send_at: '2030-01-01T00:00:00Z' },
    { expires_at: '2030-01-01T00:00:00Z' },
    { on_limit: 'defer' },
    { dedupe_key: 'd' },
    { on_duplicate: 'block' },
  ]) {
    assert.equal(keyOf(same), keyOf({}), JSON.stringify(same));
  }
});

test('what a model writes otherwise the second time makes no other message', () => {
  for (const same of [
    { to: ['eve@example.com', 'bob@example.com'] },
    { to: ['Bob <bob@example.com>', { email: 'EVE@Example.com', name: 'Eve' }] },
    { subject: ' Hi ' },
    { text: 'Hello\n' },
    { text: '\r\nHello ' },
  ]) {
    assert.equal(keyOf(same), keyOf({}), JSON.stringify(same));
  }
  assert.equal(keyOf({ text: 'One.\r\n\r\nTwo.' }), keyOf({ text: 'One. \n\nTwo.\n' }));
  assert.equal(keyOf({ from: 'Alice <a@acme.example>' }), keyOf({ from: 'a@acme.example' }));
  assert.notEqual(keyOf({ text: 'One.Two.' }), keyOf({ text: 'One. Two.' }));
  assert.notEqual(keyOf({ to: 'bob@example.com', cc: 'eve@example.com' }), keyOf({}));
});

test('each word of a meant repeat has a key of its own', () => {
  const keys = [null, 'true', 'third'].map((again) => keyOf({}, again));
  assert.equal(new Set(keys).size, 3);
  assert.equal(keyOf({}, 'third'), keys[2]);
});
