import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, fingerprint } from '../../src/intake/fingerprint.ts';
import { body, submissionOf } from './bodies.ts';

function fingerprintOf(fields: Record<string, unknown> = {}): string {
  return fingerprint(submissionOf(fields));
}

/** The same JSON value with the keys of every object the other way round. */
function turned(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(turned);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, turned(member)]),
  );
}

const full = {
  from: { email: 'a@b.example', name: 'A' },
  template: { id: 'x', data: { a: 1, b: { c: [1, { d: 2, e: 3 }], '10': 1, '9': 2 } } },
  headers: { 'X-A': '1', 'X-B': '2' },
  metadata: { job: '42', '2': 'x', '1': 'y', customer: '7' },
  attachments: [{ filename: 'a.txt', content: 'AAAA' }],
};

describe('fingerprint', () => {
  it('is a SHA-256 in hexadecimal', () => {
    assert.match(fingerprintOf(), /^[0-9a-f]{64}$/);
  });

  it('knows neither the order of keys nor the spelling of what is absent, nor the form of an address field', () => {
    const turnedBody = turned(body(full)) as Record<string, unknown>;
    assert.equal(fingerprintOf(turnedBody), fingerprintOf(full));
    assert.equal(
      fingerprintOf({ cc: [], tags: null, kind: 'transactional', headers: {}, metadata: {} }),
      fingerprintOf(),
    );
    assert.equal(fingerprintOf({ to: [{ email: 'bob@example.com' }] }), fingerprintOf());
    assert.equal(
      fingerprintOf({ send_at: '2026-12-01T10:00:00+01:00' }),
      fingerprintOf({ send_at: '2026-12-01T09:00:00Z' }),
    );
  });

  it('differs for everything that differs', () => {
    const variants: Record<string, unknown>[] = [
      {},
      { from: 'a@b.example' },
      { reply_to: 'a@b.example' },
      { to: 'Bob@example.com' },
      { to: 'Bob <bob@example.com>' },
      { to: ['bob@example.com', 'a@b.example'] },
      { to: ['a@b.example', 'bob@example.com'] },
      { cc: 'a@b.example' },
      { bcc: 'a@b.example' },
      { subject: 'Your quotes' },
      { text: 'Dear Bob', html: '' },
      { text: 'Dear', html: ' Bob' },
      { text: null, html: 'Dear Bob' },
      { text: '' },
      { template: { id: 'x' } },
      { template: { id: 'x', version: 1 } },
      { template: { id: 'x', data: { a: 1 } } },
      { template: { id: 'x', data: { a: '1' } } },
      { attachments: [{ filename: 'a.txt', content: 'AAAA' }] },
      { attachments: [{ filename: 'a.txt', content: 'AAAB' }] },
      { attachments: [{ filename: 'b.txt', content: 'AAAA' }] },
      { attachments: [{ filename: 'a.txt', content: 'AAAA', content_type: 'text/plain' }] },
      { attachments: [{ filename: 'a.txt', content: 'AAAA', content_id: 'x' }] },
      { headers: { 'X-A': '1' } },
      { headers: { 'X-A': '2' } },
      { metadata: { 'X-A': '1' } },
      { tags: ['a', 'b'] },
      { tags: ['b', 'a'] },
      { tags: ['a,b'] },
      { kind: 'marketing' },
      { identity: 'a' },
      { thread_id: 'a' },
      { in_reply_to: '<a@b>' },
      { references: ['<a@b>'] },
      { agent: 'a' },
      { lease_token: 'a' },
      { purpose: 'a' },
      { dedupe_key: 'a' },
      { on_duplicate: 'block' },
      { on_limit: 'defer' },
      { send_at: '2026-12-01T09:00:00Z' },
      { expires_at: '2026-12-01T09:00:00Z' },
    ];
    assert.equal(new Set(variants.map(fingerprintOf)).size, variants.length);
  });
});

describe('fingerprint of a mail that is sent once more', () => {
  it('knows nothing of the id that its program gives it anew', () => {
    const ofId = (id: string): string => fingerprintOf({ headers: { 'X-Job': '1', 'X-Original-Message-ID': id } });
    assert.equal(ofId('<a@b.example>'), ofId('<c@b.example>'));
    assert.equal(ofId('<a@b.example>'), fingerprintOf({ headers: { 'X-Job': '1' } }));
    assert.notEqual(ofId('<a@b.example>'), fingerprintOf());
  });
});

describe('canonicalJson', () => {
  it('writes one text for one value, whatever the order of keys, and the value can be read from it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        const text = canonicalJson(plain);
        assert.equal(canonicalJson(turned(plain)), text);
        assert.deepEqual(JSON.parse(text), plain);
      }),
    );
  });

  it('sorts keys by code units, numbers among them, as RFC 8785 §3.2.3 has it', () => {
    const text =
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew","1":"One","\\ud83d\\ude00":"Emoji","\\u0080":"Control","\\u00f6":"o"}';
    const keys = [...canonicalJson(JSON.parse(text)).matchAll(/"([^"]+)":/g)].map((match) => match[1]);
    assert.deepEqual(keys, ['\\r', '1', '\u0080', 'ö', '€', '😀', '\ufb33']);
    assert.equal(canonicalJson({ '10': 1, '9': 2 }), '{"10":1,"9":2}');
  });
});
