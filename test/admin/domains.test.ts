import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestDns, type TestDns } from '../harness/dns.ts';
import { type Domains, domainsOf } from '../harness/domains.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

let dns: TestDns;
let gate: TestGateway;
let tenant: TestTenant;
let domains: Domains;

before(async () => {
  dns = await startTestDns();
  gate = await startTestGateway({ POSTERN_DNS_SERVERS: dns.address });
  tenant = await makeTenant(gate, {});
  domains = domainsOf(gate, tenant.agent.key);
});
after(async () => {
  await gate.stop();
  await dns.close();
});

test('domains are listed, found by id or name in either form, and are nobody else’s', async () => {
  const added = await domains.add('münchen.example');
  const { body: list } = await tenant.agent.call('GET', '/v1/domains?domain=M%C3%BCnchen.example');
  assert.deepEqual(
    list.data.map(({ id }: { id: string }) => id),
    [added.id],
  );
  for (const name of [added.id, 'xn--mnchen-3ya.example', 'm%C3%BCnchen.example']) {
    const { status, body } = await tenant.agent.call('GET', `/v1/domains/${name}`);
    assert.deepEqual([status, body.id], [200, added.id], name);
  }
  const other = await makeTenant(gate, {});
  for (const [method, path] of [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/verify'],
    ['POST', '/rotate-keys'],
  ] as const) {
    const body = method === 'PATCH' ? { selector: 'mine' } : undefined;
    const foreign = await other.agent.call(method, `/v1/domains/${added.id}${path}`, body);
    assert.equal(foreign.status, 404, `${method} ${path}`);
  }
  const live = await gate.fetchJson('GET', `/v1/domains/${added.id}`, undefined, { key: gate.liveKey });
  assert.equal(live.status, 404);
});

test('no answer, event or audit row holds a private key', async () => {
  const { id } = await domains.verified(dns, 'secret.example');
  await domains.rotate(id);
  const told = await Promise.all(
    ['/v1/domains/secret.example', '/v1/events', '/v1/audit'].map((path) => tenant.person.call('GET', path)),
  );
  const text = JSON.stringify(told.map(({ body }) => body));
  assert.match(text, /domain\.key_rotated/);
  assert.match(text, /"action":"domain\.created"/);
  assert.match(text, /"action":"domain\.verified"/);
  assert.doesNotMatch(text, /PRIVATE KEY|sealed/);
});

test('another selector holds at once for what was never verified, and else for the next keys', async () => {
  const { id } = await domains.add('selects.example', { selector: 'one' });
  const changed = await tenant.agent.call('PATCH', `/v1/domains/${id}`, { selector: 'two' });
  assert.deepEqual(
    changed.body.keys.map(({ selector }: { selector: string }) => selector),
    ['two', 'two-ed'],
  );
  dns.setAll(
    Object.fromEntries(
      changed.body.records.map(({ name, value }: { name: string; value: string }) => [name, { TXT: [value] }]),
    ),
  );
  assert.equal((await domains.verify(id)).state, 'verified');
  const later = await tenant.agent.call('PATCH', `/v1/domains/${id}`, { selector: 'three' });
  assert.deepEqual(
    later.body.keys.map(({ selector }: { selector: string }) => selector),
    ['two', 'two-ed'],
  );
  const { keys } = await domains.rotate(id);
  assert.deepEqual(
    keys.map(({ selector, state }) => [selector, state]),
    [
      ['two', 'signing'],
      ['two-ed', 'signing'],
      ['three-2', 'announced'],
      ['three-2-ed', 'announced'],
    ],
  );
});

test('keys of a domain that was never verified are replaced at once', async () => {
  const { id, keys } = await domains.add('early.example', { selector: 'a' });
  const rotated = await domains.rotate(id);
  assert.equal(rotated.keys.length, 2);
  assert.ok(
    rotated.keys.every(({ selector, state }) => state === 'signing' && keys.every((old) => old.selector !== selector)),
  );
});

test('a removed domain can be added anew, with other values', async () => {
  const before = await domains.add('again.example');
  const removed = await tenant.agent.call('DELETE', `/v1/domains/${before.id}`);
  assert.equal(removed.status, 200);
  assert.equal((await tenant.agent.call('GET', `/v1/domains/${before.id}`)).status, 404);
  const now = await domains.add('again.example');
  const values = new Set(before.records.map(({ value }) => value));
  for (const purpose of ['ownership', 'dkim_rsa', 'dkim_ed25519']) {
    assert.ok(!values.has(now.records.find((record) => record.purpose === purpose)!.value), purpose);
  }
});

test('a key that may only send sees no domain and makes none', async () => {
  const sender = await makeTestKey(gate, tenant.id, { scopes: ['send'] });
  assert.equal((await sender.call('GET', '/v1/domains')).status, 403);
  assert.equal((await sender.call('POST', '/v1/domains', { domain: 'x.example' })).status, 403);
  const wrong = await tenant.agent.call('POST', '/v1/domains', { domain: 'x.example', selector: 'A B' });
  assert.deepEqual([wrong.status, wrong.body.errors[0].param], [422, 'selector']);
});
