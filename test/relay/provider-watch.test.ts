import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ManagedProvider } from '../../src/data/port/senders.ts';
import { ProviderWatch } from '../../src/relay/provider-watch.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

test('a provider whose test failed is tried again after a while, and is back once it works', async () => {
  const { store } = gateway.gateway;
  const call = (method: string, path: string, body?: unknown) => gateway.fetchJson(method, path, body);
  await call('POST', '/v1/providers', { name: 'well', url: 'sink:' });
  const made = await call('POST', '/v1/providers', { name: 'ill', url: 'smtp://nowhere.invalid' });
  assert.equal((await call('POST', '/v1/providers/ill/test')).body.state, 'error');
  const tried: string[] = [];
  let answer = { ok: false, detail: 'still out' };
  const watch = new ProviderWatch({
    store,
    log: { error: () => assert.fail() },
    async test(provider: ManagedProvider) {
      tried.push(provider.id);
      return answer;
    },
  });
  const now = Date.now();
  await watch.check(now + 60_000);
  assert.deepEqual(tried, [], 'not at once');
  await watch.check(now + 6 * 60_000);
  assert.deepEqual(tried, [made.body.id]);
  const shown = await call('GET', '/v1/providers/ill');
  assert.deepEqual([shown.body.state, shown.body.state_note], ['error', 'still out']);
  assert.deepEqual(shown.body.waits_for, { cause: 'state', until: null });
  answer = { ok: true, detail: 'it works' };
  await watch.check(now + 12 * 60_000);
  assert.deepEqual(tried.length, 2);
  assert.equal((await call('GET', '/v1/providers/ill')).body.state, 'active');
  await watch.check(now + 60 * 60_000);
  assert.deepEqual(tried.length, 2, 'one that works is left alone');
});
