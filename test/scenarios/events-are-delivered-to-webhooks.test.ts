import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Receiver, seqs, startReceiver, verify } from '../harness/receiver.ts';
import { until } from '../harness/until.ts';

const OPEN = { POSTERN_WEBHOOK_ALLOW: '127.0.0.0/8' };
let gateway: TestGateway;
let receiver: Receiver;

before(async () => {
  gateway = await startTestGateway(OPEN);
});
beforeEach(async () => {
  await receiver?.close();
  receiver = await startReceiver();
});
after(async () => {
  await receiver.close();
  await gateway.stop();
});

/** A tenant with a test key of its own. */
async function tenant(notify: string[] = []): Promise<{ call: TestGateway['fetchJson']; id: string }> {
  const options = { key: gateway.operatorKey };
  const made = await gateway.fetchJson('POST', '/v1/tenants', { name: 'acme', notify }, options);
  const { id } = made.body;
  const wanted = { mode: 'test', scopes: ['send', 'read', 'manage'] };
  const { body } = await gateway.fetchJson('POST', `/v1/tenants/${id}/keys`, wanted, options);
  return { id, call: (method, path, given) => gateway.fetchJson(method, path, given, { key: body.key }) };
}

async function hook(call: TestGateway['fetchJson'], more: object = {}) {
  const made = await call('POST', '/v1/webhooks', { url: `${receiver.url}/hook`, types: [], ...more });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body;
}

async function send(call: TestGateway['fetchJson'], to: string) {
  const sent = await call('POST', '/v1/messages', { to, subject: 'Hello', text: 'It works.' });
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  return sent.body;
}

const paused = (call: TestGateway['fetchJson'], id: string) =>
  until(async () => (await call('GET', `/v1/webhooks/${id}`)).body.status === 'paused', 20_000, 'paused');

test('a webhook gets every event in order with a signature that its verifier takes', async () => {
  const { call, id: tenantId } = await tenant();
  const { id, secret, status } = await hook(call);
  assert.equal(status, 'active');
  assert.match(id, /^whk_/);
  const { id: messageId } = await send(call, 'ann@example.com');
  await send(call, 'bob@example.com');
  const came = await receiver.came(6);
  const { body: log } = await call('GET', '/v1/events?after_seq=0');
  assert.deepEqual(
    seqs(came),
    log.data.map((one: { seq: number }) => one.seq),
  );
  for (const [i, one] of came.entries()) {
    assert.deepEqual(verify(secret, one), one.event);
    assert.equal(one.headers['webhook-id'], one.event.id);
    const { tenant: told, mode, ...event } = one.event;
    assert.deepEqual({ told, mode }, { told: tenantId, mode: 'test' });
    assert.deepEqual(event, log.data[i]);
  }
  assert.equal(came[0]!.event.data.message_id, messageId);
  const shown = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.equal(shown.secret, undefined);
});

test('a receiver that is down for an hour of the test clock is paused and told of, and gets everything once it is enabled', async () => {
  const { call } = await tenant(['ops@example.com']);
  const { id, secret } = await hook(call);
  await call('POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
  receiver.answer({ status: 503, body: 'down for maintenance' });
  await send(call, 'ann@example.com');
  await call('POST', '/v1/test/clock', { advance: 'PT1H' });
  await paused(call, id);
  const first = receiver.received[0]!.event;
  assert.equal(receiver.received.length, 9);
  assert.ok(receiver.received.every(({ event }) => event.id === first.id));
  const shown = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.equal(shown.paused_reason, 'failing');
  assert.equal(shown.error, 'it answered 503');
  assert.equal(shown.last_seq, first.seq - 1);
  assert.equal(shown.behind_since, first.created_at);
  const events = (await call('GET', '/v1/events?types=webhook.paused')).body.data;
  assert.equal(events.length, 1);
  assert.equal(events[0].data.webhook_id, id);
  assert.equal(events[0].data.paused_reason, 'failing');
  const { data: deliveries } = (await call('GET', `/v1/webhooks/${id}/deliveries`)).body;
  assert.deepEqual(
    deliveries.map((one: { attempt: number }) => one.attempt),
    [9, 8, 7, 6, 5, 4, 3, 2, 1],
  );
  assert.equal(deliveries[0].response, 'down for maintenance');
  await until(
    async () => {
      const sink = (await call('GET', '/v1/sink?recipient=ops@example.com')).body;
      return sink.data.some((one: { subject: string }) => one.subject.includes('A webhook is paused'));
    },
    20_000,
    'the notice',
  );

  await send(call, 'bob@example.com');
  await until(
    async () => (await call('GET', '/v1/events?types=message.delivered')).body.data.length === 2,
    20_000,
    'both mails have left',
  );
  receiver.answer(200);
  const enabled = await call('POST', `/v1/webhooks/${id}/enable`);
  assert.equal(enabled.body.status, 'active');
  const { body: log } = await call('GET', '/v1/events?after_seq=0');
  const wanted = log.data.map((one: { seq: number }) => one.seq);
  assert.equal(log.data.at(-1).type, 'webhook.resumed');
  const good = await receiver.came(wanted.length, (one) => one.status === 200);
  assert.deepEqual(seqs(good), wanted);
  assert.deepEqual(
    wanted,
    wanted.map((_: number, i: number) => i + 1),
  );
  for (const one of good) verify(secret, one);
});

test('a receiver that was down is probed after an hour of the test clock and goes on by itself', async () => {
  const { call } = await tenant();
  const { id } = await hook(call);
  await call('POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
  receiver.answer(500);
  await send(call, 'ann@example.com');
  await call('POST', '/v1/test/clock', { advance: 'PT1H' });
  await paused(call, id);
  await call('POST', '/v1/test/clock', { advance: 'PT1H' });
  await receiver.came(10);
  await until(
    async () => (await call('GET', `/v1/webhooks/${id}/deliveries`)).body.data[0].kind === 'probe',
    20_000,
    'the probe is in the log',
  );
  assert.equal((await call('GET', `/v1/webhooks/${id}`)).body.status, 'paused');
  receiver.answer(200);
  await call('POST', '/v1/test/clock', { advance: 'PT1H' });
  const good = await receiver.came(5, (one) => one.status === 200);
  assert.deepEqual(seqs(good), [1, 2, 3, 4, 5]);
  assert.equal(good[4]!.event.type, 'webhook.resumed');
  assert.equal((await call('GET', `/v1/webhooks/${id}`)).body.status, 'active');
});

test('a receiver that answers 410 is paused at once and says so', async () => {
  const { call } = await tenant();
  const { id } = await hook(call);
  receiver.answer(410);
  await send(call, 'ann@example.com');
  await paused(call, id);
  const shown = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.equal(shown.paused_reason, 'gone');
  assert.equal(shown.next_attempt_at, null);
  assert.equal(receiver.received.length, 1);
  const [event] = (await call('GET', '/v1/events?types=webhook.paused')).body.data;
  assert.equal(event.data.paused_reason, 'gone');
});
