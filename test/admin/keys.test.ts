import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, caller, hello, makeTenant, makeTestKey, withoutIds } from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

test('the operator makes a key with all it may be limited to, and the key is shown this once', async () => {
  const tenant = await makeTenant(gateway);
  const app = (await operator('POST', '/v1/apps', { name: 'CRM' })).body.id;
  const wanted = {
    scopes: ['send', 'read'],
    name: 'crm sender',
    app,
    expires_at: '2099-01-01T00:00:00.000Z',
    allow_ips: ['127.0.0.0/8', '::1'],
    identities: ['alice'],
    agent: 'outreach-1',
  };
  const made = await operator('POST', `/v1/tenants/${tenant.id}/keys`, { mode: 'live', ...wanted });
  assert.equal(made.status, 201);
  const { key, ...shown } = made.body;
  assert.match(key, /^pst_live_[0-9A-Za-z]{55}$/);
  assert.ok(key.startsWith(shown.prefix) && shown.prefix.length < 25);
  for (const [name, value] of Object.entries(wanted)) assert.deepEqual(shown[name], value, name);
  const list = await operator('GET', `/v1/tenants/${tenant.id}/keys`);
  assert.deepEqual(list.body.data[0], shown);
  assert.ok(!JSON.stringify(list.body).includes(key.slice(-43)), 'the secret is in no list');
  const me = await caller(gateway, key).call('GET', '/v1/me');
  assert.deepEqual([me.body.app, me.body.agent, me.body.identities], [app, 'outreach-1', ['alice']]);
});

test('everything that is wrong with a key is told at once', async () => {
  const path = `/v1/tenants/${gateway.tenantId}/keys`;
  const shape = await operator('POST', path, { mode: 'both', scopes: ['operate'], identities: ['A B'], x: 1 });
  assert.equal(shape.status, 422);
  const params = (answer: { body: { errors: { param: string }[] } }) => answer.body.errors.map(({ param }) => param);
  assert.deepEqual(params(shape).sort(), ['identities[0]', 'mode', 'scopes[0]', 'x']);
  assert.deepEqual(params(await operator('POST', path, { mode: 'test', scopes: [] })), ['scopes']);
  const meaning = await operator('POST', path, {
    mode: 'test',
    scopes: ['read'],
    expires_at: '2020-01-01T00:00:00Z',
    allow_ips: ['10.0.0.0/33', '10.0.0.1', 'localhost', '::/129'],
  });
  assert.deepEqual(params(meaning), ['expires_at', 'allow_ips[0]', 'allow_ips[2]', 'allow_ips[3]']);
  const app = await operator('POST', path, { mode: 'test', scopes: ['read'], app: 'app_unknown' });
  assert.deepEqual([app.status, params(app)], [422, ['app']]);
});

test('no key of a tenant can have the operator’s scope', async () => {
  const { status, body } = await gateway.fetchJson('POST', '/v1/keys', { scopes: ['manage', 'operate'] });
  assert.deepEqual([status, body.errors.map(({ param }: { param: string }) => param)], [422, ['scopes[1]']]);
});

test('a revoked key stops at once, whoever revokes it', async () => {
  const tenant = await makeTenant(gateway);
  for (const revoke of [
    (id: string) => tenant.agent.call('DELETE', `/v1/keys/${id}`),
    (id: string) => operator('DELETE', `/v1/tenants/${tenant.id}/keys/${id}`),
  ]) {
    const key = await makeTestKey(gateway, tenant.id, { scopes: ['send', 'read'] });
    assert.equal((await hello(key.call)).status, 202);
    const revoked = await revoke(key.id);
    assert.equal(revoked.status, 200);
    assert.notEqual(revoked.body.revoked_at, null);
    assert.equal((await hello(key.call)).status, 401);
    assert.equal((await revoke(key.id)).body.revoked_at, revoked.body.revoked_at, 'a second time changes nothing');
  }
  const rows = (await tenant.agent.call('GET', '/v1/audit')).body.data;
  const actors = rows
    .filter(({ action }: { action: string }) => action === 'key.revoked')
    .map((r: { actor: string }) => r.actor);
  assert.deepEqual(actors, ['operator', 'robot']);
});

test('lists say when a key was last used', async () => {
  const tenant = await makeTenant(gateway);
  const key = await makeTestKey(gateway, tenant.id, { scopes: ['read'] });
  const lastUse = async () => (await tenant.agent.call('GET', `/v1/keys/${key.id}`)).body.last_used_at;
  assert.equal(await lastUse(), null);
  const before = Date.now();
  await key.call('GET', '/v1/me');
  const used = Date.parse(await lastUse());
  assert.ok(used >= before && used <= Date.now());
});

test('a key expires, and works from its addresses alone', async () => {
  const tenant = await makeTenant(gateway);
  const elsewhere = await makeTestKey(gateway, tenant.id, { scopes: ['read'], allow_ips: ['10.0.0.0/8'] });
  assert.equal((await elsewhere.call('GET', '/v1/me')).status, 401);
  const here = await makeTestKey(gateway, tenant.id, { scopes: ['read'], allow_ips: ['127.0.0.0/8'] });
  assert.equal((await here.call('GET', '/v1/me')).status, 200);
});

test('a key hands on no more than it has', async () => {
  const tenant = await makeTenant(gateway);
  const limits = {
    scopes: ['read', 'manage'],
    identities: ['alice', 'bob'],
    agent: 'a-1',
    allow_ips: ['127.0.0.0/8'],
    expires_at: '2090-01-01T00:00:00.000Z',
  };
  const maker = await makeTestKey(gateway, tenant.id, limits);
  for (const [param, body] of [
    ['scopes', { scopes: ['send'] }],
    ['scopes', { scopes: ['read', 'approve'] }],
    ['mode', { scopes: ['read'], mode: 'live' }],
    ['identities', { scopes: ['read'], identities: ['alice', 'eve'] }],
    ['agent', { scopes: ['read'], agent: 'a-2' }],
    ['allow_ips', { scopes: ['read'], allow_ips: ['0.0.0.0/0'] }],
    ['expires_at', { scopes: ['read'], expires_at: '2091-01-01T00:00:00Z' }],
  ] as const) {
    const refused = await maker.call('POST', '/v1/keys', body);
    assert.deepEqual([refused.status, refused.body.code, refused.body.param], [403, 'insufficient_permissions', param]);
  }
  const made = await maker.call('POST', '/v1/keys', { scopes: ['read'], identities: ['bob'] });
  assert.equal(made.status, 201);
  assert.deepEqual(
    [made.body.mode, made.body.identities, made.body.agent, made.body.allow_ips, made.body.expires_at],
    ['test', ['bob'], 'a-1', ['127.0.0.0/8'], limits.expires_at],
  );
});

test('a key of an app makes keys of that app; one of the tenant itself of any', async () => {
  const tenant = await makeTenant(gateway);
  const app = (await operator('POST', '/v1/apps', { name: 'CRM' })).body.id;
  const ofApp = await makeTestKey(gateway, tenant.id, { scopes: ['manage'], app });
  assert.equal((await ofApp.call('POST', '/v1/keys', { scopes: ['manage'] })).body.app, app);
  const other = await ofApp.call('POST', '/v1/keys', { scopes: ['manage'], app: 'app_00000000000000000000000001' });
  assert.deepEqual([other.status, other.body.param], [403, 'app']);
  assert.equal((await tenant.agent.call('POST', '/v1/keys', { scopes: ['manage'], app })).body.app, app);
});

test('a live key sees the keys of both modes and makes test keys, a test key sees test keys alone', async () => {
  const tenant = await makeTenant(gateway);
  const live = await makeTestKey(gateway, tenant.id, { mode: 'live', scopes: ['read', 'manage'] });
  assert.equal((await live.call('POST', '/v1/keys', { mode: 'test', scopes: ['read'] })).body.mode, 'test');
  const modes = async (call: Call) =>
    new Set((await call('GET', '/v1/keys')).body.data.map(({ mode }: { mode: string }) => mode));
  assert.deepEqual(await modes(live.call), new Set(['live', 'test']));
  assert.deepEqual(await modes(tenant.agent.call), new Set(['test']));
  assert.equal((await tenant.agent.call('DELETE', `/v1/keys/${live.id}`)).status, 404);
  assert.equal((await live.call('GET', '/v1/me')).status, 200);
});

test('keys of another tenant look like keys that do not exist', async () => {
  const [mine, theirs] = [await makeTenant(gateway), await makeTenant(gateway)];
  const missing = 'key_00000000000000000000000000';
  for (const method of ['GET', 'DELETE']) {
    const foreign = await mine.person.call(method, `/v1/keys/${theirs.agent.id}`);
    const unknown = await mine.person.call(method, `/v1/keys/${missing}`);
    assert.equal(foreign.status, 404);
    assert.equal(withoutIds(foreign, theirs.agent.id), withoutIds(unknown, missing));
  }
  const byOperator = await operator('DELETE', `/v1/tenants/${mine.id}/keys/${theirs.agent.id}`);
  assert.equal(byOperator.status, 404);
  assert.equal((await theirs.agent.call('GET', '/v1/me')).status, 200);
});

test('the list of keys is paged without gaps', async () => {
  const tenant = await makeTenant(gateway);
  for (let n = 0; n < 4; n += 1) await makeTestKey(gateway, tenant.id, { scopes: ['read'], name: `key ${n}` });
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await tenant.agent.call('GET', `/v1/keys?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    assert.ok(page.body.data.length <= 2);
    seen.push(...page.body.data.map(({ id }: { id: string }) => id));
    cursor = page.body.next_cursor;
  }
  assert.equal(new Set(seen).size, 6);
  assert.equal(seen.length, 6);
});

test('who a key is', async () => {
  const tenant = await makeTenant(gateway, { name: 'Acme' });
  const { body } = await tenant.person.call('GET', '/v1/me');
  assert.equal(body.id, tenant.person.id);
  assert.equal(body.name, 'Dana');
  assert.deepEqual(body.tenant, { id: tenant.id, name: 'Acme' });
  assert.deepEqual([body.mode, body.operator], ['test', false]);
  assert.deepEqual(body.scopes.sort(), ['approve', 'manage', 'read', 'send']);
  const operators = await operator('GET', '/v1/me', undefined, { 'X-Tenant': tenant.id, 'X-Mode': 'test' });
  assert.deepEqual([operators.body.operator, operators.body.tenant.id, operators.body.mode], [true, tenant.id, 'test']);
});
