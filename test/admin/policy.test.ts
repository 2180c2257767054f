import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { POLICY_DEFAULTS } from '../../src/policy/document.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, eventsOf, hello, makeTenant, makeTestKey } from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

const TEST = { 'X-Mode': 'test' };
const daily = (max: number, more: object = {}) => ({
  limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max, ...more }],
});
const maxOf = (body: { in_force: { limits: { name: string; max: number }[] } }): Record<string, number> =>
  Object.fromEntries(body.in_force.limits.map(({ name, max }) => [name, max]));

/** Sends until one is refused; how many were accepted. */
async function acceptedBefore(call: Call, code: string): Promise<number> {
  for (let n = 0; n < 20; n += 1) {
    const answer = await hello(call, `person${n}@example.com`);
    if (answer.status === 202) continue;
    assert.equal(answer.body.code, code);
    return n;
  }
  throw new Error('nothing was refused');
}

test('a tenant begins without a document, and what is in force is whole', async () => {
  const { agent } = await makeTenant(gateway);
  const { status, body } = await agent.call('GET', '/v1/policy');
  assert.equal(status, 200);
  assert.deepEqual([body.document, body.version, body.author], [{}, 0, null]);
  assert.deepEqual(body.in_force.cooldown, { per: 'recipient', seconds: 0 });
  assert.deepEqual(Object.keys(body.in_force).sort(), Object.keys(POLICY_DEFAULTS).sort());
});

test('a document that is put is in force with the next send, and has an author, an event and an audit row', async () => {
  const { agent, no } = await makeTenant(gateway);
  const put = await agent.call('PUT', '/v1/policy', { ...daily(2), note: 'start low' });
  assert.equal(put.status, 200);
  assert.deepEqual(put.body.document, daily(2), 'the note is no part of the document');
  assert.deepEqual([put.body.version, put.body.author, put.body.note], [1, 'robot', 'start low']);
  assert.equal(await acceptedBefore(agent.call, 'daily_quota_exceeded'), 2);
  const [event] = (await eventsOf(gateway, no)).filter(({ type }) => type === 'policy.changed');
  assert.deepEqual(event?.data, {
    owner: 'tenant',
    version: 1,
    author: 'robot',
    note: 'start low',
    policy_version: put.body.policy_version,
  });
  const [row] = (await agent.call('GET', '/v1/audit')).body.data;
  assert.deepEqual(
    [row.actor, row.actor_id, row.action, row.note, row.before, row.after],
    ['robot', agent.id, 'policy.changed', 'start low', {}, daily(2)],
  );
});

test('everything wrong with a document is told at once, and nothing is stored', async () => {
  const { agent } = await makeTenant(gateway);
  const answer = await agent.call('PUT', '/v1/policy?colour=red', {
    limits: [{ name: 'Daily', scope: 'tenant', window: 'sometimes', max: -1 }],
    quarantine: { warn_at: 0 },
    nonsense: true,
    note: 7,
  });
  assert.deepEqual([answer.status, answer.body.code], [422, 'validation_failed']);
  assert.deepEqual(
    answer.body.errors.map(({ code, param }: { code: string; param: string }) => `${code} ${param}`),
    [
      'unknown_parameter colour',
      'invalid_parameter note',
      'invalid_parameter limits[0].name',
      'invalid_parameter limits[0].window',
      'invalid_parameter limits[0].max',
      'invalid_parameter quarantine.warn_at',
      'unknown_parameter nonsense',
    ],
  );
  assert.equal((await agent.call('GET', '/v1/policy')).body.version, 0);
  for (const body of ['[]', 'null', '5', '"x"']) {
    assert.equal((await agent.call('PUT', '/v1/policy', body)).status, 422, body);
  }
});

test('tightening needs a program, loosening a person with a note', async () => {
  const { agent, person } = await makeTenant(gateway);
  const put = (call: Call, document: object) => call('PUT', '/v1/policy', document);
  assert.equal((await put(agent.call, daily(10))).status, 200);
  assert.equal((await put(agent.call, daily(5))).status, 200);
  for (const document of [daily(6), {}, daily(5, { window: 'calendar_day' }), daily(5, { scope: 'app' })]) {
    const refused = await put(agent.call, document);
    assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required'], JSON.stringify(document));
    assert.equal(refused.body.reasons[0].evidence.required, 'approve');
    assert.ok(refused.body.reasons[0].evidence.loosens[0].startsWith('limits.daily'));
    const silent = await put(person.call, document);
    assert.deepEqual([silent.status, silent.body.code, silent.body.param], [403, 'human_decision_required', 'note']);
  }
  assert.equal((await agent.call('GET', '/v1/policy')).body.version, 2);
  const raised = await put(person.call, { ...daily(6), note: 'launch' });
  assert.deepEqual([raised.status, maxOf(raised.body)], [200, { daily: 6 }]);
  const inQuery = await person.call('PUT', '/v1/policy?note=over', {});
  assert.deepEqual([inQuery.status, inQuery.body.note, inQuery.body.document], [200, 'over', {}]);
});

test('a key with the scope to approve alone loosens, a reading key changes nothing', async () => {
  const tenant = await makeTenant(gateway);
  await tenant.agent.call('PUT', '/v1/policy', daily(1));
  const approver = await makeTestKey(gateway, tenant.id, { scopes: ['approve'] });
  assert.equal((await approver.call('PUT', '/v1/policy', { note: 'go' })).status, 200);
  const reader = await makeTestKey(gateway, tenant.id, { scopes: ['send', 'read'] });
  const refused = await reader.call('PUT', '/v1/policy', daily(1));
  assert.deepEqual([refused.status, refused.body.code], [403, 'insufficient_permissions']);
});

test('a tenant can only tighten what the operator set, and sends meet the stricter of both', async () => {
  const { id, agent } = await makeTenant(gateway);
  const set = await operator('PUT', `/v1/tenants/${id}/policy`, daily(3), TEST);
  assert.deepEqual([set.status, maxOf(set.body)], [200, { daily: 3 }]);
  const wished = await agent.call('PUT', '/v1/policy', { ...daily(1000), cooldown: { seconds: 0 } });
  assert.equal(wished.status, 200);
  assert.deepEqual(maxOf(wished.body), { daily: 3 });
  assert.deepEqual(wished.body.overruled, ['limits.daily.max']);
  assert.equal(await acceptedBefore(agent.call, 'daily_quota_exceeded'), 3);
  const tightened = await agent.call('PUT', '/v1/policy', daily(2));
  assert.deepEqual([maxOf(tightened.body), tightened.body.overruled], [{ daily: 2 }, []]);
});

test('a limit of another measure under the operator’s name takes nothing from the operator’s', async () => {
  const { id, agent } = await makeTenant(gateway);
  await operator('PUT', `/v1/tenants/${id}/policy`, daily(2), TEST);
  const put = await agent.call('PUT', '/v1/policy', daily(1000, { scope: 'recipient' }));
  assert.deepEqual(maxOf(put.body), { daily: 2, own_daily: 1000 });
  assert.equal(await acceptedBefore(agent.call, 'daily_quota_exceeded'), 2);
});

test('the default is replaced by the plan, the plan by the operator’s document, by name', async () => {
  const other = { name: 'hourly', scope: 'tenant', window: 'calendar_hour', max: 50 };
  await operator('PUT', '/v1/policy/default', { limits: [...daily(10).limits, other], cooldown: { seconds: 0 } });
  const { id, agent } = await makeTenant(gateway);
  const inForce = async () => maxOf((await agent.call('GET', '/v1/policy')).body);
  assert.deepEqual(await inForce(), { daily: 10, hourly: 50 });
  await operator('PUT', '/v1/plans/gold', daily(20));
  await operator('PATCH', `/v1/tenants/${id}`, { plan: 'gold' });
  assert.deepEqual(await inForce(), { hourly: 50, daily: 20 });
  await operator('PUT', '/v1/plans/gold', daily(25));
  assert.deepEqual(await inForce(), { hourly: 50, daily: 25 }, 'a changed plan is in force at once');
  await operator('PUT', `/v1/tenants/${id}/policy`, daily(30), TEST);
  assert.deepEqual(await inForce(), { hourly: 50, daily: 30 });
  await agent.call('PUT', '/v1/policy', daily(5));
  assert.deepEqual(await inForce(), { hourly: 50, daily: 5 });
  await operator('PUT', '/v1/policy/default', {});
  assert.deepEqual(await inForce(), { daily: 5 });
});

test('a changed default tells the tenants in which something else is in force then', async () => {
  const [changed, same] = [await makeTenant(gateway), await makeTenant(gateway)];
  await operator('PUT', `/v1/tenants/${same.id}/policy`, { cooldown: { seconds: 9 } }, TEST);
  for (const { agent } of [changed, same]) await agent.call('GET', '/v1/policy');
  const told = async (no: number) =>
    (await eventsOf(gateway, no)).filter(({ type, data }) => type === 'policy.changed' && data['owner'] === 'default');
  await operator('PUT', '/v1/policy/default', { cooldown: { seconds: 7 } });
  await operator('PUT', '/v1/policy/default', {});
  assert.equal((await told(changed.no)).length, 2);
  assert.equal((await told(same.no)).length, 0);
});

test('policy is per mode; the default is of both unless one is named', async () => {
  const { id, agent } = await makeTenant(gateway);
  const live = await makeTestKey(gateway, id, { mode: 'live', scopes: ['read', 'manage'] });
  const seen = async () => [
    maxOf((await live.call('GET', '/v1/policy')).body),
    maxOf((await agent.call('GET', '/v1/policy')).body),
  ];
  await operator('PUT', `/v1/tenants/${id}/policy`, daily(3), TEST);
  assert.deepEqual(await seen(), [{}, { daily: 3 }]);
  await operator('PUT', `/v1/tenants/${id}/policy`, daily(4));
  assert.deepEqual(await seen(), [{ daily: 4 }, { daily: 3 }]);
  const hourly = { limits: [{ name: 'hourly', scope: 'tenant', window: 'calendar_hour', max: 9 }] };
  await operator('PUT', '/v1/policy/default', hourly, { 'X-Mode': 'live' });
  assert.deepEqual(await seen(), [{ hourly: 9, daily: 4 }, { daily: 3 }]);
  await operator('PUT', '/v1/policy/default', hourly);
  assert.deepEqual(await seen(), [
    { hourly: 9, daily: 4 },
    { hourly: 9, daily: 3 },
  ]);
  await operator('PUT', '/v1/policy/default', {});
  assert.equal((await operator('GET', '/v1/policy/default', undefined, { 'X-Mode': 'sideways' })).status, 422);
});

test('versions count up and are kept with author and note, newest first', async () => {
  const { agent, person } = await makeTenant(gateway);
  await agent.call('PUT', '/v1/policy', daily(9));
  await agent.call('PUT', '/v1/policy', daily(8));
  await person.call('PUT', '/v1/policy', { ...daily(10), note: 'more' });
  const first = await agent.call('GET', '/v1/policy/versions?limit=2');
  const shown = (body: { data: { version: number; author: string; note: string | null }[] }) =>
    body.data.map(({ version, author, note }) => [version, author, note]);
  assert.deepEqual(shown(first.body), [
    [3, 'Dana', 'more'],
    [2, 'robot', null],
  ]);
  const rest = await agent.call('GET', `/v1/policy/versions?cursor=${first.body.next_cursor}`);
  assert.deepEqual(shown(rest.body), [[1, 'robot', null]]);
  assert.deepEqual(rest.body.data[0].document, daily(9));
});

test('the operator’s documents have versions of their own', async () => {
  const { id } = await makeTenant(gateway);
  await operator('PUT', `/v1/tenants/${id}/policy?note=start`, daily(9), TEST);
  const shown = await operator('GET', `/v1/tenants/${id}/policy`, undefined, TEST);
  assert.deepEqual(
    [shown.body.document, shown.body.version, shown.body.author, shown.body.note],
    [daily(9), 1, 'operator', 'start'],
  );
  const versions = await operator('GET', `/v1/tenants/${id}/policy/versions`, undefined, TEST);
  assert.equal(versions.body.data.length, 1);
});

test('the schema says of each field in which direction it is stricter', async () => {
  const { agent } = await makeTenant(gateway);
  const { body } = await agent.call('GET', '/v1/policy/schema');
  const { properties } = body;
  assert.equal(properties.limits.items.properties.max['x-stricter'], 'lower');
  assert.equal(properties.cooldown.properties.seconds['x-stricter'], 'higher');
  assert.deepEqual(properties.role_accounts['x-stricter'], ['allow', 'marketing', 'block']);
  assert.equal(properties.leases.properties.enforce['x-stricter'], 'true');
  assert.equal(properties.approvals.properties.expires_after['x-stricter'], 'none');
});

test('documents of one tenant are nobody else’s', async () => {
  const [mine, theirs] = [await makeTenant(gateway), await makeTenant(gateway)];
  await theirs.agent.call('PUT', '/v1/policy', daily(1));
  assert.deepEqual((await mine.agent.call('GET', '/v1/policy')).body.document, {});
  assert.deepEqual((await mine.agent.call('GET', '/v1/policy/versions')).body.data, []);
});
