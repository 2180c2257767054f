/**
 * Values that try to break out of a field, put into every field of a send. Each vector says whether the value must be
 * refused (naming the field) or taken; where this API says otherwise, the exception stands below with its reason.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseJson } from '../../src/base/json.ts';
import { body, errorsOf } from './bodies.ts';

type Vector = { field: string; kind: string; value: string | null; value_len: number | null; expect: string };

/** Where a value goes, and the `param` that must be named. */
type Place = { fields: (value: string) => Record<string, unknown>; param: (value: string) => string };

function at(param: string, fields: Place['fields']): Place {
  return { fields, param: () => param };
}

function attachment(name: string): Place {
  return at(`attachments[0].${name}`, (value) => ({
    attachments: [{ filename: 'a.txt', content: 'AAAA', [name]: value }],
  }));
}

const places: Readonly<Record<string, Place>> = {
  'from.email': at('from.email', (email) => ({ from: { email } })),
  'from.name': at('from.name', (name) => ({ from: { email: 'a@b.example', name } })),
  'to.email': at('to[0].email', (email) => ({ to: [{ email }] })),
  'to.name': at('to[0].name', (name) => ({ to: [{ email: 'a@b.example', name }] })),
  'cc.email': at('cc[0].email', (email) => ({ cc: [email] })),
  'bcc.email': at('bcc[0].email', (email) => ({ bcc: email })),
  reply_to: at('reply_to[0].email', (reply_to) => ({ reply_to })),
  subject: at('subject', (subject) => ({ subject })),
  message_id: at('headers.Message-ID', (value) => ({ headers: { 'Message-ID': value } })),
  in_reply_to: at('in_reply_to', (in_reply_to) => ({ in_reply_to })),
  references: at('references[0]', (value) => ({ references: [value] })),
  'custom_header.name': { fields: (name) => ({ headers: { [name]: 'x' } }), param: () => 'headers.' },
  'custom_header.value': at('headers.X-A', (value) => ({ headers: { 'X-A': value } })),
  list_unsubscribe: at('headers.List-Unsubscribe', (value) => ({ headers: { 'List-Unsubscribe': value } })),
  'attachment.filename': attachment('filename'),
  'attachment.content_type': attachment('content_type'),
  'attachment.content_id': attachment('content_id'),
  tag: at('tags[0]', (tag) => ({ tags: [tag] })),
  'metadata.key': { fields: (key) => ({ metadata: { [key]: 'x' } }), param: () => 'metadata.' },
  'metadata.value': at('metadata.k', (value) => ({ metadata: { k: value } })),
  'template.variable': at('template.data.v', (value) => ({ template: { id: 'x', data: { v: value } } })),
};

/** Written by Postern alone, or set elsewhere than in the body of a send. */
const elsewhere = ['return_path.verp_part', 'dkim.selector', 'smtp.ehlo_name', 'webhook.custom_header'];

const anyText =
  'tags and metadata are any text but U+0000 and lone surrogates, never reach a header, and come back as sent';
const anyLines = 'a variable may hold many lines; what a template puts into a subject is judged when it is rendered';
const noControls = 'names, subjects and file names hold no control characters';

/** Taken here though the vector would have it refused. */
const takenOnPurpose: Readonly<Record<string, readonly [kinds: string, reason: string]>> = {
  tag: ['cr lf crlf fold double smtp quoted-smtp param', anyText],
  'metadata.key': ['cr lf crlf fold double smtp quoted-smtp param', anyText],
  'metadata.value': ['cr lf crlf fold double smtp quoted-smtp param', anyText],
  'template.variable': ['cr lf crlf fold double smtp quoted-smtp param long', anyLines],
};

/** Refused here though the vector would have it taken. */
const refusedOnPurpose: Readonly<Record<string, readonly [kinds: string, reason: string]>> = {
  'from.name': ['bidi nel vt', noControls],
  'to.name': ['bidi nel vt', noControls],
  subject: ['bidi nel vt', noControls],
  'attachment.filename': ['bidi nel vt', noControls],
};

function isListed(list: typeof takenOnPurpose, { field, kind }: Vector): boolean {
  return list[field]?.[0].split(' ').includes(kind) ?? false;
}

const vectors = readFileSync(new URL('../fixtures/vectors/injection.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector);

describe('a value that tries to break out of its field', () => {
  for (const field of Object.keys(places)) {
    it(`is judged in ${field}`, () => {
      const mine = vectors.filter((vector) => vector.field === field);
      assert.ok(mine.length > 0);
      for (const vector of mine) judge(vector, places[field]!);
    });
  }

  it('was tried in every field that a send has', () => {
    const tried = new Set([...Object.keys(places), ...elsewhere]);
    assert.deepEqual(
      vectors.filter(({ field }) => !tried.has(field)),
      [],
    );
  });
});

function judge(vector: Vector, { fields, param }: Place): void {
  const value = vector.value ?? 'a'.repeat(vector.value_len!);
  const text = JSON.stringify(body(fields(value)));
  const parsed = parseJson(Buffer.from(text));
  assert.ok(parsed.ok, text.slice(0, 200));
  const errors = errorsOf(parsed.value);
  const shouldRefuse =
    (vector.expect.startsWith('422') || isListed(refusedOnPurpose, vector)) && !isListed(takenOnPurpose, vector);
  const place = `${vector.field} ${vector.kind}`;
  assert.equal(errors.length > 0, shouldRefuse, `${place}: ${JSON.stringify(errors)}`);
  for (const error of errors) assert.ok(error.param.startsWith(param(value)), `${place} names ${error.param}`);
}
