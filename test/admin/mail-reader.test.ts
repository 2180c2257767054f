import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { MailReader } from '../../src/admin/sink/mail-reader.ts';

const reader = new MailReader();
after(() => reader.close());

const HEAD = 'From: a@x.example\r\nTo: b@y.example\r\nSubject: s\r\n';
const read = (text: string) => reader.read(Buffer.from(text));

test('hostile messages are read within their bounds or counted as unreadable, and the next one is read all the same', async () => {
  const bombs: [string, string][] = [
    [
      'parts',
      `${HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\nContent-Type: a/b\r\n\r\nx\r\n'.repeat(5000)}--b--`,
    ],
    ['headers', `${'X-A: b\r\n'.repeat(20_000)}\r\nhi`],
    ['header bytes', `X-A: ${'y'.repeat(400_000)}\r\n\r\nhi`],
    ['nested messages', `${HEAD}Content-Type: message/rfc822\r\n\r\n`.repeat(1000)],
    [
      'nested parts',
      Array.from({ length: 60 }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`).join(''),
    ],
    ['no header at all', '\r\n\r\n'],
    ['nothing', ''],
    ['noise', String.fromCharCode(...Array.from({ length: 256 }, (_, n) => n)).repeat(400)],
  ];
  for (const [name, text] of bombs) {
    const mail = await read(text);
    assert.ok(mail.headers.length <= 1000, name);
    assert.ok(mail.attachments.length <= 1000, name);
    assert.ok((mail.text?.length ?? 0) <= 262_144, name);
  }
  assert.equal((await read(bombs[2]![1])).incomplete, 'unreadable');
  assert.equal((await read(bombs[0]![1])).incomplete, 'too_long');
  assert.equal((await read(`${HEAD}\r\nhello\r\n`)).text, 'hello');
});

test('reads asked for at once are all answered, each with its own message', async () => {
  const mails = await Promise.all(Array.from({ length: 30 }, (_, n) => read(`${HEAD}X-N: ${n}\r\n\r\n${n}`)));
  assert.deepEqual(
    mails.map(({ text }) => text),
    Array.from({ length: 30 }, (_, n) => String(n)),
  );
});

test('whoever still waits when the reader closes is answered', async () => {
  const other = new MailReader();
  const waiting = [other.read(Buffer.from('a: b\r\n\r\nx')), other.read(Buffer.from('a: b\r\n\r\ny'))];
  await other.close();
  for (const mail of await Promise.all(waiting)) assert.equal(mail.incomplete, 'unreadable');
});
