import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import {
  asOperator,
  type Call,
  eventsOf,
  hello,
  makeTenant,
  storedMessage,
  type TestTenant,
  withoutIds,
} from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

const alice = (more: object = {}) => ({ handle: 'alice', from: 'Alice <alice@acme.example>', ...more });
const forTenant = ({ id }: TestTenant) => ({ 'X-Tenant': id, 'X-Mode': 'test' });
const params = (answer: { body: { errors: { param: string }[] } }) => answer.body.errors.map(({ param }) => param);

test('an identity is made, shown by id and handle, listed, changed and sends with its address', async () => {
  const { agent, no } = await makeTenant(gateway);
  const made = await agent.call('POST', '/v1/identities', alice());
  assert.equal(made.status, 201);
  assert.match(made.body.id, /^idn_/);
  assert.deepEqual(
    [made.body.from, made.body.state, made.body.daily_cap, made.body.tier],
    [{ email: 'alice@acme.example', name: 'Alice' }, 'active', null, null],
  );
  for (const name of [made.body.id, 'alice']) {
    assert.deepEqual((await agent.call('GET', `/v1/identities/${name}`)).body, made.body);
  }
  const changed = await agent.call('PATCH', '/v1/identities/alice', {
    from: { email: 'al@acme.example', name: 'Al' },
    handle: 'al',
  });
  assert.deepEqual([changed.status, changed.body.handle, changed.body.from.email], [200, 'al', 'al@acme.example']);
  const sent = await hello(agent.call, 'bob@example.com', { identity: 'al' });
  assert.deepEqual((await storedMessage(gateway, no, sent.body.id)).from, { email: 'al@acme.example', name: 'Al' });
  assert.deepEqual(
    (await agent.call('GET', '/v1/identities')).body.data.map(({ handle }: { handle: string }) => handle),
    ['al'],
  );
  const types = (await eventsOf(gateway, no)).map(({ type }) => type).filter((type) => type.startsWith('identity.'));
  assert.deepEqual(types, ['identity.created', 'identity.updated']);
});

test('what is wrong with an identity is told, and a handle is taken once', async () => {
  const { agent } = await makeTenant(gateway);
  const refused = await agent.call('POST', '/v1/identities', {
    handle: 'Alice!',
    daily_cap: -1,
    state: 'asleep',
    colour: 'red',
    mailboxes: 'all',
  });
  assert.equal(refused.status, 422);
  assert.deepEqual(params(refused).sort(), ['colour', 'daily_cap', 'from', 'handle', 'mailboxes', 'state']);
  for (const from of ['nobody', 'a@b', 'a@b.example, c@d.example', { email: 'a@b.example', name: 'x\r\ny' }]) {
    const answer = await agent.call('POST', '/v1/identities', { handle: 'x', from });
    assert.equal(answer.status, 422, JSON.stringify(from));
    assert.match(params(answer)[0]!, /^from/);
  }
  assert.equal((await agent.call('POST', '/v1/identities', { handle: 'idn_fake', from: 'a@b.example' })).status, 422);
  await agent.call('POST', '/v1/identities', alice());
  const taken = await agent.call('POST', '/v1/identities', alice());
  assert.deepEqual([taken.status, taken.body.code], [409, 'state_conflict']);
  await agent.call('POST', '/v1/identities', { handle: 'bob', from: 'bob@acme.example' });
  assert.equal((await agent.call('PATCH', '/v1/identities/bob', { handle: 'alice' })).status, 409);
});

test('the daily cap of an identity counts as one more limit', async () => {
  const { agent } = await makeTenant(gateway);
  const { id } = (await agent.call('POST', '/v1/identities', alice({ daily_cap: 2 }))).body;
  for (const to of ['a@example.com', 'b@example.com']) {
    assert.equal((await hello(agent.call, to, { identity: 'alice' })).status, 202);
  }
  const refused = await hello(agent.call, 'c@example.com', { identity: 'alice' });
  assert.deepEqual([refused.status, refused.body.code], [429, 'identity_cap_exceeded']);
  const { body } = await agent.call('GET', '/v1/limits?identity=alice');
  assert.deepEqual(
    [body.binding, body.data[0].name, body.data[0].scope, body.data[0].used, body.data[0].remaining],
    ['identity_cap', 'identity_cap', { kind: 'identity', id }, 2, 0],
  );
});

test('lowering a cap needs a program, raising or removing it a person with a note', async () => {
  const { agent, person } = await makeTenant(gateway);
  await agent.call('POST', '/v1/identities', alice());
  const patch = (call: Call, body: object) => call('PATCH', '/v1/identities/alice', body);
  assert.equal((await patch(agent.call, { daily_cap: 10 })).status, 200);
  assert.equal((await patch(agent.call, { daily_cap: 5 })).status, 200);
  for (const daily_cap of [6, null]) {
    const refused = await patch(agent.call, { daily_cap });
    assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required']);
    assert.deepEqual(refused.body.reasons[0].evidence.loosens, ['daily_cap']);
    assert.equal((await patch(person.call, { daily_cap })).status, 403, 'a note is missing');
  }
  assert.equal((await patch(person.call, { daily_cap: 6, note: 'busy week' })).body.daily_cap, 6);
  const [row] = (await agent.call('GET', '/v1/audit')).body.data;
  assert.deepEqual([row.actor, row.note, row.before.daily_cap, row.after.daily_cap], ['Dana', 'busy week', 5, 6]);
});

test('a tier caps by the plan beside the own cap; a higher tier needs a person', async () => {
  await operator('PUT', '/v1/plans/tiered', { tiers: { starter: 1, pro: 3 } });
  const { agent, person } = await makeTenant(gateway, { plan: 'tiered' });
  const made = await agent.call('POST', '/v1/identities', alice({ tier: 'starter', daily_cap: 50 }));
  assert.deepEqual([made.body.daily_cap, made.body.effective_daily_cap], [50, 1]);
  assert.equal((await hello(agent.call, 'a@example.com', { identity: 'alice' })).status, 202);
  assert.equal((await hello(agent.call, 'b@example.com', { identity: 'alice' })).body.code, 'identity_cap_exceeded');
  for (const tier of ['pro', null]) {
    const refused = await agent.call('PATCH', '/v1/identities/alice', { tier });
    assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required'], String(tier));
  }
  const unknown = await person.call('PATCH', '/v1/identities/alice', { tier: 'gold', note: 'x' });
  assert.deepEqual([unknown.status, params(unknown)], [422, ['tier']]);
  const raised = await person.call('PATCH', '/v1/identities/alice', { tier: 'pro', note: 'good standing' });
  assert.equal(raised.body.effective_daily_cap, 3);
  assert.equal((await hello(agent.call, 'b@example.com', { identity: 'alice' })).status, 202);
  assert.equal((await agent.call('PATCH', '/v1/identities/alice', { tier: 'starter' })).status, 200);
});

test('an inactive identity sends nothing until it is active again', async () => {
  const { agent } = await makeTenant(gateway);
  await agent.call('POST', '/v1/identities', alice({ state: 'provisioning' }));
  const send = () => hello(agent.call, 'a@example.com', { identity: 'alice' });
  assert.equal((await send()).body.code, 'identity_inactive');
  await agent.call('PATCH', '/v1/identities/alice', { state: 'active' });
  assert.equal((await send()).status, 202);
  await agent.call('PATCH', '/v1/identities/alice', { state: 'inactive', note: 'left' });
  assert.equal((await send()).body.code, 'identity_inactive');
  assert.equal((await agent.call('GET', '/v1/identities/alice')).body.state_note, 'left');
});

test('the operator alone suspends an identity and lifts it, and nobody gets around it', async () => {
  const tenant = await makeTenant(gateway);
  const { agent, person, no } = tenant;
  const needsOperator = async (
    answer: Promise<{ status: number; body: { code: string; reasons: { evidence: { required: string } }[] } }>,
  ) => {
    const { status, body } = await answer;
    assert.deepEqual([status, body.code], [403, 'human_decision_required']);
    assert.equal(body.reasons[0]?.evidence.required, 'operate');
  };
  await agent.call('POST', '/v1/identities', alice());
  await needsOperator(person.call('PATCH', '/v1/identities/alice', { state: 'suspended', note: 'x' }));
  await needsOperator(
    person.call('POST', '/v1/identities', { handle: 'b', from: 'b@acme.example', state: 'suspended' }),
  );
  const suspended = await operator(
    'PATCH',
    '/v1/identities/alice',
    { state: 'suspended', note: 'spam' },
    forTenant(tenant),
  );
  assert.deepEqual([suspended.status, suspended.body.state_note], [200, 'spam']);
  assert.equal((await hello(agent.call, 'a@example.com', { identity: 'alice' })).body.code, 'identity_suspended');
  await needsOperator(person.call('PATCH', '/v1/identities/alice', { state: 'active', note: 'x' }));
  await needsOperator(person.call('DELETE', '/v1/identities/alice'));
  await needsOperator(person.call('POST', '/v1/identities', { handle: 'alice2', from: 'ALICE@acme.example' }));
  await agent.call('POST', '/v1/identities', { handle: 'c', from: 'c@acme.example' });
  await needsOperator(person.call('PATCH', '/v1/identities/c', { from: 'alice@acme.example' }));
  const lifted = await operator('PATCH', '/v1/identities/alice', { state: 'active' }, forTenant(tenant));
  assert.equal(lifted.body.state, 'active');
  assert.equal((await hello(agent.call, 'a@example.com', { identity: 'alice' })).status, 202);
  const types = (await eventsOf(gateway, no)).map(({ type }) => type).filter((type) => type.startsWith('identity.'));
  assert.deepEqual(types, ['identity.created', 'identity.suspended', 'identity.created', 'identity.updated']);
});

test('a removed identity frees its handle, and its messages go on naming it', async () => {
  const { agent, no } = await makeTenant(gateway);
  const { id } = (await agent.call('POST', '/v1/identities', alice())).body;
  const sent = await hello(agent.call, 'a@example.com', { identity: 'alice' });
  assert.equal((await agent.call('DELETE', '/v1/identities/alice')).status, 200);
  assert.equal((await agent.call('GET', `/v1/identities/${id}`)).status, 404);
  assert.equal((await hello(agent.call, 'b@example.com', { identity: 'alice' })).status, 422);
  assert.equal((await agent.call('DELETE', '/v1/identities/alice')).status, 404);
  const again = await agent.call('POST', '/v1/identities', alice());
  assert.equal(again.status, 201);
  assert.notEqual(again.body.id, id);
  assert.equal((await storedMessage(gateway, no, sent.body.id)).scopes.identity, id);
  const types = (await eventsOf(gateway, no)).map(({ type }) => type).filter((type) => type.startsWith('identity.'));
  assert.deepEqual(types, ['identity.created', 'identity.deleted', 'identity.created']);
});

test('identities of another tenant or mode look like ones that do not exist', async () => {
  const [mine, theirs] = [await makeTenant(gateway), await makeTenant(gateway)];
  const { id } = (await theirs.agent.call('POST', '/v1/identities', alice())).body;
  const missing = 'idn_00000000000000000000000000';
  for (const [method, body] of [['GET'], ['PATCH', { handle: 'x' }], ['DELETE']] as const) {
    const foreign = await mine.agent.call(method, `/v1/identities/${id}`, body);
    const unknown = await mine.agent.call(method, `/v1/identities/${missing}`, body);
    assert.equal(foreign.status, 404);
    assert.equal(withoutIds(foreign, id), withoutIds(unknown, missing));
  }
  const live = await operator('GET', `/v1/identities/${id}`, undefined, { 'X-Tenant': theirs.id });
  assert.equal(live.status, 404);
});
