import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startTestDns, type TestDns } from '../harness/dns.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Receiver, seqs, startReceiver, verify } from '../harness/receiver.ts';
import { until } from '../harness/until.ts';

let dns: TestDns;
let gateway: TestGateway;
let receiver: Receiver;
let call: TestGateway['fetchJson'];

before(async () => {
  dns = await startTestDns();
  dns.set('hooks.example.com', { A: ['93.184.216.34'] });
  dns.set('inside.example.com', { A: ['10.1.2.3'] });
  gateway = await startTestGateway({ POSTERN_WEBHOOK_ALLOW: '127.0.0.0/8', POSTERN_DNS_SERVERS: dns.address });
});
beforeEach(async () => {
  await receiver?.close();
  receiver = await startReceiver();
  const options = { key: gateway.operatorKey };
  const { id } = (await gateway.fetchJson('POST', '/v1/tenants', { name: 'acme' }, options)).body;
  const wanted = { mode: 'test', scopes: ['send', 'read', 'manage'] };
  const { key } = (await gateway.fetchJson('POST', `/v1/tenants/${id}/keys`, wanted, options)).body;
  call = (method, path, body) => gateway.fetchJson(method, path, body, { key });
});
after(async () => {
  await receiver.close();
  await gateway.stop();
  await dns.close();
});

async function hook(more: object = {}) {
  const made = await call('POST', '/v1/webhooks', { url: `${receiver.url}/hook`, ...more });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body;
}

/** Events that come from nothing but this call: one for each address. */
async function suppress(...names: string[]): Promise<void> {
  for (const name of names) {
    const made = await call('POST', '/v1/suppressions', { email: `${name}@example.com`, reason: 'manual_dnc' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
  }
}

const caughtUp = (id: string) =>
  until(
    async () => {
      const { last_seq: last, newest_seq: newest } = (await call('GET', `/v1/webhooks/${id}`)).body;
      return last === newest;
    },
    60_000,
    'everything is delivered',
  );

test('an address that may not be called is refused with the reason, when it is given and when it is changed', async () => {
  const { id } = await hook();
  const cases: [string, RegExp][] = [
    ['https://inside.example.com/', /private network/],
    ['https://nowhere.example.com/', /there is no host/],
    ['https://169.254.169.254/latest/meta-data', /link-local/],
    ['http://hooks.example.com/', /not opened/],
    ['https://hooks.example.com:9000/', /not opened/],
    ['https://a:b@hooks.example.com/', /user name/],
  ];
  for (const [url, why] of cases) {
    for (const [method, path] of [
      ['POST', '/v1/webhooks'],
      ['PATCH', `/v1/webhooks/${id}`],
    ] as const) {
      const answer = await call(method, path, { url });
      assert.equal(answer.status, 422, url);
      assert.equal(answer.body.errors[0].param, 'url');
      assert.match(answer.body.errors[0].message, why);
    }
  }
  dns.fail('hooks.example.com', 'servfail');
  const unknown = await call('POST', '/v1/webhooks', { url: 'https://hooks.example.com/' });
  dns.fail('hooks.example.com', null);
  assert.match(unknown.body.errors[0].message, /cannot be looked up now/);
  assert.equal((await call('POST', '/v1/webhooks', { url: 'https://hooks.example.com/', types: [] })).status, 201);
  const wrongType = await call('POST', '/v1/webhooks', {
    url: receiver.url,
    types: ['message.sent', 'message.nothing'],
  });
  assert.equal(wrongType.body.errors[0].param, 'types[1]');
  assert.equal((await call('POST', '/v1/webhooks', { url: receiver.url, concurrency: 21 })).status, 422);
});

test('only the types that are wanted arrive, and the place in the log moves past the others', async () => {
  const { id } = await hook({ types: ['suppression.*'] });
  await call('POST', '/v1/account/pause', {});
  await suppress('ann', 'bob');
  const came = await receiver.came(2);
  assert.deepEqual(
    came.map(({ event }) => event.type),
    ['suppression.created', 'suppression.created'],
  );
  await caughtUp(id);
});

test('while a secret is exchanged both sign, and the old one is never shown again', async () => {
  const { id, secret: before } = await hook();
  const rotated = (await call('POST', `/v1/webhooks/${id}/rotate-secret`)).body;
  assert.notEqual(rotated.secret, before);
  assert.ok(Date.parse(rotated.old_secret_until) > Date.now() + 23 * 3_600_000);
  await suppress('ann');
  const [one] = await receiver.came(1);
  for (const secret of [before, rotated.secret]) verify(secret, one!);
  assert.equal((one!.headers['webhook-signature'] as string).split(' ').length, 2);
  const shown = JSON.stringify([
    (await call('GET', '/v1/webhooks')).body,
    (await call('GET', `/v1/webhooks/${id}`)).body,
    (await call('GET', '/v1/audit')).body,
    (await call('GET', '/v1/events')).body,
  ]);
  assert.ok(!shown.includes('whsec_'));
});

test('a test event comes at once, ahead of what waits, and its answer is told without its body', async () => {
  const { id } = await hook();
  receiver.answer(500, '/hook');
  await suppress('ann');
  await receiver.came(1);
  await call('POST', `/v1/webhooks/${id}/disable`);
  receiver.answer({ status: 202, body: 'internal details' }, '/hook');
  const tested = (await call('POST', `/v1/webhooks/${id}/test`)).body;
  assert.equal(tested.ok, true);
  assert.equal(tested.status, 202);
  assert.ok(!JSON.stringify(tested).includes('internal details'));
  const [one] = await receiver.came(1, ({ event }) => event.type === 'webhook.test');
  assert.equal(one!.event.id, tested.event_id);
  assert.equal(one!.event.data.webhook_id, id);
  const [logged] = (await call('GET', `/v1/webhooks/${id}/deliveries`)).body.data;
  assert.equal(logged.kind, 'test');
  assert.equal(logged.response, 'internal details');
  await call('POST', `/v1/webhooks/${id}/enable`);
  await caughtUp(id);
  const tests = receiver.received.filter(({ event }) => event.type === 'webhook.test');
  assert.equal(tests.length, 1, 'it does not come again in its turn');
  receiver.answer(500, '/hook');
  const failed = (await call('POST', `/v1/webhooks/${id}/test`)).body;
  assert.deepEqual([failed.ok, failed.status, failed.error], [false, 500, 'it answered 500']);
});

test('a replay delivers everything from its number on again under the old ids', async () => {
  const { id } = await hook();
  await suppress('ann', 'bob', 'cid', 'dan');
  const first = await receiver.came(4);
  await caughtUp(id);
  const replayed = await call('POST', `/v1/webhooks/${id}/replay?from_seq=2`);
  assert.equal(replayed.status, 200, JSON.stringify(replayed.body));
  const again = (await receiver.came(7)).slice(4);
  assert.deepEqual(seqs(again), [2, 3, 4]);
  assert.deepEqual(
    again.map(({ event }) => event),
    first.slice(1).map(({ event }) => event),
  );
  const ahead = await call('POST', `/v1/webhooks/${id}/replay?from_seq=99`);
  assert.equal(ahead.status, 422);
});

test('a paused webhook gets nothing until it is enabled, and then nothing is missing', async () => {
  const { id } = await hook();
  const off = (await call('POST', `/v1/webhooks/${id}/disable`)).body;
  assert.deepEqual([off.status, off.paused_reason], ['paused', 'manual']);
  await suppress('ann', 'bob');
  assert.equal(receiver.received.length, 0);
  const waiting = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.deepEqual([waiting.last_seq, waiting.newest_seq], [0, 3]);
  assert.notEqual(waiting.behind_since, null);
  await call('POST', `/v1/webhooks/${id}/enable`);
  const came = await receiver.came(4);
  assert.deepEqual(
    came.map(({ event }) => [event.seq, event.type]),
    [
      [1, 'webhook.paused'],
      [2, 'suppression.created'],
      [3, 'suppression.created'],
      [4, 'webhook.resumed'],
    ],
  );
});

test('one endpoint that hangs delays no other, nor does its own failure reach beyond its address', async () => {
  await hook({ url: `${receiver.url}/hangs` });
  await hook({ url: `${receiver.url}/fails` });
  const { id } = await hook({ url: `${receiver.url}/quick` });
  receiver.answer(() => undefined, '/hangs');
  receiver.answer(500, '/fails');
  const startedAt = performance.now();
  await suppress('ann', 'bob', 'cid');
  await receiver.came(3, ({ path }) => path === '/quick');
  await caughtUp(id);
  assert.ok(performance.now() - startedAt < 15_000, 'an attempt that hangs lasts as long');
});

test('with a concurrency events overtake one that fails, but never one of the same message', async () => {
  const { id } = await hook({ concurrency: 5 });
  await call('POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
  const sendAt = '2027-03-01T10:00:00.000Z';
  const send = async (to: string) =>
    (await call('POST', '/v1/messages', { to, subject: 'Hello', text: 'It works.', send_at: sendAt })).body.id;
  let stuck = '';
  receiver.answer((one, response) => {
    one.status = one.event.data.message_id === stuck ? 500 : 200;
    response.writeHead(one.status).end();
  });
  await call('POST', `/v1/webhooks/${id}/disable`);
  stuck = await send('ann@example.com');
  await send('bob@example.com');
  await until(async () => (await call('GET', '/v1/test/clock?wait=5')).body.due === 0, 60_000, 'both have left');
  const { body: log } = await call('GET', '/v1/events');
  const others = log.data.filter((one: { data: { message_id?: string } }) => one.data.message_id !== stuck);
  await call('POST', `/v1/webhooks/${id}/enable`);
  await receiver.came(others.length + 1, ({ status }) => status === 200);
  const failed = receiver.received.filter(({ status }) => status === 500);
  assert.ok(failed.length >= 1);
  assert.equal(new Set(failed.map(({ event }) => event.seq)).size, 1, 'its later events wait');
  stuck = '';
  await call('POST', '/v1/test/clock', { advance: 'PT5S' });
  await caughtUp(id);
  const taken = receiver.received.filter(({ status }) => status === 200);
  const { newest_seq: newest } = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.deepEqual(
    seqs(taken).toSorted((a, b) => a - b),
    Array.from({ length: newest }, (_, i) => i + 1),
  );
  for (const [message, events] of Map.groupBy(taken, ({ event }) => event.data.message_id)) {
    if (message !== undefined)
      assert.deepEqual(
        seqs(events),
        seqs(events).toSorted((a, b) => a - b),
      );
  }
});

test('a webhook whose name is gone pauses for that and says why', async () => {
  dns.set('soon-gone.example.com', { A: ['127.0.0.1'] });
  const { id } = await hook({ url: 'http://soon-gone.example.com:9/' });
  dns.set('soon-gone.example.com', null);
  await call('POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
  await suppress('ann');
  await call('POST', '/v1/test/clock', { advance: 'PT1H' });
  await until(async () => (await call('GET', `/v1/webhooks/${id}`)).body.status === 'paused', 60_000, 'it is paused');
  const shown = (await call('GET', `/v1/webhooks/${id}`)).body;
  assert.equal(shown.paused_reason, 'dns');
  assert.match(shown.error, /there is no host/);
  assert.equal(shown.next_attempt_at, '2027-03-01T11:13:30.000Z');
});

test('every change of a webhook is in the audit log, and a removed one is gone', async () => {
  const { id } = await hook();
  await call('PATCH', `/v1/webhooks/${id}`, { concurrency: 3, types: ['message.*'] });
  await call('POST', `/v1/webhooks/${id}/disable`);
  await call('POST', `/v1/webhooks/${id}/enable`);
  await call('POST', `/v1/webhooks/${id}/rotate-secret`);
  await call('DELETE', `/v1/webhooks/${id}`);
  const { data } = (await call('GET', '/v1/audit')).body;
  const actions = data
    .filter((one: { target: string }) => one.target === id)
    .map((one: { action: string }) => one.action);
  assert.deepEqual(actions.toReversed(), [
    'webhook.created',
    'webhook.changed',
    'webhook.disabled',
    'webhook.enabled',
    'webhook.secret_rotated',
    'webhook.deleted',
  ]);
  assert.equal((await call('GET', `/v1/webhooks/${id}`)).status, 404);
  assert.equal((await call('GET', `/v1/webhooks/${id}/deliveries`)).status, 404);
  assert.equal((await call('POST', `/v1/webhooks/${id}/test`)).status, 404);
  await suppress('ann');
  assert.equal(receiver.received.filter(({ event }) => event.type === 'suppression.created').length, 0);
});

test('figures tell what was attempted and how far endpoints are behind', async () => {
  const { id } = await hook();
  await suppress('ann');
  await caughtUp(id);
  const text = await (
    await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${gateway.operatorKey}` } })
  ).text();
  assert.match(text, /postern_webhook_attempts_total\{outcome="delivered"\} [1-9]/);
  assert.match(text, /postern_webhook_endpoints\{status="active"\} [1-9]/);
  assert.match(text, /postern_webhook_behind_events\{of="furthest"\} \d/);
});
