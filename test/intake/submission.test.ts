import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { attachmentIds, decodeBase64 } from '../../src/intake/attachments.ts';
import { readSubmission } from '../../src/intake/submission.ts';
import { body, errorsOf, options, read, submissionOf, told } from './bodies.ts';

function file(fields: Record<string, unknown> = {}) {
  return { attachments: [{ filename: 'q.pdf', content: 'JVBERi0xLjcK', ...fields }] };
}

describe('readSubmission', () => {
  it('reads a body with every field', () => {
    const submission = submissionOf({
      from: 'Alice <alice@acme.example>',
      to: ['bob@example.com', { email: 'eve@example.com', name: 'Eve' }],
      cc: [],
      reply_to: 'help@acme.example',
      html: '<p>Dear Bob</p>',
      template: { id: 'quote-ready', version: 3, data: { total: 42 } },
      attachments: [
        { filename: 'q.pdf', content: 'JVBERi0xLjcK', content_type: 'application/pdf', content_id: '<q1>' },
      ],
      headers: { 'X-Job': '42', __proto__: null, 'X-Other': 'ü' },
      tags: ['quote'],
      metadata: { job: '42' },
      kind: 'marketing',
      identity: 'alice',
      thread_id: 'thr_01kaf2s0m8e7vrx0n3j5t9q4zc',
      in_reply_to: '<a.b+c@mail.example>',
      references: ['<1@mail.example>', '<2@[127.0.0.1]>'],
      agent: 'outreach-1',
      lease_token: null,
      purpose: 'quote follow-up',
      dedupe_key: 'quote-42',
      on_duplicate: 'block',
      send_at: '2026-12-01T10:00:00+01:00',
      on_limit: 'defer',
      expires_at: '2026-12-02T09:00:00Z',
    });
    assert.deepEqual(submission, {
      from: { email: 'alice@acme.example', name: 'Alice', key: 'alice@acme.example', domain: 'acme.example' },
      to: [
        { email: 'bob@example.com', name: null, key: 'bob@example.com', domain: 'example.com' },
        { email: 'eve@example.com', name: 'Eve', key: 'eve@example.com', domain: 'example.com' },
      ],
      cc: [],
      bcc: [],
      replyTo: [{ email: 'help@acme.example', name: null, key: 'help@acme.example', domain: 'acme.example' }],
      subject: 'Your quote',
      text: 'Dear Bob',
      html: '<p>Dear Bob</p>',
      template: { id: 'quote-ready', version: 3, data: { total: 42 } },
      attachments: [
        {
          filename: 'q.pdf',
          contentType: 'application/pdf',
          contentId: 'q1',
          sha256: options.sha256(Buffer.from('%PDF-1.7\n')),
          size: 9,
        },
      ],
      headers: [
        ['X-Job', '42'],
        ['X-Other', 'ü'],
      ],
      tags: ['quote'],
      metadata: [['job', '42']],
      kind: 'marketing',
      identity: 'alice',
      threadId: 'thr_01kaf2s0m8e7vrx0n3j5t9q4zc',
      inReplyTo: '<a.b+c@mail.example>',
      references: ['<1@mail.example>', '<2@[127.0.0.1]>'],
      agent: 'outreach-1',
      leaseToken: null,
      purpose: 'quote follow-up',
      dedupeKey: 'quote-42',
      onDuplicate: 'block',
      sendAt: Date.UTC(2026, 11, 1, 9),
      onLimit: 'defer',
      expiresAt: Date.UTC(2026, 11, 2, 9),
    });
  });

  it('takes null and absence alike', () => {
    const names = Object.keys(submissionOf()).map((name) =>
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    );
    const nulls = Object.fromEntries(names.filter((name) => !(name in body())).map((name) => [name, null]));
    assert.equal(Object.keys(nulls).length, 23);
    assert.deepEqual(submissionOf(nulls), submissionOf());
  });

  it('says everything that is wrong at once, in the order of the fields', () => {
    const errors = errorsOf({
      frm: 'a@b.example',
      from: 'nobody',
      to: ['bob@example.com', { email: 'b@b' }, { name: 'Eve', mail: 1 }, 7],
      template: { data: [] },
      attachments: [{ filename: 'a.exe', content: '####' }, { content_id: 'a b' }],
      headers: { Subject: 'x', 'X:Y': 'z', 'X-N': 1 },
      tags: ['x'.repeat(129), 1],
      metadata: { job: 42 },
      kind: 'spam',
      send_at: Number.POSITIVE_INFINITY,
    });
    assert.deepEqual(
      errors.map(({ code, param }) => `${code} ${param}`),
      [
        'unknown_parameter frm',
        'invalid_parameter from.email',
        'invalid_parameter to[1].email',
        'unknown_parameter to[2].mail',
        'missing_parameter to[2].email',
        'invalid_parameter to[3]',
        'missing_parameter template.id',
        'invalid_parameter template.data',
        'attachment_rejected attachments[0].filename',
        'invalid_parameter attachments[0].content',
        'invalid_parameter attachments[1].content_id',
        'missing_parameter attachments[1].filename',
        'missing_parameter attachments[1].content',
        'invalid_parameter headers.Subject',
        'invalid_parameter headers.X:Y',
        'invalid_parameter headers.X-N',
        'invalid_parameter tags[0]',
        'invalid_parameter tags[1]',
        'invalid_parameter metadata.job',
        'invalid_parameter kind',
        'invalid_parameter send_at',
      ],
    );
  });

  it('asks for a recipient, a subject and something to say', () => {
    assert.deepEqual(
      errorsOf({}).map(({ code, param }) => `${code} ${param}`),
      ['missing_parameter to', 'missing_parameter subject', 'missing_parameter text'],
    );
    assert.deepEqual(told({ to: [] }), ['invalid_parameter to']);
    assert.deepEqual(told({ to: null, bcc: ['a@b.example'] }), []);
    assert.deepEqual(told({ subject: null }), ['missing_parameter subject']);
    assert.deepEqual(told({ subject: null, text: null, template: { id: 'x' } }), []);
    assert.deepEqual(told({ text: null, html: '' }), []);
  });

  it('refuses a body that is no object', () => {
    for (const value of [null, [], 'x', 1, true, undefined]) assert.deepEqual(errorsOf(value).length, 1);
  });

  it('counts an address once, at its first place over to, cc and bcc', () => {
    const submission = submissionOf({
      to: ['ann@example.com', { email: 'ANN@EXAMPLE.com', name: 'Ann' }],
      cc: ['"ann"@example.com', 'u\u0308@bücher.example'],
      bcc: ['Ü@xn--bcher-kva.example', 'ann+x@example.com'],
    });
    const emails = [submission.to, submission.cc, submission.bcc].map((list) => list.map(({ email }) => email));
    assert.deepEqual(emails, [['ann@example.com'], ['u\u0308@bücher.example'], ['ann+x@example.com']]);
  });

  it('takes a hundred recipients and no more', () => {
    const many = (count: number, tag = '') =>
      Array.from({ length: count }, (_, index) => `a${tag}${index}@example.com`);
    assert.equal(submissionOf({ to: many(60), cc: [...many(40, 'c'), ...many(60)] }).cc.length, 40);
    assert.deepEqual(told({ to: many(60), cc: many(41, 'c') }), ['invalid_parameter to']);
    assert.deepEqual(told({ to: Array(1_000_000).fill('a@a.test') }), ['invalid_parameter to']);
    assert.deepEqual(told({ to: Array(1000).fill(null) }).length, 100);
  });

  it('lets recipients whose domain mixes scripts through, marked, and refuses such senders', () => {
    assert.equal(submissionOf({ to: 'a@exаmple.com' }).to[0]!.isMixedScript, true);
    assert.deepEqual(told({ from: 'a@exаmple.com', reply_to: ['a@b.example', 'a@exаmple.com'] }), [
      'invalid_parameter from.email',
      'invalid_parameter reply_to[1].email',
    ]);
  });

  it('takes subjects of 1 to 998 octets without controls', () => {
    for (const subject of ['x', 'ü'.repeat(499), 'a\u2028b', '👩\u200d🚀', 'x'.repeat(998)])
      assert.deepEqual(told({ subject }), []);
    for (const subject of [
      '',
      'ü'.repeat(500),
      'x'.repeat(999),
      'a\tb',
      'a\r\nBcc: x',
      'a\u202eb',
      'a\u200fb',
      'a\u0085b',
      '\ud800',
      7,
    ]) {
      assert.deepEqual(told({ subject }), ['invalid_parameter subject'], JSON.stringify(subject));
    }
  });

  it('takes any text in the bodies but U+0000 and lone surrogates', () => {
    assert.deepEqual(told({ text: 'a\u0001\u202e\r\n', html: '' }), []);
    assert.deepEqual(told({ text: 'a\0', html: '\udc00' }), ['invalid_parameter text', 'invalid_parameter html']);
  });

  it('keeps the values of a template as they are, and refuses those that cannot be kept', () => {
    const data = JSON.parse('{"__proto__":{"x":1},"a":[1,{"b":"line\\r\\nline"}]}') as Record<string, unknown>;
    assert.equal(submissionOf({ template: { id: 'x', data } }).template?.data, data);
    assert.deepEqual(
      told({ template: { id: 'x', data: { a: ['\0', Number.POSITIVE_INFINITY, 2 ** 53] }, version: 1.5, extra: 1 } }),
      [
        'unknown_parameter template.extra',
        'invalid_parameter template.version',
        'invalid_parameter template.data.a[0]',
        'invalid_parameter template.data.a[1]',
        'invalid_parameter template.data.a[2]',
      ],
    );
  });

  it('refuses headers that Postern or a relay writes, in any letter case', () => {
    const owned = [
      'From',
      'TO',
      'cc',
      'Bcc',
      'Subject',
      'Date',
      'Message-ID',
      'Sender',
      'Reply-To',
      'Return-Path',
      'Received',
      'DKIM-Signature',
      'MIME-Version',
      'Content-Type',
      'content-transfer-encoding',
      'List-Unsubscribe',
      'List-Unsubscribe-Post',
      'Feedback-ID',
      'In-Reply-To',
      'References',
      'X-Postern-Tag',
      'Resent-From',
      'ARC-Seal',
      'Authentication-Results',
    ];
    for (const name of owned)
      assert.deepEqual(told({ headers: { [name]: 'x' } }), [`invalid_parameter headers.${name}`]);
    for (const name of [
      'X-Job',
      'List-Id',
      'Auto-Submitted',
      'Precedence',
      'Importance',
      'constructor',
      'X-Content-Type',
    ]) {
      assert.deepEqual(submissionOf({ headers: { [name]: 'x' } }).headers, [[name, 'x']]);
    }
  });

  it('bounds headers in number, name and value', () => {
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`X-${index}`, 'x']));
    assert.deepEqual(told({ headers: many }), ['invalid_parameter headers']);
    const { 'X-50': _, ...fifty } = many;
    assert.deepEqual(told({ headers: fifty }), []);
    assert.deepEqual(told({ headers: { 'X-A': 'ü'.repeat(499), 'X-B': 'a\tb' } }), []);
    assert.deepEqual(told({ headers: { 'X-A': 'ü'.repeat(500), 'x-a': 'y' } }).length, 2);
    for (const name of ['', 'X Y', 'X:', 'Ü', 'x'.repeat(77), 'X\r\nBcc'])
      assert.equal(told({ headers: { [name]: 'x' } }).length, 1, name);
    for (const value of ['a\nb', 'a\rb', 'a\0b', 'a\x7fb', '\ud800', null, 1])
      assert.equal(told({ headers: { 'X-A': value } }).length, 1);
    assert.deepEqual(told({ headers: ['X-A'] }), ['invalid_parameter headers']);
  });

  it('counts tags and metadata in characters', () => {
    assert.deepEqual(
      told({ tags: ['👍'.repeat(128), ''], metadata: { ['👍'.repeat(64)]: '👍'.repeat(1000), '': '' } }),
      [],
    );
    assert.deepEqual(told({ tags: ['👍'.repeat(129)] }), ['invalid_parameter tags[0]']);
    assert.deepEqual(told({ metadata: { k: 'x'.repeat(1001) } }), ['invalid_parameter metadata.k']);
    assert.equal(told({ metadata: { ['x'.repeat(65)]: 'x' } }).length, 1);
    assert.deepEqual(told({ tags: Array(21).fill('x') }), ['invalid_parameter tags']);
    assert.deepEqual(
      told({ metadata: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, ''])) }),
      ['invalid_parameter metadata'],
    );
    assert.deepEqual(told({ tags: 'x', metadata: [] }), ['invalid_parameter tags', 'invalid_parameter metadata']);
    assert.deepEqual(told({ tags: [null], metadata: { k: null } }), [
      'invalid_parameter tags[0]',
      'invalid_parameter metadata.k',
    ]);
    assert.deepEqual(told({ metadata: { 'a\0': 'x', b: '\ud800' } }), [
      'invalid_parameter metadata.a\ufffd',
      'invalid_parameter metadata.b',
    ]);
  });

  it('keeps metadata named like parts of every object as plain data', () => {
    const metadata = JSON.parse('{"__proto__":"x","constructor":"y","toString":"z"}') as unknown;
    assert.deepEqual(submissionOf({ metadata }).metadata, [
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['toString', 'z'],
    ]);
    assert.deepEqual(
      errorsOf(JSON.parse('{"__proto__":{"isAdmin":true},"to":"a@a.test","subject":"x","text":"y"}')).map(
        ({ param }) => param,
      ),
      ['__proto__'],
    );
    assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
  });

  it('takes times in any offset and wants them in order', () => {
    assert.equal(submissionOf({ send_at: '2026-12-01T09:00:00.5-00:30' }).sendAt, Date.UTC(2026, 11, 1, 9, 30, 0, 500));
    assert.deepEqual(told({ send_at: '2026-12-01T09:00:00Z', expires_at: '2026-12-01T09:00:00Z' }), [
      'invalid_parameter expires_at',
    ]);
    for (const send_at of ['2026-12-01', 1_796_115_600, 9007199254740993n, ''])
      assert.deepEqual(told({ send_at }), ['invalid_parameter send_at']);
  });

  it('bounds the words of the caller', () => {
    for (const field of ['identity', 'thread_id', 'agent', 'lease_token', 'purpose', 'dedupe_key']) {
      assert.deepEqual(told({ [field]: 'ü'.repeat(255) }), []);
      for (const value of ['', 'x'.repeat(256), 'a\nb', '\ud800', 1, {}])
        assert.deepEqual(told({ [field]: value }), [`invalid_parameter ${field}`]);
    }
  });

  it('takes Message-IDs in angle brackets only', () => {
    for (const id of ['<a@b>', '<CAF+x=y@mail.example>', '<a:b@c>', '<a@[::1]>'])
      assert.deepEqual(told({ in_reply_to: id, references: [id] }), []);
    for (const id of [
      'a@b',
      '<a>',
      '<a b@c>',
      '<a@b> <c@d>',
      '<a@b>\r\n',
      '<a@b><c@d>',
      '<ü@b>',
      `<${'a'.repeat(996)}@b>`,
      '',
      1,
    ]) {
      assert.deepEqual(told({ in_reply_to: id, references: [id] }), [
        'invalid_parameter in_reply_to',
        'invalid_parameter references[0]',
      ]);
    }
    assert.deepEqual(told({ references: [null] }), ['invalid_parameter references[0]']);
    assert.deepEqual(told({ references: '<a@b>' }), ['invalid_parameter references']);
  });

  it('never throws, whatever the value', () => {
    const value = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true });
    const names = fc.constantFrom(
      'from',
      'to',
      'cc',
      'reply_to',
      'template',
      'attachments',
      'headers',
      'tags',
      'metadata',
      'send_at',
      'references',
      'text',
    );
    fc.assert(
      fc.property(fc.dictionary(names, value), value, (fields, whole) => {
        readSubmission(body(fields), options);
        readSubmission(whole, options);
      }),
      { numRuns: 2000 },
    );
  });

  it('answers with at most a hundred errors', () => {
    const wrong = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, 1]));
    assert.equal(errorsOf(wrong).length, 100);
  });
});

describe('attachments of a submission', () => {
  it('come back decoded, beside what the submission keeps', () => {
    const reading = read(file());
    assert.ok(reading.ok);
    assert.equal(Buffer.from(reading.files[0]!.bytes).toString(), '%PDF-1.7\n');
    assert.equal(reading.files[0]!.sha256, reading.submission.attachments[0]!.sha256);
    assert.equal(reading.submission.attachments[0]!.contentType, 'application/octet-stream');
  });

  it('are refused as programs by name, by type and by content, and then for that reason alone', () => {
    const windows = Buffer.alloc(0x80);
    windows.write('MZ', 0);
    windows.writeUInt32LE(0x40, 0x3c);
    windows.write('PE\0\0', 0x40);
    const programs = [
      file({ filename: 'q.pdf.exe' }),
      file({ content_type: 'Application/X-MSDownload; x=y' }),
      file({ content: windows.toString('base64') }),
      file({ content: Buffer.from('\x7fELF\x02\x01\x01\0', 'latin1').toString('base64') }),
    ];
    for (const fields of programs) {
      const reading = read(fields);
      assert.ok(!reading.ok && reading.reason === 'attachment_rejected', JSON.stringify(fields));
      assert.equal(reading.errors.length, 1);
    }
    for (const also of [{ subject: '' }, { kind: 'spam' }]) {
      const both = read({ ...programs[0], ...also });
      assert.ok(!both.ok && both.reason === 'validation_failed' && both.errors.length === 2);
    }
    assert.deepEqual(
      told(
        file({
          content: Buffer.from(
            'MZ is how this text begins, and it is long enough to hold more than a header would',
          ).toString('base64'),
        }),
      ),
      [],
    );
  });

  it('need strict base64', () => {
    for (const text of ['', 'AA==', 'AAA=', 'AAAA', '+/+/']) assert.ok(decodeBase64(text), text);
    for (const text of [
      'A',
      'AA',
      'AAA',
      'AA=A',
      'A===',
      '=AAA',
      'AAAA\n',
      'AA A',
      'AAA-',
      'AAA_',
      'AB==',
      'AAB=',
      'AAAé',
      'AAAA====',
      'AA==AAAA',
    ]) {
      assert.equal(decodeBase64(text), null, text);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        assert.deepEqual(new Uint8Array(decodeBase64(Buffer.from(bytes).toString('base64'))!), bytes);
      }),
    );
    assert.deepEqual(told(file({ content: 'data:text/plain;base64,AAAA' })), [
      'invalid_parameter attachments[0].content',
    ]);
  });

  it('need a media type whose parameters name no second file', () => {
    for (const type of [
      'text/plain',
      'text/plain; charset=utf-8',
      'text/plain;charset="a \\" b" ; x=y',
      'application/vnd.a+b',
      'message/rfc822',
    ]) {
      assert.deepEqual(told(file({ content_type: type })), [], type);
    }
    const wrong = [
      '',
      'text',
      'text/',
      '/plain',
      'text/plain;',
      'text/plain; x',
      'text/plain; x=',
      'text/plain; x="',
      'text/plain; name=a.exe',
      "text/plain; name*=utf-8''a.exe",
      'text/plain\r\nX: y',
      'text/plain; x=ü',
      'multipart/mixed; boundary=x',
      'message/partial',
      `text/${'x'.repeat(255)}`,
      1,
    ];
    for (const type of wrong) {
      assert.deepEqual(
        told(file({ content_type: type })),
        ['invalid_parameter attachments[0].content_type'],
        String(type),
      );
    }
  });

  it('have content ids of their own', () => {
    for (const id of ['q1', '<logo@example.com>', 'a.b+c']) assert.deepEqual(told(file({ content_id: id })), []);
    for (const id of ['', '<>', 'a b', 'a<b', 'a@b@c', 'a"b', 'ü', 'a\r\nb', 'x'.repeat(256), 1]) {
      assert.deepEqual(told(file({ content_id: id })), ['invalid_parameter attachments[0].content_id'], String(id));
    }
    const one = { filename: 'a.png', content: 'AAAA', content_id: 'x' };
    assert.deepEqual(told({ attachments: [one, { ...one, content_id: '<x>' }] }), [
      'invalid_parameter attachments[1].content_id',
    ]);
  });

  it('may name uploads, which are looked up beforehand', () => {
    const upload = { filename: 'u.pdf', contentType: 'application/pdf', contentId: null, sha256: 'ab', size: 3 };
    const uploads = new Map([['att_1', upload]]);
    const attachments = [
      { attachment_id: 'att_1', content_id: 'q' },
      { attachment_id: 'att_1', filename: 'x/v.pdf' },
    ];
    assert.deepEqual(attachmentIds(body({ attachments })), ['att_1', 'att_1']);
    const reading = readSubmission(body({ attachments }), { ...options, uploads });
    assert.ok(reading.ok);
    assert.deepEqual(reading.submission.attachments, [
      { ...upload, contentId: 'q' },
      { ...upload, filename: 'v.pdf' },
    ]);
    assert.deepEqual(reading.files, []);
    assert.deepEqual(told({ attachments: [{ attachment_id: 'att_1' }, { attachment_id: null, content: 'AAAA' }] }), [
      'invalid_parameter attachments[0].attachment_id',
      'mutually_exclusive attachments[1].content',
      'invalid_parameter attachments[1].attachment_id',
    ]);
    for (const value of [undefined, null, [], { attachments: {} }, { attachments: [null, 7, { attachment_id: 7 }] }])
      assert.deepEqual(attachmentIds(value), []);
  });

  it('are ten and 25 MB at most', () => {
    const { attachments } = file();
    assert.deepEqual(told({ attachments: Array(10).fill(attachments[0]) }), []);
    assert.deepEqual(told({ attachments: Array(11).fill(attachments[0]) }), ['invalid_parameter attachments']);
    const upload = {
      filename: 'u.pdf',
      contentType: 'application/pdf',
      contentId: null,
      sha256: 'ab',
      size: 13 * 2 ** 20,
    };
    const twice = body({ attachments: [{ attachment_id: 'a' }, { attachment_id: 'a' }] });
    const reading = readSubmission(twice, { ...options, uploads: new Map([['a', upload]]) });
    assert.ok(!reading.ok && reading.reason === 'payload_too_large');
  });

  it('take no path, no address and no raw message', () => {
    for (const field of ['path', 'href', 'raw', 'url', 'encoding', 'headers']) {
      assert.deepEqual(told(file({ [field]: 'file:///etc/passwd' })), [`unknown_parameter attachments[0].${field}`]);
    }
  });
});
