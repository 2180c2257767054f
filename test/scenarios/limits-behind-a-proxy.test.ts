import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { makeKey } from '../../src/base/api-key.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { connectAgent } from '../harness/mcp.ts';
import { asOperator, makeTenant, type TestTenant } from '../harness/tenants.ts';
import { until } from '../harness/until.ts';

const TEST = { 'x-mode': 'test' };

/** 127.0.0.1 is the proxy here, and 127.0.0.2 a client that only says so. */
describe('a gateway behind a proxy', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_TRUST_PROXY: '127.0.0.1/32' });
    tenant = await makeTenant(gateway);
  });
  after(() => gateway.stop());

  const limit = async (...request_rate: object[]) => {
    const put = await asOperator(gateway)('PUT', `/v1/tenants/${tenant.id}/policy`, { request_rate }, TEST);
    assert.equal(put.status, 200, JSON.stringify(put.body));
  };
  const from = (address: string, more: Record<string, string> = {}) =>
    gateway.fetchJson('GET', '/v1/me', undefined, {
      key: tenant.agent.key,
      headers: { 'x-forwarded-for': address, ...more },
    });
  const statuses = async (...addresses: string[]) => {
    const found: number[] = [];
    for (const address of addresses) found.push((await from(address)).status);
    return found;
  };

  it('counts each client by the address that the proxy has seen, and a forged one changes nothing', async () => {
    await limit({ name: 'each', scope: 'address', window: 'rolling_30s', max: 2 });
    assert.deepEqual(await statuses('203.0.113.5', '203.0.113.5', '203.0.113.5', '203.0.113.6'), [200, 200, 429, 200]);
    const refused = await from('198.51.100.1, 203.0.113.5');
    assert.deepEqual([refused.status, refused.body.code], [429, 'request_rate_exceeded']);
    assert.deepEqual(refused.body.reasons[0].scope, { kind: 'address', id: '203.0.113.5' });
    assert.equal(refused.headers.get('ratelimit-policy'), '"each";q=2;w=30');
    assert.match(refused.headers.get('ratelimit') ?? '', /^"each";r=0;t=\d+$/);
    const said = await from('203.0.113.7');
    assert.match(said.headers.get('ratelimit') ?? '', /^"each";r=1;t=30$/);
  });

  it('takes a /64 of IPv6 for one client', async () => {
    await limit({ name: 'six', scope: 'address', window: 'rolling_30s', max: 2 });
    const same = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:2::3'];
    assert.deepEqual(await statuses(...same, '2001:db8:1:3::1'), [200, 200, 429, 200]);
  });

  it('believes nobody else, and limits nothing by address where this machine asks', async () => {
    await limit({ name: 'near', scope: 'address', window: 'rolling_30s', max: 1 });
    const found: (number | undefined)[] = [];
    for (let n = 0; n < 4; n += 1) found.push(await statusFrom('127.0.0.2', `203.0.113.${n}`));
    assert.deepEqual(found, [200, 200, 200, 200]);
  });

  it('lets a model count its calls once, by the address it comes from', async () => {
    await limit({ name: 'calls', scope: 'address', window: 'rolling_30s', max: 2 });
    const agent = await connectAgent(gateway.url, tenant.agent.key, { 'x-forwarded-for': '203.0.113.20' });
    try {
      const asked = [];
      for (let n = 0; n < 3; n += 1) asked.push(await agent.call('get_limits'));
      assert.deepEqual(
        asked.map(({ body }) => body.code),
        [undefined, undefined, 'request_rate_exceeded'],
      );
      assert.match(asked[2]!.text, /Do not retry before 20/);
      assert.deepEqual(
        asked[0]!.body.data.map((one: Record<string, unknown>) => [one['name'], one['unit'], one['remaining']]),
        [['calls', 'request', 1]],
      );
    } finally {
      await agent.close();
    }
  });

  it('counts once what a face passes on', async () => {
    await limit({ name: 'faces', scope: 'key', window: 'rolling_30s', max: 2 });
    const ask = () =>
      gateway.fetchJson('GET', `/compat/molted/v1/suppressions?tenantId=${tenant.id}`, undefined, {
        key: tenant.person.key,
      });
    const [first, second, third] = [await ask(), await ask(), await ask()];
    assert.deepEqual([first.status, second.status, third.status], [200, 200, 429]);
    assert.match(first.headers.get('ratelimit') ?? '', /"faces";r=1;t=30/);
    assert.equal(third.body.error, 'rate_limited');
  });

  it('tells an address that tries wrong keys to wait, looks again when it said, and locks nobody out', async () => {
    await limit();
    const guess = () => from('203.0.113.50', { authorization: `Bearer ${makeKey('test').key}` });
    assert.equal((await from('203.0.113.50')).status, 200);
    const counts: Record<number, number> = {};
    let last = await guess();
    for (let n = 0; n < 29; n += 1) {
      counts[last.status] = (counts[last.status] ?? 0) + 1;
      last = await guess();
    }
    assert.deepEqual(Object.keys(counts), ['401', '429']);
    assert.ok(counts[401]! >= 20 && counts[401]! <= 22, JSON.stringify(counts));
    assert.deepEqual([last.status, last.body.code], [429, 'request_rate_exceeded']);
    const waited = Number(last.headers.get('retry-after')) * 1000;
    const asked = Date.now();
    assert.ok(waited >= 1000 && waited <= 3000);
    assert.equal((await from('203.0.113.50')).status, 200, 'a right key passes meanwhile');
    assert.equal(
      (await from('203.0.113.51', { authorization: 'Bearer wrong' })).status,
      401,
      'so does another address',
    );
    await until(() => Date.now() >= asked + waited, 5000, 'the time to wait');
    assert.equal((await guess()).status, 401);
  });

  function statusFrom(localAddress: string, forwarded: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${tenant.agent.key}`, 'x-forwarded-for': forwarded };
      const asked = request(`${gateway.url}/v1/me`, { localAddress, headers, agent: false }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      });
      asked.on('error', reject);
      asked.end();
    });
  }
});
