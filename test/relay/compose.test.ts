import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import MailComposer from 'nodemailer/lib/mail-composer';
import PostalMime from 'postal-mime';
import { FieldErrors } from '../../src/intake/field-errors.ts';
import { readHeaders } from '../../src/intake/headers.ts';
import { composeMessage, markPossibleDuplicate, type OutgoingMessage } from '../../src/relay/compose.ts';
import { ComposeFault } from '../../src/relay/compose-fault.ts';
import { fieldNames, sampleMessage } from './sample-message.ts';

const read = (message: OutgoingMessage) => PostalMime.parse(composeMessage(message).bytes);
const wire = (message: OutgoingMessage) => Buffer.from(composeMessage(message).bytes).toString('latin1');

const unixLines = (text: string) => text.replace(/\r\n?|\n/g, '\n');

/** What the reader gives, with line ends of one kind, less the one it puts behind the last line under some encodings. */
const lines = (text: string | undefined) => text && unixLines(text).replace(/\n$/, '');

/** Text as people and machines write it: any Unicode, long lines, dots, blanks at line ends, line ends of any kind, none at the end. */
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 60 }) },
  fc.constantFrom(
    '\n',
    '\r\n',
    '\r',
    '\n.\n',
    '\n..',
    ' \n',
    '\t\r\n',
    '\nFrom me',
    '=',
    '=3D',
    '=_',
    '\0',
    '\x7f',
    '\n--=_',
  ),
  fc.integer({ min: 70, max: 1200 }).map((length) => 'x'.repeat(length)),
  fc.integer({ min: 70, max: 90 }).map((length) => `\n${'y'.repeat(length)}`),
  fc.integer({ min: 20, max: 400 }).map((length) => 'ö'.repeat(length)),
);
// Ends in a letter, since readers differ about line ends at the very end; those have a test of their own.
const bodyText = fc.array(piece, { maxLength: 12 }).map((pieces) => `${pieces.join('')}E`);
/** One line as it stands in a header. */
const lineText = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }),
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 300 }),
    fc.constantFrom(
      '=?utf-8?q?a?=',
      'a, b',
      'a "b" \\c',
      '(c)',
      'a@b.example',
      ' a  b ',
      '<x@y.example>',
      'a;b:c',
      '"',
      '\\',
      '.',
    ),
    fc.integer({ min: 60, max: 2000 }).map((length) => 'z'.repeat(length)),
  )
  .filter((text) => !/[\r\n\0]/.test(text));
/** What two readers must agree about: blanks at the ends and encoded-word look-alikes are read differently by each. */
const plainLine = lineText.filter((text) => text.trim() !== '' && text === text.trim());

test('text and HTML come back as they were written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.option(bodyText), bodyText, async (text, html) => {
      const parsed = await read(sampleMessage({ text, html }));
      assert.equal(lines(parsed.html), unixLines(html));
      if (text !== null) assert.equal(lines(parsed.text), unixLines(text));
    }),
    { numRuns: 300 },
  );
});

test('a text without HTML comes back as it was written', async () => {
  await fc.assert(
    fc.asyncProperty(bodyText, async (text) => {
      const parsed = await read(sampleMessage({ text }));
      assert.equal(lines(parsed.text), unixLines(text));
    }),
    { numRuns: 300 },
  );
});

test('line ends at the end of a text stay as many as they were between parts, and are at least one in a message without parts', () => {
  for (const [text, part, alone] of [
    ['', '', ''],
    ['a', 'a', 'a\r\n'],
    ['a\n', 'a\r\n', 'a\r\n'],
    ['a\r\n\r\n', 'a\r\n\r\n', 'a\r\n\r\n'],
    ['Wörter hier\n\n', 'W=C3=B6rter hier\r\n\r\n', 'W=C3=B6rter hier\r\n\r\n'],
    ['a ', 'a=20', 'a=20\r\n'],
    ['ж', '0LY=', '0LY=\r\n'],
    ['.\n', '=2E\r\n', '=2E\r\n'],
    ['From a\n', '=46rom a\r\n', '=46rom a\r\n'],
  ] as const) {
    const between = wire(sampleMessage({ text, html: '<p>' })).split(/\r\n--=_[^\r]*\r\n/)[1]!;
    assert.equal(between.slice(between.indexOf('\r\n\r\n') + 4), part);
    const whole = wire(sampleMessage({ text }));
    assert.equal(whole.slice(whole.indexOf('\r\n\r\n') + 4), alone);
  }
});

test('subjects, names and custom values come back as they were written', async () => {
  await fc.assert(
    fc.asyncProperty(plainLine, plainLine, plainLine, plainLine, async (subject, from, to, value) => {
      const parsed = await read(
        sampleMessage({
          subject,
          from: { email: 'alice@acme.example', name: from },
          to: [
            { email: 'bob@example.com', name: to },
            { email: 'eve@example.com', name: null },
          ],
          headers: [['X-Job', value]],
        }),
      );
      assert.equal(parsed.subject, subject);
      assert.deepEqual(parsed.from, { address: 'alice@acme.example', name: from });
      assert.deepEqual(parsed.to, [
        { address: 'bob@example.com', name: to },
        { address: 'eve@example.com', name: '' },
      ]);
      assert.equal(parsed.headers.filter(({ key }) => key === 'x-job').length, 1);
    }),
    { numRuns: 400 },
  );
});

test('attachments come back octet by octet, with name, type and content id', async () => {
  const attachment = fc.record({
    filename: plainLine.filter((name) => !name.includes('=?')),
    contentType: fc.constantFrom('application/pdf', 'text/csv; charset=utf-16', 'image/png', 'a/b; c="d e"'),
    contentId: fc.option(fc.constantFrom('logo', 'q1@acme.example')),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.integer({ min: 29_000, max: 30_000 }).map((length) => new Uint8Array(length).fill(length)),
    ),
  });
  const isHtml = fc.boolean();
  await fc.assert(
    fc.asyncProperty(fc.array(attachment, { minLength: 1, maxLength: 4 }), isHtml, async (attachments, withHtml) => {
      const html = withHtml ? '<img src="cid:logo">' : null;
      const parsed = await read(sampleMessage({ attachments, html }));
      const expected = [
        ...attachments.filter(({ contentId }) => withHtml && contentId !== null),
        ...attachments.filter(({ contentId }) => !withHtml || contentId === null),
      ];
      assert.equal(parsed.attachments.length, expected.length);
      parsed.attachments.forEach((one, i) => {
        const { filename, contentType, contentId, bytes } = expected[i]!;
        assert.equal(one.filename, filename);
        assert.equal(one.mimeType, contentType.split(';')[0]);
        assert.equal(one.contentId, contentId === null ? undefined : `<${contentId}>`);
        assert.equal(one.disposition, withHtml && contentId !== null ? 'inline' : 'attachment');
        assert.ok(Buffer.from(one.content as ArrayBuffer).equals(bytes));
      });
      assert.equal(lines(parsed.text), 'Hello Bob');
    }),
  );
});

test('whatever is written, the wire has only whole lines of 7-bit octets, none long, none with a blank at its end or a dot at its start', () => {
  fc.assert(
    fc.property(bodyText, fc.option(bodyText), lineText, lineText, lineText, (text, html, subject, name, value) => {
      const octets = wire(
        sampleMessage({
          text,
          html,
          subject,
          from: { email: 'alice@acme.example', name },
          headers: [['X-Job', value]],
          attachments: [{ filename: value, contentType: 'text/x; a=b', contentId: null, bytes: Buffer.from(text) }],
        }),
      );
      assert.ok(octets.endsWith('\r\n'));
      assert.doesNotMatch(octets, /[^\t\r\n -~]/);
      assert.doesNotMatch(octets.replaceAll('\r\n', ''), /[\r\n]/);
      const end = octets.indexOf('\r\n\r\n');
      for (const line of octets.slice(0, end).split('\r\n')) assert.ok(line.length <= 998 && line.trim() !== '', line);
      for (const line of octets.slice(end).split('\r\n')) {
        // Only the names in the headers of parts may be longer.
        assert.ok(line.length <= (/^ filename/.test(line) ? 998 : 76), line);
        assert.doesNotMatch(line, /^\.|^From |[ \t]$/);
      }
    }),
    { numRuns: 300 },
  );
});

test('another composer’s message means the same to a reader', async () => {
  const simple = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
    .filter((text) => /^[^\p{C}\p{Z}=]+$/u.test(text));
  await fc.assert(
    fc.asyncProperty(
      simple,
      simple,
      bodyText,
      fc.option(bodyText),
      fc.uint8Array({ minLength: 1 }),
      async (subject, name, text, html, bytes) => {
        // The other one strips NUL, reads a lone CR its own way, and leaves an empty part out.
        const given = sampleMessage({
          subject,
          from: { email: 'alice@acme.example', name },
          text: `T${text.replace(/\r\n?|\0/g, '\n')}`,
          html: html === null ? null : `H${html.replace(/\r\n?|\0/g, '\n')}`,
          attachments: [{ filename: 'q.pdf', contentType: 'application/pdf', contentId: null, bytes }],
        });
        const other = await new MailComposer({
          from: { address: given.from.email, name },
          to: 'bob@example.com',
          subject,
          text: given.text!,
          html: given.html ?? undefined,
          messageId: given.messageId,
          date: new Date(given.date),
          attachments: [{ filename: 'q.pdf', contentType: 'application/pdf', content: Buffer.from(bytes) }],
        })
          .compile()
          .build();
        const ours = await read(given);
        const theirs = await PostalMime.parse(other);
        for (const field of ['from', 'to', 'subject', 'messageId', 'date'] as const) {
          assert.deepEqual(ours[field], theirs[field]);
        }
        assert.equal(lines(ours.text), lines(theirs.text));
        assert.equal(lines(ours.html), lines(theirs.html));
        assert.deepEqual(ours.attachments, theirs.attachments);
      },
    ),
  );
});

test('each field of its own stands there once, and Bcc never', () => {
  const withBcc = { ...sampleMessage(), bcc: [{ email: 'hidden@example.com', name: null }] };
  const octets = wire(withBcc);
  assert.doesNotMatch(octets, /hidden|bcc/i);
  assert.deepEqual(fieldNames(Buffer.from(octets)), [
    'from',
    'to',
    'subject',
    'message-id',
    'date',
    'mime-version',
    'content-type',
    'content-transfer-encoding',
  ]);
  assert.match(octets, /\r\nDate: Tue, 01 Dec 2026 09:00:00 \+0000\r\n/);
});

test('a body that holds the boundaries of its own message comes back whole', async () => {
  const attachments = [{ filename: 'a', contentType: 'a/b', contentId: 'a', bytes: Buffer.from('a') }];
  const first = wire(
    sampleMessage({ html: '<p>', attachments: [...attachments, { ...attachments[0]!, contentId: null }] }),
  );
  const boundaries = [...first.matchAll(/boundary="([^"]+)"/g)].map(
    ([, boundary]) => `--${boundary}\n--${boundary}--\n`,
  );
  assert.equal(boundaries.length, 3);
  const text = `${boundaries.join('Content-Type: text/html\n\nx\n')}E`;
  const parsed = await read(sampleMessage({ text, html: text, attachments }));
  assert.equal(lines(parsed.text), text);
  assert.equal(lines(parsed.html), text);
  assert.equal(parsed.attachments.length, 1);
});

test('the same message gives the same octets on every try', () => {
  const message = sampleMessage({
    html: '<b>hi</b>',
    attachments: [{ filename: 'a.txt', contentType: 'text/plain', contentId: null, bytes: Buffer.from('a') }],
  });
  assert.deepEqual(composeMessage(message), composeMessage(structuredClone(message)));
});

test('a reply names what it answers', async () => {
  const references = Array.from({ length: 30 }, (_, i) => `<${i}.${'r'.repeat(40)}@example.com>`);
  const message = sampleMessage({ inReplyTo: 'last@example.com', references });
  const parsed = await read(message);
  assert.equal(parsed.inReplyTo, '<last@example.com>');
  assert.equal(parsed.references, references.join(' '));
  assert.ok(
    wire(message)
      .split('\r\n')
      .every((line) => line.length <= 78),
  );
});

test('unsubscribing and feedback fields are written as their RFCs have them', () => {
  const octets = wire(
    sampleMessage({
      listUnsubscribe: ['https://p.example/u/1?a=b&c=d', 'mailto:u@bounces.example?subject=stop'],
      listUnsubscribePost: true,
      feedbackId: 'quote:acme:postern',
    }),
  );
  assert.match(
    octets,
    /\r\nList-Unsubscribe: <https:\/\/p\.example\/u\/1\?a=b&c=d>,\r\n <mailto:u@bounces\.example\?subject=stop>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: quote:acme:postern\r\n/,
  );
});

test('an image inside the HTML stands beside it, a file beside both', () => {
  const file = { filename: 'a.pdf', contentType: 'application/pdf', contentId: null, bytes: Buffer.from('a') };
  const image = { filename: 'b.png', contentType: 'image/png', contentId: 'b', bytes: Buffer.from('b') };
  const octets = wire(sampleMessage({ html: '<img src="cid:b">', attachments: [file, image] }));
  const types = [...octets.matchAll(/^Content-Type: ([a-z/]+)/gm)].map(([, type]) => type);
  assert.deepEqual(types, [
    'multipart/mixed',
    'multipart/alternative',
    'text/plain',
    'multipart/related',
    'text/html',
    'image/png',
    'application/pdf',
  ]);
});

test('a domain with other letters goes out as A-label, and as given where the message needs SMTPUTF8 anyway', () => {
  const idn = { email: 'bob@bücher.example', name: null };
  const plain = composeMessage(sampleMessage({ to: [idn] }));
  assert.equal(plain.needsSmtpUtf8, false);
  assert.match(Buffer.from(plain.bytes).toString(), /^To: bob@xn--bcher-kva\.example\r$/m);
  const sharpS = { email: 'a@faß.de', name: null };
  assert.match(wire(sampleMessage({ to: [sharpS] })), /^To: a@xn--fa-hia\.de\r$/m);
  const utf8 = composeMessage(sampleMessage({ to: [idn, { email: 'jörg@example.com', name: 'Jörg' }] }));
  assert.equal(utf8.needsSmtpUtf8, true);
  assert.match(Buffer.from(utf8.bytes).toString(), /^To: bob@bücher\.example, .* <jörg@example\.com>\r$/m);
});

test('a message that may be a second copy says so above all else and is otherwise the same', () => {
  const { bytes } = composeMessage(sampleMessage());
  const marked = Buffer.from(markPossibleDuplicate(bytes));
  const line = 'X-Postern-Possible-Duplicate: 1\r\n';
  assert.equal(marked.toString('latin1', 0, line.length), line);
  assert.ok(marked.subarray(line.length).equals(bytes));
});

test('types that may not be encoded go as octets under their own name', async () => {
  for (const contentType of ['message/rfc822', 'multipart/mixed; boundary=x', 'Message/Delivery-Status; name=y']) {
    const bytes = Buffer.from('From: a@b.example\r\n\r\nhello');
    const parsed = await read(
      sampleMessage({ attachments: [{ filename: 'old.eml', contentType, contentId: null, bytes }] }),
    );
    assert.equal(parsed.attachments[0]?.mimeType, 'application/octet-stream');
    assert.equal(parsed.attachments[0]?.filename, 'old.eml');
    assert.ok(Buffer.from(parsed.attachments[0]?.content as ArrayBuffer).equals(bytes));
  }
});

test('a fault names the field that cannot be put on the wire', () => {
  const address = (email: string) => ({ email, name: null });
  const file = { filename: 'a', contentType: 'a/b', contentId: null, bytes: new Uint8Array() };
  const faults: [Partial<OutgoingMessage>, string][] = [
    [{ from: address('a@b.example, c@d.example') }, 'from.email'],
    [{ to: [address('a@b.example'), address('c')] }, 'to[1].email'],
    [{ to: [address('a@b@c.example')] }, 'to.email'],
    [{ to: [address('<a@b.example>')] }, 'to.email'],
    [{ to: [address('"a\r\nb"@c.example')] }, 'to.email'],
    [{ to: [address('a@[127.0.0.1]')] }, 'to.email'],
    [{ to: [address('a\u202eb@c.example')] }, 'to.email'],
    [{ to: [address(`${'a'.repeat(65)}@c.example`)] }, 'to.email'],
    [{ cc: [{ email: 'a@b.example', name: 'x\ny' }] }, 'cc.name'],
    [{ replyTo: [{ email: 'a@b.example', name: '\ud800' }] }, 'reply_to.name'],
    [{ subject: 'a\rb' }, 'subject'],
    [{ text: 'a\ud800' }, 'text'],
    [{ html: 'a\udc00' }, 'html'],
    [{ messageId: '<a b>' }, 'message_id'],
    [{ inReplyTo: '<a> <b>' }, 'in_reply_to'],
    [{ references: ['<a>', '<b\n>'] }, 'references[1]'],
    [{ date: Number.NaN }, 'date'],
    [{ headers: [['X-Y: z', '']] }, 'headers[0]'],
    [{ headers: [['Bcc', 'a@b.example']] }, 'headers[0]'],
    [{ headers: [['Resent-From', 'a@b.example']] }, 'headers[0]'],
    [{ headers: [['content-TYPE', 'text/html']] }, 'headers[0]'],
    [{ headers: [['List-Unsubscribe', '<x:y>']], listUnsubscribe: ['https://x.example/'] }, 'headers[0]'],
    [{ listUnsubscribe: ['https://x.example/>, <https://y.example'] }, 'list_unsubscribe'],
    [{ attachments: [{ ...file, contentType: 'text' }] }, 'attachments[0].content_type'],
    [{ attachments: [file, { ...file, contentId: 'a b' }] }, 'attachments[1].content_id'],
    [{ attachments: [{ ...file, filename: 'a\nb' }] }, 'attachments[0].filename'],
  ];
  for (const [change, field] of faults) {
    assert.throws(
      () => composeMessage(sampleMessage(change)),
      (error) => error instanceof ComposeFault && error.field === field,
      `${field} ${JSON.stringify(change)}`,
    );
  }
});

test('time grows with length and not faster, whatever the text', () => {
  const length = 100_000;
  const hostile = ['=?', '" ', 'ö', 'a ', ' ', '=\r', '\\', '.\n', '(', '\n=_', '=?utf-8?q?', '😀x'];
  const spent = process.cpuUsage();
  for (const part of hostile) {
    const body = part.repeat(length / part.length);
    const line = body.replace(/[\r\n]/g, '');
    composeMessage(
      sampleMessage({
        text: body,
        html: body,
        subject: line,
        from: { email: 'a@b.example', name: line },
        headers: [['X-Long', line]],
        attachments: [{ filename: line, contentType: 'a/b', contentId: null, bytes: Buffer.from(body) }],
      }),
    );
  }
  const { user, system } = process.cpuUsage(spent);
  // 12 × 6 fields of 100 kB: a second or so; a quadratic step over one of them would take minutes.
  assert.ok(user + system < 20_000_000, `${(user + system) / 1e6} s`);
});

test('every name that a caller may give a header is written as it was given', () => {
  const token = fc.stringMatching(/^[!#$%&'*+.0-9A-Z^_`a-z|~-]{1,60}$/);
  fc.assert(
    fc.property(token, (name) => {
      const errors = new FieldErrors();
      const [read] = readHeaders({ [name]: 'value' }, errors);
      if (read === undefined) return;
      const written = wire(sampleMessage({ headers: [read] }));
      assert.ok(written.includes(`\r\n${name}: value\r\n`), name);
    }),
  );
});
