import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, eventsOf, hello, makeTenant } from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

const standingOf = async (call: Call): Promise<[string, string]> => {
  const { body } = await call('GET', '/v1/account');
  return [body.standing, body.standing_by];
};

test('a pause stops all sending until it is resumed, with an event in both modes and an audit row each', async () => {
  const { agent, no } = await makeTenant(gateway);
  const paused = await agent.call('POST', '/v1/account/pause', { note: 'loop' });
  assert.equal(paused.status, 200);
  assert.deepEqual(
    [paused.body.standing, paused.body.standing_by, paused.body.standing_note],
    ['paused', 'tenant', 'loop'],
  );
  const refused = await hello(agent.call);
  assert.deepEqual([refused.status, refused.body.code], [403, 'account_paused']);
  assert.deepEqual(refused.body.clears.by, ['tenant']);
  assert.equal((await agent.call('POST', '/v1/account/resume')).status, 200);
  assert.equal((await hello(agent.call)).status, 202);
  for (const mode of ['live', 'test'] as const) {
    const types = (await eventsOf(gateway, no, mode))
      .map(({ type }) => type)
      .filter((type) => type.startsWith('account'));
    assert.deepEqual(types, ['account.paused', 'account.resumed']);
  }
  const rows = (await agent.call('GET', '/v1/audit')).body.data.slice(0, 2);
  assert.deepEqual(
    rows.map((row: Record<string, unknown>) => [row['action'], row['actor'], row['note']]),
    [
      ['account.resumed', 'robot', null],
      ['account.paused', 'robot', 'loop'],
    ],
  );
});

test('what a program paused a program resumes', async () => {
  const { agent } = await makeTenant(gateway);
  await agent.call('POST', '/v1/account/pause');
  assert.equal((await agent.call('POST', '/v1/account/resume', {})).status, 200);
});

test('what a person paused needs a person, who says why', async () => {
  const { agent, person } = await makeTenant(gateway);
  await person.call('POST', '/v1/account/pause', { note: 'holiday' });
  const refused = await agent.call('POST', '/v1/account/resume', { note: 'please' });
  assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required']);
  assert.equal(refused.body.reasons[0].evidence.required, 'approve');
  const silent = await person.call('POST', '/v1/account/resume');
  assert.deepEqual([silent.status, silent.body.code, silent.body.param], [403, 'human_decision_required', 'note']);
  assert.deepEqual(await standingOf(agent.call), ['paused', 'tenant']);
  assert.equal((await person.call('POST', '/v1/account/resume', { note: 'back' })).status, 200);
  assert.deepEqual(await standingOf(agent.call), ['active', 'tenant']);
});

test('a pause by a person over that of a program is the person’s, and not the other way round', async () => {
  const { agent, person } = await makeTenant(gateway);
  await agent.call('POST', '/v1/account/pause');
  await person.call('POST', '/v1/account/pause');
  await agent.call('POST', '/v1/account/pause', { note: 'mine again' });
  assert.equal((await agent.call('POST', '/v1/account/resume')).status, 403);
});

test('what the operator paused neither a program nor a person of the tenant resumes or makes its own', async () => {
  const { id, agent, person } = await makeTenant(gateway);
  await operator('PATCH', `/v1/tenants/${id}`, { standing: 'paused', note: 'review' });
  for (const { call } of [agent, person]) {
    const refused = await call('POST', '/v1/account/resume', { note: 'please' });
    assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required']);
    assert.equal(refused.body.reasons[0].evidence.required, 'operate');
    const again = await call('POST', '/v1/account/pause');
    assert.deepEqual([again.status, again.body.code], [409, 'state_conflict']);
  }
  const refused = await hello(agent.call);
  assert.deepEqual(refused.body.clears.by, ['operator']);
  const resumed = await operator('POST', '/v1/account/resume', {}, { 'X-Tenant': id });
  assert.equal(resumed.status, 200);
  assert.deepEqual(await standingOf(agent.call), ['active', 'operator']);
});

test('the operator who pauses over the tenant’s pause keeps the tenant from resuming', async () => {
  const { id, agent } = await makeTenant(gateway);
  await agent.call('POST', '/v1/account/pause');
  assert.equal((await operator('POST', '/v1/account/pause', {}, { 'X-Tenant': id })).status, 200);
  assert.equal((await agent.call('POST', '/v1/account/resume')).status, 403);
});

test('pausing and resuming makes no trial an active account', async () => {
  const { id, agent } = await makeTenant(gateway, { standing: 'trial', trial_ends_at: '2020-01-01T00:00:00Z' });
  await agent.call('POST', '/v1/account/pause');
  assert.equal((await agent.call('POST', '/v1/account/resume')).body.standing, 'trial');
  assert.equal((await hello(agent.call)).body.code, 'trial_expired');
  await operator('PATCH', `/v1/tenants/${id}`, { standing: 'paused' });
  await operator('POST', '/v1/account/resume', {}, { 'X-Tenant': id });
  assert.equal((await standingOf(agent.call))[0], 'trial');
});

test('an account that does not send for another cause can be neither paused nor resumed', async () => {
  for (const standing of [
    'suspended',
    'trial_expired',
    'subscription_expired',
    'payment_overdue',
    'trial_not_activated',
  ]) {
    const { person } = await makeTenant(gateway, { standing });
    for (const action of ['pause', 'resume']) {
      const refused = await person.call('POST', `/v1/account/${action}`, { note: 'x' });
      assert.deepEqual([refused.status, refused.body.code], [409, 'state_conflict'], `${action} ${standing}`);
      assert.equal(refused.body.reasons[0].evidence.state, standing);
    }
  }
});

test('resuming what runs is a conflict', async () => {
  const { agent } = await makeTenant(gateway);
  const refused = await agent.call('POST', '/v1/account/resume');
  assert.deepEqual([refused.status, refused.body.code], [409, 'state_conflict']);
});

test('the account shows what is stored and how much may be', async () => {
  await operator('PUT', '/v1/plans/small', { storage_bytes: 5_000_000 });
  const { agent } = await makeTenant(gateway, { plan: 'small' });
  assert.deepEqual((await agent.call('GET', '/v1/account')).body.storage, { used_bytes: 0, limit_bytes: 5_000_000 });
  await hello(agent.call);
  assert.ok((await agent.call('GET', '/v1/account')).body.storage.used_bytes > 50);
});

test('usage counts what was accepted and refused by day and reason, as of now', async () => {
  const { agent } = await makeTenant(gateway);
  await hello(agent.call, 'a@example.com');
  await hello(agent.call, 'b@example.com');
  await agent.call('PUT', '/v1/contacts/c@example.com', { do_not_contact: true });
  await hello(agent.call, 'c@example.com');
  const { status, body } = await agent.call('GET', '/v1/usage');
  assert.equal(status, 200);
  assert.deepEqual([body.accepted, body.blocked, body.by_reason], [2, 1, { do_not_contact: 1 }]);
  assert.equal(body.days.at(-1).date, new Date().toISOString().slice(0, 10));
  assert.equal(body.days.at(-1).accepted, 2);
  assert.ok(body.storage.used_bytes > 0);
});

test('what is held was accepted: usage names the reason and counts nobody as refused', async () => {
  const { agent, id } = await makeTenant(gateway);
  const send_at = new Date(Date.now() + 3_600_000).toISOString();
  assert.equal((await hello(agent.call, 'a@example.com', { send_at })).status, 202);
  const entered = await asOperator(gateway)('POST', `/v1/tenants/${id}/quarantine`, { note: 'n', mode: 'test' });
  assert.equal(entered.status, 201);
  const { body } = await agent.call('GET', '/v1/usage');
  assert.deepEqual([body.accepted, body.blocked, body.by_reason], [1, 0, { quarantine_hold: 1 }]);
});

test('usage of a time without sends is empty, and its span is bounded', async () => {
  const { agent } = await makeTenant(gateway);
  await hello(agent.call);
  const past = await agent.call('GET', '/v1/usage?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z');
  assert.deepEqual([past.body.accepted, past.body.days], [0, []]);
  for (const query of ['since=2019-01-01T00:00:00Z', 'since=yesterday', 'until=x', 'x=1']) {
    assert.equal((await agent.call('GET', `/v1/usage?${query}`)).status, 422, query);
  }
});
