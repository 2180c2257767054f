/** The readers of Resend's, Postmark's and SendGrid's mail: what no client of theirs would send is refused, and never a fault. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { sha256 } from '../../../src/intake/admit-request.ts';
import { attachedFile } from '../../../src/intake/faces/attached.ts';
import { fieldNames } from '../../../src/intake/faces/message-of.ts';
import { readPostmark } from '../../../src/intake/faces/postmark/read.ts';
import { readResend } from '../../../src/intake/faces/resend/read.ts';
import { readWhen } from '../../../src/intake/faces/resend/when.ts';
import { readSendgrid } from '../../../src/intake/faces/sendgrid/read.ts';
import { substitute } from '../../../src/intake/faces/sendgrid/substitute.ts';
import { readSubmission } from '../../../src/intake/submission.ts';

const NOW = Date.parse('2026-11-22T10:00:00Z');

/** Mail with any value where a field may be. */
function mailOf(fields: readonly string[], inner: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  const any = fc.jsonValue({ maxDepth: 4 });
  const shape = Object.fromEntries(fields.map((name) => [name, fc.oneof(any, inner[name] ?? any)]));
  return fc.oneof({ weight: 9, arbitrary: fc.record(shape, { requiredKeys: [] }) }, { weight: 1, arbitrary: any });
}

const objectsOf = (fields: readonly string[]) =>
  fc.array(
    fc.record(Object.fromEntries(fields.map((name) => [name, fc.jsonValue({ maxDepth: 1 })])), { requiredKeys: [] }),
  );

const RESEND = mailOf(
  [
    'from',
    'to',
    'cc',
    'reply_to',
    'subject',
    'text',
    'html',
    'headers',
    'scheduled_at',
    'topic_id',
    'tags',
    'attachments',
    'template',
  ],
  {
    attachments: objectsOf(['filename', 'content', 'content_type', 'content_id', 'path']),
    tags: objectsOf(['name', 'value']),
    headers: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 })),
  },
);
const POSTMARK = mailOf(
  [
    'From',
    'To',
    'Cc',
    'Bcc',
    'ReplyTo',
    'Subject',
    'TextBody',
    'Tag',
    'Metadata',
    'Headers',
    'Attachments',
    'TemplateId',
    'TemplateModel',
  ],
  { Headers: objectsOf(['Name', 'Value']), Attachments: objectsOf(['Name', 'Content', 'ContentType', 'ContentID']) },
);
const SENDGRID = mailOf(
  [
    'personalizations',
    'from',
    'subject',
    'content',
    'attachments',
    'headers',
    'categories',
    'custom_args',
    'sections',
    'template_id',
    'asm',
    'send_at',
    'batch_id',
  ],
  {
    personalizations: objectsOf([
      'to',
      'cc',
      'from',
      'subject',
      'headers',
      'substitutions',
      'dynamic_template_data',
      'send_at',
    ]),
    content: objectsOf(['type', 'value']),
    attachments: objectsOf(['content', 'filename', 'type', 'disposition', 'content_id', 'contentId']),
  },
);

describe('mail in the form of others', () => {
  const readers = [
    ['Resend', RESEND, (value: unknown) => readResend(value, NOW)],
    ['Postmark', POSTMARK, readPostmark],
    ['SendGrid', SENDGRID, readSendgrid],
  ] as const;
  for (const [name, mail, read] of readers) {
    test(`of ${name} is read or refused, whatever it holds, and so is what is made of it`, () => {
      fc.assert(
        fc.property(mail, (value) => {
          const result = read(value);
          if (!result.ok) return assert.ok(result.errors.length > 0);
          for (const body of 'bodies' in result ? result.bodies : [result.body]) readSubmission(body, { sha256 });
        }),
        { numRuns: 400 },
      );
    });
  }

  test('times are read in the forms that Resend takes, and others are left to be refused', () => {
    const read = (text: string) => readWhen(text, NOW);
    assert.equal(read('in 1 min'), '2026-11-22T10:01:00.000Z');
    assert.equal(read('in an hour'), '2026-11-22T11:00:00.000Z');
    assert.equal(read('In 2 days'), '2026-11-24T10:00:00.000Z');
    assert.equal(read('2026-12-01 09:00:00.5+02'), '2026-12-01T09:00:00.5+02:00');
    assert.equal(read('2026-12-01T09:00'), '2026-12-01T09:00:00Z');
    assert.equal(read('2026-12-01T09:00:00-0330'), '2026-12-01T09:00:00-03:30');
    for (const text of ['tomorrow', 'in 2 moons', '2026-12-01', '']) assert.equal(read(text), text);
    assert.equal(readWhen(5, NOW), 5);
  });

  test('values and sections are filled in, and what grows past a mail is not', () => {
    const body = { subject: 'Hi %name%', text: '%part% and %name%', html: undefined };
    assert.equal(substitute(body, { '%name%': 'Ann', '%part%': ':s1' }, { ':s1': 'Dear %name%' }), true);
    assert.deepEqual(body, { subject: 'Hi Ann', text: 'Dear Ann and Ann', html: undefined });
    const growing = { text: 'a'.repeat(1000) };
    assert.equal(substitute(growing, { a: 'b'.repeat(100), b: 'c'.repeat(1000) }, undefined), false);
  });

  test('a file gets the type of its name and a name of its place, and base64 loses its line ends', () => {
    assert.deepEqual(attachedFile({ filename: 'Preis.PDF', content: 'eA==' }, 0), {
      filename: 'Preis.PDF',
      content: 'eA==',
      content_type: 'application/pdf',
    });
    assert.deepEqual(attachedFile({ filename: false, content: 'eH\r\nh4' }, 1), {
      filename: 'attachment-2',
      content: 'eHh4',
    });
    assert.deepEqual(attachedFile({ filename: 'a.constructor', content: '' }, 0), { filename: 'a.constructor' });
  });

  test('fields are named by a table, those within others too', () => {
    const named = fieldNames({
      attachments: 'Files',
      'attachments.filename': 'Name',
      template: '',
      'template.id': 'Alias',
    });
    assert.equal(named('attachments[3].filename'), 'Files[3].Name');
    assert.equal(named('template.id'), 'Alias');
    assert.equal(named('[2].headers.X.Y'), '[2].headers.X.Y');
  });
});
