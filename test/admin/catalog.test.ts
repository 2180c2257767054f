import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import {
  asOperator,
  type Call,
  hello,
  makeTenant,
  makeTestKey,
  storedMessage,
  withoutIds,
} from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

const params = (answer: { body: { errors: { param: string }[] } }) => answer.body.errors.map(({ param }) => param);

test('a plan is put, shown, listed by name and replaced as a whole', async () => {
  const plan = {
    limits: [{ name: 'daily', scope: 'tenant', window: 'calendar_day', max: 5 }],
    storage_bytes: 1000,
    retention_days: 30,
    tiers: { starter: 150 },
  };
  const put = await operator('PUT', '/v1/plans/bronze', plan);
  assert.equal(put.status, 200);
  const { updated_at: _at, ...shown } = put.body;
  assert.deepEqual(shown, { name: 'bronze', ...plan });
  await operator('PUT', '/v1/plans/amber', {});
  const names = (await operator('GET', '/v1/plans?limit=1')).body;
  assert.deepEqual([names.data[0].name, names.next_cursor], ['amber', 'amber']);
  assert.equal((await operator('GET', '/v1/plans?limit=1&cursor=amber')).body.data[0].name, 'bronze');
  const replaced = await operator('PUT', '/v1/plans/bronze', { storage_bytes: null });
  assert.deepEqual([replaced.body.limits, replaced.body.tiers, replaced.body.storage_bytes], [[], {}, null]);
});

test('everything that is wrong with a plan is told at once', async () => {
  const answer = await operator('PUT', '/v1/plans/bad', {
    limits: [{ name: 'daily', scope: 'tenant', window: 'calendar_day', max: -5 }],
    storage_bytes: -1,
    retention_days: 0,
    tiers: { starter: -1, 'No Good': 5, none: null },
    colour: 'red',
  });
  assert.equal(answer.status, 422);
  assert.deepEqual(params(answer), [
    'colour',
    'limits[0].max',
    'storage_bytes',
    'retention_days',
    'tiers.starter',
    'tiers.No Good',
    'tiers.none',
  ]);
  assert.equal((await operator('GET', '/v1/plans/bad')).status, 404);
  assert.deepEqual(params(await operator('PUT', '/v1/plans/Bad%20Name', {})), ['name']);
  for (const body of ['[]', 'null', '5']) assert.equal((await operator('PUT', '/v1/plans/bad', body)).status, 422);
});

test('a plan is removed when no tenant has it', async () => {
  await operator('PUT', '/v1/plans/old', {});
  const { id } = await makeTenant(gateway, { plan: 'old' });
  const refused = await operator('DELETE', '/v1/plans/old');
  assert.deepEqual([refused.status, refused.body.code], [409, 'state_conflict']);
  await operator('PATCH', `/v1/tenants/${id}`, { plan: null });
  assert.equal((await operator('DELETE', '/v1/plans/old')).status, 200);
  assert.equal((await operator('DELETE', '/v1/plans/old')).status, 404);
  assert.equal((await operator('GET', '/v1/plans/old')).status, 404);
});

test('the storage of a plan is enforced', async () => {
  await operator('PUT', '/v1/plans/tiny', { storage_bytes: 1 });
  const { agent } = await makeTenant(gateway, { plan: 'tiny' });
  const refused = await hello(agent.call);
  assert.deepEqual([refused.status, refused.body.code], [403, 'storage_limit_exceeded']);
});

test('an app is made, renamed, listed, and removed while it is installed nowhere', async () => {
  const made = await operator('POST', '/v1/apps', { name: 'CRM' });
  assert.equal(made.status, 201);
  const { id } = made.body;
  assert.match(id, /^app_/);
  assert.equal((await operator('PATCH', `/v1/apps/${id}`, { name: 'Big CRM' })).body.name, 'Big CRM');
  assert.equal((await operator('GET', `/v1/apps/${id}`)).body.name, 'Big CRM');
  assert.ok((await operator('GET', '/v1/apps')).body.data.some((app: { id: string }) => app.id === id));
  const tenant = await makeTenant(gateway);
  await makeTestKey(gateway, tenant.id, { scopes: ['send'], app: id });
  const refused = await operator('DELETE', `/v1/apps/${id}`);
  assert.deepEqual([refused.status, refused.body.code], [409, 'state_conflict']);
  const other = (await operator('POST', '/v1/apps', { name: 'unused' })).body.id;
  assert.equal((await operator('DELETE', `/v1/apps/${other}`)).status, 200);
  for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', { name: 'x' }]] as const) {
    assert.equal((await operator(method, `/v1/apps/${other}`, body)).status, 404);
  }
  assert.deepEqual(params(await operator('POST', '/v1/apps', { name: 'two\nlines', x: 1 })).sort(), ['name', 'x']);
});

test('the operator’s changes of plans and apps stand in the operator’s audit log alone', async () => {
  await operator('PUT', '/v1/plans/logged', {});
  const all = (await operator('GET', '/v1/audit?limit=5')).body.data;
  assert.ok(all.some(({ action, target }: Record<string, string>) => action === 'plan.created' && target === 'logged'));
  const { agent } = await makeTenant(gateway);
  const own = (await agent.call('GET', '/v1/audit')).body.data;
  assert.ok(own.length > 0 && own.every(({ action }: { action: string }) => !action.startsWith('plan.')));
});

test('a tenant is made with one installation, and one more with the first key of an app', async () => {
  const tenant = await makeTenant(gateway);
  const first = (await tenant.agent.call('GET', '/v1/installations')).body.data;
  assert.deepEqual(
    first.map(({ app }: { app: { name: string } }) => app.name),
    ['default'],
  );
  const app = (await operator('POST', '/v1/apps', { name: 'CRM' })).body.id;
  for (let n = 0; n < 2; n += 1) await makeTestKey(gateway, tenant.id, { scopes: ['send'], app });
  const both = (await tenant.agent.call('GET', '/v1/installations')).body.data;
  assert.deepEqual(
    both.map(({ app }: { app: { name: string } }) => app.name),
    ['CRM', 'default'],
  );
});

test('the sender of an installation is used where a message names none', async () => {
  const { agent, no } = await makeTenant(gateway);
  const [{ id }] = (await agent.call('GET', '/v1/installations')).body.data;
  const senderOf = async () => {
    const sent = await hello(agent.call);
    return (await storedMessage(gateway, no, sent.body.id)).from.email;
  };
  const before = await senderOf();
  const set = await agent.call('PATCH', `/v1/installations/${id}`, {
    default_from: 'hello@acme.example',
    name: 'Main',
  });
  assert.deepEqual([set.status, set.body.default_from, set.body.name], [200, 'hello@acme.example', 'Main']);
  assert.equal(await senderOf(), 'hello@acme.example');
  await agent.call('PATCH', `/v1/installations/${id}`, { default_from: null });
  assert.equal(await senderOf(), before);
  const refused = await agent.call('PATCH', `/v1/installations/${id}`, { default_from: 'nobody' });
  assert.deepEqual([refused.status, params(refused)], [422, ['default_from']]);
});

test('installations of another tenant look like ones that do not exist', async () => {
  const [mine, theirs] = [await makeTenant(gateway), await makeTenant(gateway)];
  const [{ id }] = (await theirs.agent.call('GET', '/v1/installations')).body.data;
  const missing = 'ins_00000000000000000000000000';
  for (const [method, body] of [['GET'], ['PATCH', { name: 'mine now' }]] as const) {
    const foreign = await mine.agent.call(method, `/v1/installations/${id}`, body);
    const unknown = await mine.agent.call(method, `/v1/installations/${missing}`, body);
    assert.equal(foreign.status, 404);
    assert.equal(withoutIds(foreign, id), withoutIds(unknown, missing));
  }
});
