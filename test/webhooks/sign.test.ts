import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { newHookSecret, signHook } from '../../src/base/hook-signature.ts';
import { newId } from '../../src/base/ids.ts';
import { signedHeaders } from '../../src/webhooks/sign.ts';

const body = Buffer.from('{"id":"evt_1","text":"grüße"}');
const signed = () => ({ eventId: newId('evt'), type: 'message.sent' as const, attempt: 2, body, now: Date.now() });

type Vector = {
  name: string;
  secret: string;
  now: number;
  body: string;
  headers: Record<string, string>;
  expect: string;
};
const vectors: Vector[] = readFileSync(new URL('../fixtures/vectors/standard-webhooks.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

for (const { name, secret, body: text, headers, expect } of vectors.filter((one) => one.name !== '301 s old')) {
  test(`a standard signature agrees with the published ones: ${name}`, () => {
    const key = secret.startsWith('whsec_') ? secret : `whsec_${secret}`;
    const made = signHook(key, headers['webhook-id']!, headers['webhook-timestamp']!, Buffer.from(text));
    assert.equal(made === headers['webhook-signature'], expect === 'valid');
  });
}

test('the package standardwebhooks takes a standard signature by either secret while one replaces the other', () => {
  const [now, before, other] = [newHookSecret(), newHookSecret(), newHookSecret()];
  const headers = signedHeaders('standard', [now, before], signed());
  for (const secret of [now, before]) new Webhook(secret).verify(body.toString(), headers);
  assert.throws(() => new Webhook(other).verify(body.toString(), headers));
  assert.throws(() => new Webhook(now).verify(`${body.toString()} `, headers));
});

test('a secret has 24 octets or more', () => {
  const secret = newHookSecret();
  assert.match(secret, /^whsec_[A-Za-z0-9+/]+=*$/);
  assert.ok(Buffer.from(secret.slice(6), 'base64').length >= 24);
});

test('the style with a timestamp signs the timestamp and the body with the text of the secret', () => {
  const secret = newHookSecret();
  const event = signed();
  const headers = signedHeaders('t_v1', [secret, newHookSecret()], event);
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['X-Inboxbase-Signature']!)!;
  assert.equal(Number(t), Math.floor(event.now / 1000));
  assert.equal(v1, createHmac('sha256', secret).update(`${t}.${body.toString()}`).digest('hex'));
  assert.equal(headers['X-Inboxbase-Event-Id'], event.eventId);
  assert.equal(headers['X-Inboxbase-Event-Type'], 'message.sent');
});

test('the style without a timestamp signs the body alone, under the header names of both systems that have it', () => {
  const secret = newHookSecret();
  const event = signed();
  const headers = signedHeaders('sha256', [secret], event);
  const wanted = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  assert.equal(headers['X-Molted-Signature'], wanted);
  assert.equal(headers['X-Sendmux-Signature'], wanted);
  assert.match(headers['X-Molted-Delivery']!, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(headers['X-Sendmux-Delivery-Attempt'], '2');
});
