import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeWords, parseMime, readParameters } from '../../src/returns/mime.ts';

function parse(text: string) {
  return parseMime(Buffer.from(text, 'latin1'));
}

test('a part ends at its delimiter and a last part without one at the end', () => {
  const { parts } = parse('Content-Type: multipart/mixed; boundary="b"\n\nx\n--b\n\none\n--b\n\ntwo');
  assert.deepEqual(
    parts.map((part) => part.text),
    ['one', 'two'],
  );
});

test('a boundary that the header does not name is guessed from the body', () => {
  const { parts } = parse(
    'Content-Type: multipart/mixed; boundary=other\n\n--really\nContent-Type: text/plain\n\none\n--really--\n',
  );
  assert.deepEqual(
    parts.map((part) => part.text),
    ['one'],
  );
});

test('a multipart without any delimiter is text', () => {
  const part = parse('Content-Type: multipart/mixed; boundary=b\n\nplain words');
  assert.equal(part.text, 'plain words');
});

test('a line that begins like a delimiter and goes on is none', () => {
  const { parts } = parse('Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bb\n--b--');
  assert.deepEqual(
    parts.map((part) => part.text),
    ['one\n--bb'],
  );
});

for (const [name, headers, body, expected] of [
  [
    'quoted-printable',
    'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable',
    'caf=C3=A9 =\nau lait',
    'café au lait',
  ],
  [
    'base64 with line ends in it',
    'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64',
    'Y2Fm\nw6k=',
    'café',
  ],
  ['ISO 8859-1', 'Content-Type: text/plain; charset=iso-8859-1', 'caf\u00e9', 'café'],
  ['ISO 2022-JP', 'Content-Type: text/plain; charset=iso-2022-jp', '\u001b$B$"\u001b(B', 'あ'],
  ['UTF-8 without a word of it', 'Content-Type: text/plain', 'caf\u00c3\u00a9', 'café'],
  ['a charset nobody knows', 'Content-Type: text/plain; charset=klingon', 'caf\u00e9', 'café'],
] as const) {
  test(`${name} is decoded`, () => assert.equal(parse(`${headers}\n\n${body}`).text, expected));
}

test('a folded field is one field, and names are compared without regard to case', () => {
  const { headers } = parse('SUBJECT: one\n two\nReceived: a\nreceived: b\n\n');
  assert.equal(headers.get('subject'), 'one two');
  assert.deepEqual(headers.all('received'), ['a', 'b']);
});

test('a line that is no field begins the body', () => {
  const part = parse('Subject: one\nThis is not a field\nTo: x\n');
  assert.equal(part.headers.get('to'), '');
  assert.match(part.text, /^This is not a field/);
});

test('the line that a mailbox file puts before a mail is passed over', () => {
  assert.equal(parse('From MAILER-DAEMON Sat Oct 4\nSubject: one\n\nx').headers.get('subject'), 'one');
});

test('encoded words are decoded, joined, and left alone where they are broken', () => {
  assert.equal(decodeWords('=?utf-8?B?Y2Fm?= =?utf-8?Q?=C3=A9_x?='), 'café x');
  assert.equal(decodeWords('=?utf-8?X?abc?='), '=?utf-8?X?abc?=');
});

test('parameters may be quoted, repeated or cut off', () => {
  const { value, parameters } = readParameters('Multipart/Report; boundary="a;b"; boundary=c; Report-Type=x; open="y');
  assert.equal(value, 'multipart/report');
  assert.deepEqual(
    [...parameters],
    [
      ['boundary', 'a;b'],
      ['report-type', 'x'],
      ['open', 'y'],
    ],
  );
});

test('a message inside a message is its one part', () => {
  const part = parse('Content-Type: message/rfc822\n\nSubject: inner\n\nwords');
  assert.equal(part.parts[0]?.headers.get('subject'), 'inner');
  assert.equal(part.parts[0]?.text, 'words');
});
