/** Mail that waits for its time, and the identity it was accepted for goes meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestGateway } from '../harness/gateway.ts';

test('what waits for a deleted identity does not leave in another’s way, and says why', async (t) => {
  const gateway = await startTestGateway();
  t.after(() => gateway.stop());
  const now = '2027-03-02T09:00:00.000Z';
  assert.ok((await gateway.fetchJson('POST', '/v1/test/clock', { now })).status < 300);
  const made = await gateway.fetchJson('POST', '/v1/identities', { handle: 'alice', from: 'alice@acme.example' });
  assert.equal(made.status, 201);
  const mail = { to: 'bob@one.example', subject: 'Later', text: 'Later.', identity: 'alice' };
  const sent = await gateway.fetchJson('POST', '/v1/messages', { ...mail, send_at: '2027-03-02T10:00:00Z' });
  assert.equal(sent.status, 202);
  assert.equal((await gateway.fetchJson('DELETE', `/v1/identities/${made.body.id}`)).status, 200);
  await gateway.fetchJson('POST', '/v1/test/clock?wait=10', { advance: 'PT2H' });
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${sent.body.id}`);
  assert.equal(body.status, 'blocked');
  assert.deepEqual(
    body.recipients[0].reasons.map(({ code }: { code: string }) => code),
    ['identity_inactive'],
  );
  const { body: sink } = await gateway.fetchJson('GET', '/v1/sink?recipient=bob%40one.example');
  assert.deepEqual(sink.data, []);
});
