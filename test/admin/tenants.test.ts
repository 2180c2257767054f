import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, eventsOf, hello, makeTenant, withoutIds } from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

test('a tenant is made with defaults, shown alike everywhere, and listed newest first', async () => {
  const made = await operator('POST', '/v1/tenants', { name: 'Acme' });
  assert.equal(made.status, 201);
  assert.match(made.body.id, /^ten_[0-9a-z]{26}$/);
  const { id, standing_since, created_at, ...rest } = made.body;
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(standing_since, created_at);
  assert.deepEqual(rest, {
    name: 'Acme',
    standing: 'active',
    standing_by: 'operator',
    standing_note: null,
    trial_ends_at: null,
    plan: null,
    billing: 'none',
    credits: null,
    trust: 'new',
    locale: null,
    notify: [],
  });
  assert.deepEqual((await operator('GET', `/v1/tenants/${id}`)).body, made.body);
  const list = await operator('GET', '/v1/tenants?limit=1');
  assert.deepEqual(list.body.data, [made.body]);
  const next = await operator('GET', `/v1/tenants?limit=200&cursor=${list.body.next_cursor}`);
  assert.ok(next.body.data.every((tenant: { id: string }) => tenant.id !== id));
  assert.equal(next.body.next_cursor, null);
});

test('everything that is wrong with a tenant is told at once', async () => {
  const answer = await operator('POST', '/v1/tenants', {
    name: '',
    standing: 'asleep',
    trial_ends_at: 5,
    billing: 'gold',
    credits: -1,
    locale: 'not a language',
    colour: 'red',
  });
  assert.equal(answer.status, 422);
  assert.equal(answer.body.code, 'validation_failed');
  const params = answer.body.errors.map(({ param }: { param: string }) => param);
  assert.deepEqual(params.sort(), ['billing', 'colour', 'credits', 'locale', 'name', 'standing', 'trial_ends_at']);
});

test('times, plans and addresses that read but mean nothing are told at once too', async () => {
  const answer = await operator('POST', '/v1/tenants', {
    name: 'x',
    trial_ends_at: 'tomorrow',
    plan: 'none-such',
    notify: ['a@b.example', 'nobody'],
  });
  assert.equal(answer.status, 422);
  assert.deepEqual(
    answer.body.errors.map(({ param }: { param: string }) => param),
    ['trial_ends_at', 'plan', 'notify[1]'],
  );
});

test('what a change leaves out stays', async () => {
  const { id } = await makeTenant(gateway, { locale: 'de', notify: ['a@b.example'], trust: 'established' });
  const changed = await operator('PATCH', `/v1/tenants/${id}`, { name: 'Other' });
  assert.equal(changed.status, 200);
  assert.equal(changed.body.name, 'Other');
  assert.equal(changed.body.locale, 'de');
  assert.deepEqual(changed.body.notify, ['a@b.example']);
  assert.equal(changed.body.trust, 'established');
  const cleared = await operator('PATCH', `/v1/tenants/${id}`, { locale: null, notify: [] });
  assert.equal(cleared.body.locale, null);
  assert.deepEqual(cleared.body.notify, []);
});

test('a standing that stops sending does so at once, says why, and is lifted by the operator', async () => {
  const tenant = await makeTenant(gateway);
  assert.equal((await hello(tenant.agent.call)).status, 202);
  for (const [standing, status, code] of [
    ['suspended', 403, 'account_suspended'],
    ['trial_not_activated', 402, 'trial_not_activated'],
    ['trial_expired', 402, 'trial_expired'],
    ['subscription_expired', 402, 'subscription_expired'],
    ['payment_overdue', 402, 'subscription_expired'],
    ['paused', 403, 'account_paused'],
  ] as const) {
    const changed = await operator('PATCH', `/v1/tenants/${tenant.id}`, { standing, note: `now ${standing}` });
    assert.equal(changed.body.standing, standing);
    assert.equal(changed.body.standing_by, 'operator');
    assert.equal(changed.body.standing_note, `now ${standing}`);
    const refused = await hello(tenant.agent.call);
    assert.deepEqual([refused.status, refused.body.code], [status, code]);
  }
  const lifted = await operator('PATCH', `/v1/tenants/${tenant.id}`, { standing: 'active' });
  assert.equal(lifted.body.standing_note, null);
  assert.equal((await hello(tenant.agent.call)).status, 202);
  const types = (await eventsOf(gateway, tenant.no)).map(({ type }) => type);
  assert.deepEqual(
    types.filter((type) => type.startsWith('account.')),
    ['account.paused', 'account.resumed'],
  );
});

test('a trial sends until it ends', async () => {
  const tenant = await makeTenant(gateway, { standing: 'trial', trial_ends_at: '2099-01-01T00:00:00Z' });
  assert.equal((await hello(tenant.agent.call)).status, 202);
  const ended = await operator('PATCH', `/v1/tenants/${tenant.id}`, { trial_ends_at: '2020-01-01T00:00:00Z' });
  assert.equal(ended.body.standing, 'trial');
  assert.equal((await hello(tenant.agent.call)).body.code, 'trial_expired');
});

test('credits are used up one a recipient and can be set anew', async () => {
  const tenant = await makeTenant(gateway, { billing: 'credits', credits: 2 }, 'live');
  const credits = async () => (await operator('GET', `/v1/tenants/${tenant.id}`)).body.credits;
  assert.equal(await credits(), 2);
  assert.equal((await hello(tenant.agent.call, 'a@example.com')).status, 202);
  assert.equal(await credits(), 1);
  assert.equal((await hello(tenant.agent.call, 'b@example.com')).status, 202);
  const refused = await hello(tenant.agent.call, 'c@example.com');
  assert.deepEqual([refused.status, refused.body.code], [402, 'insufficient_credits']);
  assert.equal((await operator('PATCH', `/v1/tenants/${tenant.id}`, { credits: 7 })).body.credits, 7);
  assert.equal((await hello(tenant.agent.call, 'c@example.com')).status, 202);
  const listed = (await operator('GET', '/v1/tenants?limit=200')).body.data;
  assert.equal(listed.find(({ id }: { id: string }) => id === tenant.id).credits, 6);
  assert.equal((await tenant.agent.call('GET', '/v1/account')).body.credits, 6);
});

test('every change of a tenant stands in the audit log with who made it and what it was before', async () => {
  const tenant = await makeTenant(gateway);
  await operator('PATCH', `/v1/tenants/${tenant.id}`, { standing: 'suspended', note: 'Bought lists' });
  const [row] = (await tenant.agent.call('GET', '/v1/audit')).body.data;
  assert.equal(row.actor, 'operator');
  assert.equal(row.action, 'tenant.changed');
  assert.equal(row.note, 'Bought lists');
  assert.equal(row.before.standing, 'active');
  assert.equal(row.after.standing, 'suspended');
  assert.ok(!('name' in row.after), 'what did not change is not shown');
});

test('an unknown tenant is the same 404 on every route', async () => {
  const unknown = 'ten_00000000000000000000000000';
  const answers = [
    await operator('GET', `/v1/tenants/${unknown}`),
    await operator('PATCH', `/v1/tenants/${unknown}`, { name: 'x' }),
    await operator('GET', `/v1/tenants/${unknown}/keys`),
    await operator('POST', `/v1/tenants/${unknown}/keys`, { mode: 'test', scopes: ['read'] }),
    await operator('DELETE', `/v1/tenants/${unknown}/keys/key_x`),
    await operator('GET', `/v1/tenants/${unknown}/policy`),
    await operator('PUT', `/v1/tenants/${unknown}/policy`, {}),
    await operator('GET', `/v1/tenants/${unknown}/policy/versions`),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 404);
    assert.equal(withoutIds(answer), withoutIds(answers[0]!));
  }
});
