import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readPath } from '../../src/base/smtp-path.ts';

const addressIn = (path: string): string | false => {
  const found = readPath('rcpt to', `RCPT TO:${path}`);
  return found === false ? false : found.address;
};

test('a path is what stands between its brackets, and a quoted local part may hold anything', () => {
  const cases: [path: string, address: string | false][] = [
    ['<bob@one.example>', 'bob@one.example'],
    [' <bob@one.example>', 'bob@one.example'],
    ['<>', ''],
    ['<"a b"@one.example>', '"a b"@one.example'],
    ['<"a>b"@one.example>', '"a>b"@one.example'],
    ['<"a\\">"@one.example>', '"a\\">"@one.example'],
    ['<"a@evil.example"@one.example>', '"a@evil.example"@one.example'],
    ['<@relay.example,@other.example:bob@one.example>', 'bob@one.example'],
    ['<Postmaster>', 'Postmaster'],
    ['bob@one.example', false],
    ['<bob@one.example', false],
    ['<"bob@one.example>', false],
    ['<a b@one.example>', false],
    ['<a<b@one.example>', false],
    ['<a@one.example>,<b@two.example>', false],
    ['<a@one.example>x', false],
    ['<@one.example>', false],
    ['<bob@>', false],
    ['<bob\x07@one.example>', false],
    ['<bob\u200b@one.example>', false],
  ];
  for (const [path, address] of cases) assert.equal(addressIn(path), address, path);
  assert.equal(readPath('rcpt to', 'MAIL FROM:<a@b.example>'), false);
  assert.equal(readPath('mail from', 'MAIL <a@b.example>'), false);
});

test('parameters have a name, perhaps a value, and stand once', () => {
  const found = readPath('mail from', 'mail from:<a@b.example> size=10 SMTPUTF8  AUTH=<> BODY=');
  assert.ok(found !== false && found.args !== false);
  assert.deepEqual({ ...found.args }, { SIZE: '10', SMTPUTF8: true, AUTH: '<>', BODY: true });
  assert.equal((readPath('mail from', 'MAIL FROM:<> SIZE=1 size=2') as { duplicate?: string }).duplicate, 'SIZE');
  const named = readPath('mail from', 'MAIL FROM:<> __proto__=x constructor');
  assert.ok(named !== false && named.args !== false && named.duplicate === undefined);
});

test('whatever comes is read or is not, in linear time', () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void readPath('rcpt to', `RCPT TO:<${text}`)));
  const started = process.cpuUsage();
  for (const part of ['@a,', '"', '\\', ' a=b', '<', ':']) readPath('rcpt to', `RCPT TO:<${part.repeat(1_000_000)}`);
  assert.ok(process.cpuUsage(started).user < 10_000_000);
});
