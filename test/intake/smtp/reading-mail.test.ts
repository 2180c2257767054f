import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { readAddress } from '../../../src/base/address.ts';
import { WatchedThread } from '../../../src/base/watched-thread.ts';
import type { Address, Submission } from '../../../src/core/message.ts';
import type { MailReading } from '../../../src/intake/smtp/mail.ts';
import { type MailSubmission, submissionOfMail } from '../../../src/intake/smtp/submission-of-mail.ts';
import { readSubmission } from '../../../src/intake/submission.ts';
import { composeMessage } from '../../../src/relay/compose.ts';
import { options } from '../bodies.ts';

const reader = new WatchedThread<Uint8Array, MailReading>(
  new URL('../../../src/intake/smtp/mail-thread.ts', import.meta.url),
  15_000,
);
after(() => reader.close());

function addressesOf(...emails: string[]): Address[] {
  return emails.map((email) => {
    const reading = readAddress(email);
    assert.ok(reading.ok);
    return reading.address;
  });
}

async function readMail(octets: string | Buffer): Promise<MailReading> {
  const reading = await reader.ask(new Uint8Array(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets));
  assert.ok(reading !== null, 'no answer in time');
  return reading;
}

async function mailSubmission(lines: string[], to = ['bob@one.example']): Promise<MailSubmission> {
  const reading = await readMail(lines.join('\r\n'));
  assert.ok(reading.ok, reading.ok ? '' : reading.why);
  return submissionOfMail(reading.mail, {
    mailFrom: 'env@acme.example',
    recipients: addressesOf(...to),
    identity: null,
  });
}

/** The submission, and the octets of its attachments. */
async function taken(lines: string[], to?: string[]): Promise<{ submission: Submission; files: Buffer[] }> {
  const read = await mailSubmission(lines, to);
  assert.ok(read.ok, JSON.stringify(read));
  const reading = readSubmission(read.body, options);
  assert.ok(reading.ok, reading.ok ? '' : JSON.stringify(reading.errors));
  const { submission, files } = reading;
  if (read.shown !== null) submission.shown = read.shown;
  return { submission, files: files.map(({ bytes }) => Buffer.from(bytes)) };
}

const HEAD = ['From: a@acme.example', 'To: bob@one.example', 'Subject: x', 'MIME-Version: 1.0'];

test('text in any charset and encoding keeps its words', async () => {
  const cases: [type: string, encoding: string, body: string, words: string][] = [
    ['text/plain; charset=iso-8859-1', '8bit', 'Gr\xfc\xdfe', 'Grüße'],
    ['text/plain; charset=windows-1252', '8bit', '\x80 5', '€ 5'],
    ['text/plain; charset=utf-8', '8bit', Buffer.from('Grüße 🎉').toString('latin1'), 'Grüße 🎉'],
    ['text/plain; charset=utf-8', 'base64', Buffer.from('Grüße\r\nzwei').toString('base64'), 'Grüße\nzwei'],
    ['text/plain; charset=utf-8', 'quoted-printable', 'Gr=C3=BC=C3=9Fe=\r\n weiter', 'Grüße weiter'],
    ['text/plain; charset=shift_jis', '8bit', '\x93\xfa\x96\x7b', '日本'],
    ['text/plain; charset=iso-2022-jp', '7bit', '\x1b$BF|K\\\x1b(B', '日本'],
    ['text/plain; charset=koi8-r', '8bit', '\xd0\xd2\xc9', 'при'],
  ];
  for (const [type, encoding, body, words] of cases) {
    const lines = [...HEAD, `Content-Type: ${type}`, `Content-Transfer-Encoding: ${encoding}`, '', body];
    const { submission } = await taken(lines);
    assert.equal(submission.text?.trimEnd(), words, type);
    assert.equal(submission.html, null);
  }
});

test('an invitation, a picture of the HTML, a mail and a file keep their types, names and octets', async () => {
  const ics = ['BEGIN:VCALENDAR', 'METHOD:REQUEST', 'END:VCALENDAR', ''];
  const inner = ['Subject: inner', '', 'inner text', ''];
  const pixel = Buffer.from('GIF89a\0\r\n\xff', 'latin1');
  const { submission, files } = await taken([
    ...HEAD,
    'Content-Type: multipart/mixed; boundary=m',
    '',
    '--m',
    'Content-Type: multipart/alternative; boundary=a',
    '',
    '--a',
    'Content-Type: text/plain',
    '',
    'plain',
    '--a',
    'Content-Type: multipart/related; boundary=r',
    '',
    '--r',
    'Content-Type: text/html; charset=utf-8',
    '',
    '<p>rich <img src="cid:pix@acme"></p>',
    '--r',
    'Content-Type: image/gif',
    'Content-Transfer-Encoding: base64',
    'Content-ID: <pix@acme>',
    '',
    pixel.toString('base64'),
    '--r--',
    '--a',
    'Content-Type: text/calendar; method=REQUEST; charset=utf-8',
    '',
    ...ics,
    '--a--',
    '--m',
    'Content-Type: message/rfc822',
    '',
    ...inner,
    '--m',
    'Content-Type: application/pdf; name="=?utf-8?Q?Rechnung_=C3=A4.pdf?="',
    "Content-Disposition: attachment; filename*=utf-8''Rechnung%20%C3%A4.pdf",
    'Content-ID: <not-shown@acme>',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from('%PDF').toString('base64'),
    '--m--',
    '',
  ]);
  assert.equal(submission.text?.trim(), 'plain');
  assert.match(submission.html!, /cid:pix@acme/);
  assert.deepEqual(
    submission.attachments.map(({ filename, contentType, contentId }) => [filename, contentType, contentId]),
    [
      ['image.gif', 'image/gif', 'pix@acme'],
      ['invite.ics', 'text/calendar; charset=utf-8; method=REQUEST', null],
      ['message.eml', 'message/rfc822', null],
      ['Rechnung ä.pdf', 'application/pdf', null],
    ],
  );
  assert.deepEqual(files[0], pixel);
  assert.match(files[1]!.toString(), /^BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n/);
  assert.match(files[2]!.toString(), /^Subject: inner\r\n\r\ninner text/);
});

test('the envelope says who gets it, the header what is shown', async () => {
  const lines = [
    'From: a@acme.example',
    'To: Bob <BOB@one.example>, "Eve, not in it" <eve@two.example>, friends: gil@three.example;',
    'Cc: carol@one.example, nobody',
    'Bcc: secret@four.example',
    'Subject: x',
    '',
    'x',
  ];
  const { submission } = await taken(lines, ['bob@one.example', 'carol@one.example', 'dan@one.example']);
  const emails = (addresses: readonly Address[]) => addresses.map(({ email }) => email);
  assert.deepEqual(emails(submission.to), ['bob@one.example']);
  assert.equal(submission.to[0]!.name, 'Bob');
  assert.deepEqual(emails(submission.cc), ['carol@one.example']);
  assert.deepEqual(emails(submission.bcc), ['dan@one.example']);
  assert.deepEqual(emails(submission.shown!.to), ['BOB@one.example', 'eve@two.example', 'gil@three.example']);
  assert.doesNotMatch(JSON.stringify(submission), /secret|nobody/);
});

test('headers that mail gathers on its way are kept in order, those of Postern and of servers are not', async () => {
  const { submission } = await taken([
    'Received: from a by b',
    'Return-Path: <x@acme.example>',
    'DKIM-Signature: v=1',
    'Sender: x@evil.example',
    'Resent-From: x@evil.example',
    'X-Long: one',
    ' two',
    '\tthree',
    'X-Words: =?utf-8?Q?caf=C3=A9?= =?utf-8?B?8J+OiQ==?=',
    'X-Twice: 1',
    'X-Twice: 2',
    'Auto-Submitted: auto-generated',
    '__proto__: x',
    'constructor: y',
    `X-Wide: ${'w'.repeat(3000)}`,
    'List-Unsubscribe: <https://x.example>',
    'In-Reply-To: <q@b.example> (a comment)',
    'References: <p@b.example> broken <q@b.example>',
    'Message-ID: <mine@acme.example>',
    ...HEAD,
    '',
    'x',
  ]);
  assert.deepEqual(
    submission.headers.filter(([name]) => name !== 'X-Wide'),
    [
      ['X-Long', 'one two\tthree'],
      ['X-Words', 'café🎉'],
      ['X-Twice', '1'],
      ['X-Twice', '2'],
      ['Auto-Submitted', 'auto-generated'],
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['X-Original-Message-ID', '<mine@acme.example>'],
    ],
  );
  assert.equal(submission.inReplyTo, '<q@b.example>');
  assert.deepEqual(submission.references, ['<p@b.example>', '<q@b.example>']);
});

test('lines of any length come out within their bounds', async () => {
  const { submission } = await taken([
    ...HEAD,
    `X-Wide: ${'w '.repeat(2000)}`,
    '',
    `${'ä'.repeat(5000)} ${'b'.repeat(20_000)}`,
  ]);
  const { bytes } = composeMessage({
    ...submission,
    from: { email: 'a@acme.example', name: null },
    ...{ attachments: [], messageId: '<m@g.example>', date: 0 },
  });
  const longest = Buffer.from(bytes)
    .toString('latin1')
    .split('\r\n')
    .reduce((most, line) => Math.max(most, line.length), 0);
  assert.ok(longest <= 998, String(longest));
});

test('a mail without a subject, a text, or a From is one all the same', async () => {
  const { submission } = await taken(['To: bob@one.example', '', '']);
  assert.equal(submission.subject, '(no subject)');
  assert.equal(submission.text?.trim(), '');
  assert.equal(submission.from?.email, 'env@acme.example');
});

test('octets of a header that are not UTF-8 are refused, not guessed at', async () => {
  assert.deepEqual(await readMail('From: a@acme.example\r\nSubject: Gr\xfc\xdfe\r\n\r\nx'), {
    ok: false,
    why: 'a header holds octets that are not UTF-8',
  });
  const { submission } = await taken([Buffer.from('Subject: Grüße').toString('latin1'), ...HEAD.slice(0, 2), '', 'x']);
  assert.equal(submission.subject, 'Grüße');
});

test('a header of Postern that is unknown, or stands twice, is an error that names it', async () => {
  for (const [header, param] of [
    ['X-Postern-Idempotencykey: 1', 'headers["X-Postern-Idempotencykey"]'],
    ['X-Postern-Agent: a\r\nX-POSTERN-agent: b', 'headers["X-POSTERN-agent"]'],
    ['X-Postern-Metadata-A: a\r\nX-Postern-Metadata-a: b', 'headers["X-Postern-Metadata-a"]'],
    ['X-Postern-Metadata-: a', 'headers["X-Postern-Metadata-"]'],
  ] as const) {
    const read = await mailSubmission([...HEAD, header, '', 'x']);
    assert.ok(!read.ok && 'errors' in read, header);
    assert.ok(
      read.errors[0]!.param!.replace(/^headers\.(.*)$/, 'headers["$1"]') === param,
      JSON.stringify(read.errors),
    );
  }
});

test('metadata named as what every object has is plain data', async () => {
  const { submission } = await taken([
    ...HEAD,
    'X-Postern-Metadata-__proto__: p',
    'X-Postern-Metadata-Constructor: c',
    'X-Postern-Tag: __proto__',
    '',
    'x',
  ]);
  assert.deepEqual(submission.metadata, [
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ]);
  assert.deepEqual(submission.tags, ['__proto__']);
});

test('a mail of ten million lines is refused before it takes gigabytes', async () => {
  const reading = await readMail(`From: a@acme.example\r\n\r\n${'\r\n'.repeat(10_000_000)}`);
  assert.deepEqual(reading, { ok: false, why: 'there are more than 500000 lines' });
  assert.ok((await readMail(`From: a@acme.example\r\n\r\n${'x\r\n'.repeat(340_000)}`)).ok);
});

const BOMBS: Record<string, () => string> = {
  'parts within parts': () => {
    const depth = 500;
    const open = Array.from(
      { length: depth },
      (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`,
    );
    return `From: a@acme.example\r\n${open.join('')}\r\nx`;
  },
  'mails within mails': () => `From: a@acme.example\r\n${'Content-Type: message/rfc822\r\n\r\n'.repeat(10_000)}x`,
  'a hundred thousand parts': () =>
    `From: a@acme.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\nContent-Type: image/png\r\n\r\nx\r\n'.repeat(100_000)}`,
  'ten megabytes of header': () => `From: a@acme.example\r\nX: ${'x'.repeat(10_000_000)}\r\n\r\nx`,
  'a million headers': () => `${'X: y\r\n'.repeat(1_000_000)}\r\nx`,
  'pieces of a name': () =>
    `Content-Disposition: attachment;${Array.from({ length: 20_000 }, (_, i) => ` filename*${i}*=x;`).join('')}\r\n\r\nx`,
  'an endless boundary': () =>
    `Content-Type: multipart/mixed; boundary="${'-'.repeat(70)}"\r\n\r\n${'-'.repeat(1_000_000)}`,
  'brackets of addresses': () => `From: ${'('.repeat(100_000)}\r\nTo: ${'<'.repeat(50_000)}\r\n\r\nx`,
};

for (const [name, make] of Object.entries(BOMBS)) {
  test(`${name} are read in bounded time or refused`, async () => {
    const octets = make();
    const since = performance.now();
    const reading = await readMail(octets);
    assert.ok(performance.now() - since < 10_000, `${performance.now() - since} ms`);
    if (!reading.ok) return;
    const read = submissionOfMail(reading.mail, {
      mailFrom: '',
      recipients: addressesOf('b@one.example'),
      identity: null,
    });
    if (read.ok) readSubmission(read.body, options);
  });
}
