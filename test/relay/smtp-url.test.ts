import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SmtpOptions } from '../../src/relay/smtp/settings.ts';
import { smtpSettings } from '../../src/relay/smtp/settings.ts';
import { parseSmtpUrl } from '../../src/relay/smtp/smtp-url.ts';

const good: [string, SmtpOptions][] = [
  ['smtp://mail.example', { host: 'mail.example', port: 25 }],
  ['smtp://mail.example:2525/', { host: 'mail.example', port: 2525 }],
  ['smtp://u:p@mail.example', { host: 'mail.example', port: 587, user: 'u', pass: 'p' }],
  [
    'smtp://u%40x.example:p%2F%23%25@mail.example:587',
    { host: 'mail.example', port: 587, user: 'u@x.example', pass: 'p/#%' },
  ],
  ['smtps://u@mail.example', { host: 'mail.example', port: 465, secure: true, user: 'u', pass: '' }],
  ['smtp://Käse.example', { host: 'xn--kse-qla.example', port: 25 }],
  ['smtp://[::1]:25', { host: '::1', port: 25 }],
  ['smtp://h.example?tls=required', { host: 'h.example', port: 25, requireTls: true, opportunisticTls: true }],
  ['smtp://h.example?tls=opportunistic', { host: 'h.example', port: 25, requireTls: false, opportunisticTls: true }],
  ['smtp://h.example?tls=never', { host: 'h.example', port: 25, requireTls: false, opportunisticTls: false }],
  ['smtps://h.example?verify=no', { host: 'h.example', port: 465, secure: true, tls: { rejectUnauthorized: false } }],
  [
    'smtp://h.example?name=gw.example&connections=20',
    { host: 'h.example', port: 25, ehloName: 'gw.example', maxConnections: 20 },
  ],
  ['smtp://u:t@h.example?auth=xoauth2', { host: 'h.example', port: 587, user: 'u', pass: 't', auth: 'xoauth2' }],
  [
    'smtp://u:t@h.example?auth=xoauth2&token_url=https%3A%2F%2Fid.example%2Ftoken&client_id=abc',
    {
      ...{ host: 'h.example', port: 587, user: 'u', pass: 't', auth: 'xoauth2' },
      grant: { tokenUrl: 'https://id.example/token', clientId: 'abc', scope: null },
    },
  ],
];

for (const [url, options] of good) {
  test(`${url} is read`, () => assert.deepEqual(parseSmtpUrl(url), { options }));
}

const bad = [
  '',
  'mail.example',
  'http://mail.example',
  'smtp:',
  'smtp://',
  'smtp://a%20b.example',
  'smtp://:secret@h.example',
  'smtp://u:secret%zz@h.example',
  'smtp://u:sec%00ret@h.example',
  'smtp://u:secret@h.example/inbox',
  'smtp://u:sec#ret@h.example',
  'smtp://h.example:99999',
  'smtp://h.example?tls=yes',
  'smtps://h.example?tls=never',
  'smtp://h.example?verify=maybe',
  'smtp://h.example?name=a%0d%0ab',
  'smtp://h.example?connections=0',
  'smtp://h.example?connections=1e9',
  'smtp://h.example?pool=true',
  'smtp://u:secret@h.example?auth=cram-md5',
  'smtp://u:secret@h.example?token_url=https://id.example',
  'smtp://u:secret@h.example?auth=xoauth2&token_url=https://id.example',
  'smtp://u:secret@h.example?auth=xoauth2&client_id=a',
  'smtp://u:secret@h.example?auth=xoauth2&client_id=a&token_url=http://id.example',
  'smtp://u:secret%01@h.example?auth=xoauth2',
];

for (const url of bad) {
  test(`${JSON.stringify(url)} is answered with a sentence that keeps the secret`, () => {
    const result = parseSmtpUrl(url);
    assert.ok('error' in result);
    assert.match(result.error, /^[A-Z].*\.$/);
    assert.ok(!result.error.includes('secret'));
  });
}

test('TLS modes: what is verified and what is required', () => {
  const of = (options: Partial<SmtpOptions>) => {
    const { tlsMode, tls } = smtpSettings({ host: 'h.example', port: 25, ...options });
    return [tlsMode, tls.rejectUnauthorized];
  };
  assert.deepEqual(of({}), ['opportunistic', false]);
  assert.deepEqual(of({ requireTls: true }), ['required', true]);
  assert.deepEqual(of({ requireTls: true, opportunisticTls: false }), ['required', true]);
  assert.deepEqual(of({ secure: true }), ['implicit', true]);
  assert.deepEqual(of({ opportunisticTls: false }), ['never', false]);
  assert.deepEqual(of({ user: 'u', pass: 'p' }), ['required', true]);
  assert.deepEqual(of({ user: 'u', pass: 'p', host: '127.0.0.1' }), ['opportunistic', false]);
  assert.deepEqual(of({ user: 'u', pass: 'p', opportunisticTls: false }), ['never', false]);
  assert.deepEqual(of({ secure: true, tls: { rejectUnauthorized: false } }), ['implicit', false]);
});

test('an EHLO name that could end the command is refused', () => {
  for (const ehloName of ['a b', 'a\r\nMAIL', '', 'a\0', '[1.2.3.4', '-a']) {
    assert.throws(() => smtpSettings({ host: 'h.example', port: 25, ehloName }), RangeError);
  }
});
