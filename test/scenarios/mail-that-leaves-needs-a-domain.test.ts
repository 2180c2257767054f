import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';

const started: TestGateway[] = [];
async function start(environment: Record<string, string>): Promise<TestGateway> {
  const gate = await startTestGateway(environment);
  started.push(gate);
  return gate;
}
after(async () => {
  for (const gate of started) await gate.stop();
});

const check = async (gate: TestGateway, from: string | undefined, key = gate.liveKey): Promise<string> => {
  const body = { from, to: 'bob@example.com', subject: 'Hello', text: 'Hi' };
  const answer: Answer = await gate.fetchJson('POST', '/v1/messages/check', body, { key });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.recipients[0].reasons[0]?.code ?? answer.body.verdict;
};

test('where mail can leave the machine a sender needs a verified domain, and test mail never does', async () => {
  const gate = await start({ POSTERN_OUTBOUND: 'smtp://relay.example:587', POSTERN_DOMAIN: 'mail.gateway.example' });
  assert.equal(await check(gate, 'alice@acme.example'), 'domain_not_verified');
  assert.equal(await check(gate, undefined), 'accept', "the gateway's own domain");
  assert.equal(await check(gate, 'alice@acme.example', gate.testKey), 'accept', 'test mail stays here');
  const policy = { senders: { require_verified_domain: 'never' } };
  const path = `/v1/tenants/${gate.tenantId}/policy`;
  const put = await gate.fetchJson('PUT', path, policy, { key: gate.operatorKey });
  assert.equal(put.status, 200);
  assert.equal(await check(gate, 'alice@acme.example'), 'accept');
});

test('a name for this machine alone is no sender for mail that leaves it', async () => {
  const gate = await start({ POSTERN_OUTBOUND: 'smtp://relay.example:587' });
  assert.equal(await check(gate, undefined), 'domain_not_verified');
});

test('on a gateway that keeps its mail, a provider of the tenant that leads out of it asks for a domain', async () => {
  const gate = await start({ POSTERN_PROVIDER_ALLOW: '192.0.2.0/24' });
  assert.equal(await check(gate, 'alice@acme.example'), 'accept');
  const provider = { name: 'out', url: 'smtp://192.0.2.25:587' };
  const made = await gate.fetchJson('POST', '/v1/providers', provider, { key: gate.liveKey });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(await check(gate, 'alice@acme.example'), 'domain_not_verified');
  assert.equal(await check(gate, 'alice@acme.example', gate.testKey), 'accept');
  const removed = await gate.fetchJson('DELETE', `/v1/providers/${made.body.id}`, undefined, { key: gate.liveKey });
  assert.ok(removed.status < 300, JSON.stringify(removed.body));
  assert.equal(await check(gate, 'alice@acme.example'), 'accept');
});
