import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Serving, startServing } from '../harness/command.ts';
import { type Receiver, seqs, startReceiver, verify } from '../harness/receiver.ts';
import { until } from '../harness/until.ts';

const OPERATOR = 'pst_op_0123456789abcdefghijklmnopqrstuvwxyz';
const KILLS = 2;
const MESSAGES = 6;
const directory = mkdtempSync(join(tmpdir(), 'postern-webhook-kill-'));
const environment = {
  POSTERN_OPERATOR_KEY: OPERATOR,
  POSTERN_LOG: 'error',
  POSTERN_WEBHOOK_ALLOW: '127.0.0.0/8',
};
let serving: Serving;
let receiver: Receiver;
let key: string;

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
async function call(method: string, path: string, body?: unknown, as = key): Promise<any> {
  const headers = {
    authorization: `Bearer ${as}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const response = await fetch(serving.listening.http + path, { method, headers, body: JSON.stringify(body) });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

before(async () => {
  receiver = await startReceiver();
  serving = await startServing(directory, environment);
  const tenant = await call('POST', '/v1/tenants', { name: 'acme' }, OPERATOR);
  const scopes = ['send', 'read', 'manage'];
  key = (await call('POST', `/v1/tenants/${tenant.id}/keys`, { mode: 'test', scopes }, OPERATOR)).key;
});
after(async () => {
  await serving.stop('SIGKILL');
  await receiver.close();
  rmSync(directory, { recursive: true, force: true });
});

test('a kill between an event and its delivery loses none, and what comes twice has the same id', async () => {
  const { secret } = await call('POST', '/v1/webhooks', { url: receiver.url });
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = receiver.received.length;
    // The next request is taken and never answered: the kill finds it on its way.
    receiver.answer(() => undefined);
    for (let i = 0; i < MESSAGES; i += 1) {
      await call('POST', '/v1/messages', { to: `p${kill}-${i}@example.com`, subject: 'Hello', text: 'It works.' });
    }
    await receiver.came(before + 1);
    await serving.stop('SIGKILL');
    receiver.answer(200);
    serving = await startServing(directory, environment);
  }
  // A kill adds events of its own where it found mail on its way.
  let wanted = 0;
  await until(
    async () => {
      const [hook] = (await call('GET', '/v1/webhooks')).data;
      wanted = hook.last_seq;
      return hook.last_seq === hook.newest_seq && hook.last_seq >= KILLS * MESSAGES * 3;
    },
    60_000,
    'everything is delivered',
  );
  const taken = receiver.received.filter((one) => one.status === 200);
  const ids = new Map<number, string>();
  let last = 0;
  for (const one of taken) {
    verify(secret, one);
    const { seq, id } = one.event;
    assert.equal(ids.get(seq) ?? id, id);
    // Never ahead: the next one, or one that comes again.
    assert.ok(seq <= last + 1, `${seq} came after ${last}`);
    last = Math.max(last, seq);
    if (seq <= wanted) ids.set(seq, id);
  }
  assert.deepEqual(
    [...ids.keys()].sort((a, b) => a - b),
    Array.from({ length: wanted }, (_, i) => i + 1),
    String(seqs(taken)),
  );
});
