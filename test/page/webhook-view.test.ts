import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Receiver, startReceiver } from '../harness/receiver.ts';
import { until } from '../harness/until.ts';

let gateway: TestGateway;
let receiver: Receiver;

before(async () => {
  receiver = await startReceiver();
  gateway = await startTestGateway({ POSTERN_WEBHOOK_ALLOW: '127.0.0.0/8' });
});
after(async () => {
  await gateway.stop();
  await receiver.close();
});

async function overview(): Promise<string> {
  const login = await fetch(`${gateway.url}/page/login`, {
    method: 'POST',
    headers: { origin: gateway.url },
    body: new URLSearchParams({ key: gateway.testKey }),
    redirect: 'manual',
  });
  const cookie = login.headers.get('set-cookie')!.split(';')[0]!;
  return (await fetch(`${gateway.url}/`, { headers: { cookie } })).text();
}

test('the overview says which webhook is paused, why, and what its receiver cannot write into the page', async () => {
  receiver.answer(410);
  const { id } = (await gateway.fetchJson('POST', '/v1/webhooks', { url: `${receiver.url}/?a=<b>` })).body;
  assert.doesNotMatch(await overview(), /A webhook is paused/);
  await gateway.fetchJson('POST', '/v1/suppressions', { email: 'ann@example.com', reason: 'manual_dnc' });
  await until(
    async () => (await gateway.fetchJson('GET', `/v1/webhooks/${id}`)).body.status === 'paused',
    60_000,
    'it is paused',
  );
  const shown = await overview();
  assert.match(shown, /A webhook is paused/);
  assert.match(shown, /410 Gone/);
  assert.ok(shown.includes(id));
  assert.ok(!shown.includes('<b>'));
});
