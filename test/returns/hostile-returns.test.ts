/** Mail that was made to hurt its reader: time stays linear and nothing is thrown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMime, textOfHtml } from '../../src/returns/mime.ts';
import { read, report } from './sample.ts';

const SIZE = 1_000_000;
const HEADER = 'From: MAILER-DAEMON@mx.example.net\nSubject: failure notice\n';

function filled(unit: string): string {
  return unit.repeat(Math.ceil(SIZE / unit.length));
}

const MULTIPART = `${HEADER}Content-Type: multipart/report; boundary=b\n\n`;
const HOSTILE: Record<string, string> = {
  'one long line': `${HEADER}\n${filled('a')}`,
  'at signs': `${HEADER}\n${filled('a@')}`,
  addresses: `${HEADER}\n${filled('a@b.example ')}`,
  'lines of addresses': `${HEADER}\n${filled('<a@b.example>: 550 5.1.1 no\n')}`,
  'different addresses': `${HEADER}\n${Array.from({ length: 60_000 }, (_, n) => `u${n}@b.example`).join('\n')}`,
  'reply codes': `${HEADER}\n${filled('550 ')}`,
  'enhanced codes': `${HEADER}\n${filled('5.1.')}`,
  'blank lines': filled('\n'),
  blanks: `${HEADER}\n${filled(' ')}`,
  'carriage returns': filled('\r'),
  'header lines': filled('A: b\n'),
  'one folded header': `Subject: ${filled('\n a')}`,
  'a long header': `Content-Type: ${filled('a=b;')}`,
  'open quotes in parameters': `Content-Type: multipart/mixed; ${filled('a="')}`,
  delimiters: `${MULTIPART}${filled('--b\n')}`,
  'delimiters that are none': `${MULTIPART}${filled('--bx\n')}`,
  'guessed delimiters': `${HEADER}Content-Type: multipart/mixed\n\n${filled('--------\n')}`,
  'nested multiparts': `${HEADER}${filled('Content-Type: multipart/mixed; boundary=b\n\n--b\n')}`,
  'nested messages': filled('Content-Type: message/rfc822\n\n'),
  'encoded words': `Subject: ${filled('=?utf-8?q?=41?= ')}`,
  'beginnings of encoded words': `Subject: ${filled('=?')}`,
  recipients: `${MULTIPART}--b\nContent-Type: message/delivery-status\n\n${filled('Final-Recipient: rfc822; a@b.example\nAction: failed\n\n')}`,
  'groups without names': `${MULTIPART}--b\nContent-Type: message/delivery-status\n\n${filled('Action: failed\n\n')}`,
  'HTML openings': `${HEADER}Content-Type: text/html\n\n${filled('<')}`,
  'styles without an end': `${HEADER}Content-Type: text/html\n\n${filled('<style>')}`,
  'quoted-printable': `${HEADER}Content-Transfer-Encoding: quoted-printable\n\n${filled('=41= \n')}`,
  'equal signs': `${HEADER}Content-Transfer-Encoding: quoted-printable\n\n${filled('= ')}`,
  base64: `${HEADER}Content-Transfer-Encoding: base64\n\n${filled('AAAA')}`,
  transcripts: `${HEADER}\n${filled('>>> DATA\n<<< 250\n')}`,
  'marks of originals': `${HEADER}\n${filled('original message\n')}`,
  'X-Failed-Recipients': filled('X-Failed-Recipients: a@b.example, c@d.example\n'),
  'words about a hundred recipients': `X-Failed-Recipients: ${Array.from({ length: 100 }, (_, n) => `u${n}@b.example`).join(', ')}\n${HEADER}\n${filled(`550 ${'zzz '.repeat(200)}\n\n`)}`,
  'words between recipients': `${HEADER}\n${filled(`<${'u'.repeat(9)}@b.example>\n550 ${'zzz '.repeat(200)}\n\n`)}`,
  'JSON openings': `${HEADER}\n${filled('{"a":')}`,
  brackets: `${HEADER}\n${filled('([<')}`,
  'escapes of ISO 2022': `${HEADER}Content-Type: text/plain; charset=iso-2022-jp\n\n${filled('\u001b$B')}`,
};

for (const [name, mail] of Object.entries(HOSTILE)) {
  test(`a megabyte of ${name} is read within a second`, () => {
    // Time of the processor, since other tests run beside this one.
    const begun = process.cpuUsage();
    const result = read(Buffer.from(mail));
    const { user, system } = process.cpuUsage(begun);
    const spentMs = (user + system) / 1_000;
    assert.ok(result.recipients.length <= 1_000);
    assert.ok(spentMs < 1_000, `${spentMs} ms`);
  });
}

test('no octets whatever are too strange to be read', () => {
  const word = fc.constantFrom(
    '\n',
    '\r\n',
    '--b',
    'Content-Type: ',
    'multipart/report; boundary=b',
    'message/delivery-status',
    'message/rfc822',
    'text/html',
    'Final-Recipient: rfc822; a@b',
    'Action: failed',
    'Status: 5.1.1',
    'From: MAILER-DAEMON',
    'Subject: ',
    '=?utf-8?b?',
    '?=',
    '550 ',
    '\u0000',
    '\u00ff',
    ' ',
    ':',
    '<',
    '@',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 60 }), (words) => {
      const { kind, recipients } = read(Buffer.from(words.join(''), 'latin1'));
      assert.equal(typeof kind, 'string');
      for (const one of recipients) assert.ok(!one.suppress || one.action === 'failed' || kind === 'complaint');
    }),
    { numRuns: 1_000 },
  );
});

test('parts are bounded in number and depth', () => {
  const count = (part: ReturnType<typeof parseMime>): number =>
    1 + part.parts.reduce((sum, each) => sum + count(each), 0);
  for (const name of ['delimiters', 'nested multiparts', 'nested messages'] as const) {
    assert.ok(count(parseMime(Buffer.from(HOSTILE[name] ?? ''))) <= 102, name);
  }
});

test('a thousand recipients of one report are read, and no more', () => {
  const fields = Array.from(
    { length: 1_500 },
    (_, n) => `Final-Recipient: rfc822; u${n}@b.example\r\nAction: failed\r\nStatus: 5.1.1`,
  );
  const begun = performance.now();
  assert.equal(read(report(fields.join('\r\n\r\n'))).recipients.length, 1_000);
  assert.ok(performance.now() - begun < 1_000);
});

test('tags of HTML are taken away and words stay', () => {
  const html = '<html><head><title>x</title></head><body><style>p{}</style><p>a &lt;b@c.example&gt;</p>1 < 2';
  assert.equal(textOfHtml(html).trim().replace(/\s+/g, ' '), 'a <b@c.example> 1 < 2');
});
