/** Text messages have no carrier: where mail goes to the next hop, they stay in the sink, and no mail gets to their addresses. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { captured } from '../harness/sink.ts';
import { type Sink, startSink } from '../harness/smtp-sink.ts';

const NUMBER = '+61400000001';
const taken: string[] = [];
const bell = new EventEmitter();
let hop: Sink;
let gateway: TestGateway;

before(async () => {
  hop = await startSink({
    onMessage({ to }) {
      taken.push(...to);
      bell.emit('mail');
    },
  });
  gateway = await startTestGateway({ POSTERN_OUTBOUND: `smtp://127.0.0.1:${hop.port}` });
});
after(async () => {
  await gateway.stop();
  await hop.close();
});

test('a text message is delivered into the sink while mail leaves', async () => {
  const call = (path: string, body: unknown) => gateway.fetchJson('POST', path, body, { key: gateway.liveKey });
  const text = await call('/compat/servicem8/platform_service_sms', { to: NUMBER, message: 'On my way: 5 minutes.' });
  assert.equal(text.status, 200, JSON.stringify(text.body));
  const arrived = once(bell, 'mail');
  const mail = await call('/v1/messages', { to: 'pat@client.example', subject: 'Visit', text: 'See you.' });
  assert.equal(mail.status, 202, JSON.stringify(mail.body));
  await arrived;
  const [kept] = await captured(gateway, 1, { key: gateway.liveKey });
  assert.equal(kept!.channel, 'sms');
  assert.equal(kept!.envelope.to[0], `${NUMBER}@sms.postern.invalid`);
  assert.equal(kept!.text, 'On my way: 5 minutes.');
  assert.deepEqual(taken, ['pat@client.example']);
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${text.body.messageID}`, undefined, {
    key: gateway.liveKey,
  });
  assert.equal(body.recipients[0].status, 'delivered');
});

test('a domain that stands for numbers takes no mail, in either mode', async () => {
  for (const key of [gateway.liveKey, gateway.testKey]) {
    const body = { to: `${NUMBER}@sms.postern.invalid`, subject: 'Visit', text: 'See you.' };
    const refused = await gateway.fetchJson('POST', '/v1/messages', body, { key });
    assert.deepEqual([refused.status, refused.body.code], [422, 'invalid_recipient']);
    assert.equal(refused.body.reasons[0].evidence.problem, 'no_mail_domain');
  }
});

test('an account whose own providers are all off still has its text messages', async () => {
  const call = (method: string, path: string, body?: unknown) =>
    gateway.fetchJson(method, path, body, { key: gateway.testKey });
  const identity = { handle: 'sales', from: 'sales@acme.example', daily_cap: 1 };
  assert.equal((await call('POST', '/v1/identities', identity)).status, 201);
  const mailbox = { address: 'sales@acme.example', provider: 'default', identity: 'sales', daily_cap: 1 };
  assert.equal((await call('POST', '/v1/mailboxes', mailbox)).status, 201);
  const off = await call('POST', '/v1/providers/default/deactivate', { note: 'a test' });
  assert.equal(off.status, 200, JSON.stringify(off.body));
  const mail = await call('POST', '/v1/messages', { to: 'pat@client.example', subject: 'Visit', text: 'See you.' });
  assert.deepEqual([mail.status, mail.body.code], [503, 'no_active_provider']);
  for (const n of [1, 2]) {
    const text = await call('POST', '/compat/servicem8/platform_service_sms', {
      to: `+6140000010${n}`,
      message: 'Hi.',
    });
    assert.equal(text.status, 200, JSON.stringify(text.body));
  }
  const kept = await captured(gateway, 2);
  assert.deepEqual(
    kept.map(({ channel }: { channel: string }) => channel),
    ['sms', 'sms'],
  );
});
