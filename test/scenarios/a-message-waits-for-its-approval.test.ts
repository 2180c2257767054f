import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

const LIMITS = [
  { name: 'recipients', scope: 'tenant', window: 'calendar_month', max: 3 },
  { name: 'messages', scope: 'tenant', window: 'calendar_month', unit: 'message', max: 100 },
];

describe('a message that needs an approval', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  async function start(policy: Record<string, unknown>): Promise<void> {
    tenant = await makeTenant(gateway);
    const put = await tenant.agent.call('PUT', '/v1/policy', policy);
    assert.equal(put.status, 200, JSON.stringify(put.body));
    const frozen = await tenant.agent.call('POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
    assert.equal(frozen.status, 200);
  }
  const send = async (body: unknown) => {
    const sent = await tenant.agent.call('POST', '/v1/messages', body);
    assert.equal(sent.status, 202, JSON.stringify(sent.body));
    return sent.body;
  };
  const move = (advance: string) => tenant.agent.call('POST', '/v1/test/clock?wait=10', { advance });
  const settle = () => tenant.agent.call('GET', '/v1/test/clock?wait=10');
  const look = async (id: string) => (await tenant.agent.call('GET', `/v1/messages/${id}`)).body;
  const captured = async () => (await tenant.agent.call('GET', '/v1/sink')).body.data;
  const used = async () =>
    (await tenant.agent.call('GET', '/v1/limits')).body.data.map((limit: { used: number }) => limit.used);
  const waiting = async () => (await tenant.person.call('GET', '/v1/approvals?state=pending')).body.data;
  const events = async (...types: string[]) =>
    (await tenant.agent.call('GET', `/v1/events?limit=500&types=${types.join(',')}`)).body.data;

  test('is accepted and held, counts in no limit, and leaves once a person approves it', async () => {
    await start({ approvals: { mode: 'all' }, limits: LIMITS });
    const sent = await send(mail(['a@one.example', 'b@one.example']));
    assert.equal(sent.status, 'held');
    const [reason] = sent.recipients[0].reasons;
    assert.equal(reason.code, 'approval_required');
    assert.equal(reason.clears.at, '2027-03-02T10:00:00.000Z');
    assert.deepEqual(reason.clears.by, ['tenant']);
    assert.deepEqual(
      sent.limits.map((limit: { used: number }) => limit.used),
      [0, 0],
    );
    assert.deepEqual(await used(), [0, 0]);
    assert.deepEqual(await captured(), []);
    const [approval, ...others] = await waiting();
    assert.deepEqual(others, []);
    assert.equal(approval.id, reason.evidence.approval_id);
    assert.equal(approval.message_id, sent.id);
    const whole = (await tenant.person.call('GET', `/v1/approvals/${approval.id}`)).body;
    assert.equal(whole.message.text, 'Here it is.');
    assert.deepEqual(
      whole.message.to.map(({ email }: { email: string }) => email),
      ['a@one.example', 'b@one.example'],
    );
    const decided = await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'looks right' });
    assert.equal(decided.status, 200, JSON.stringify(decided.body));
    assert.equal(decided.body.state, 'approved');
    assert.equal(decided.body.decided_by, 'Dana');
    await settle();
    assert.equal((await look(sent.id)).status, 'delivered');
    assert.equal((await captured()).length, 2);
    assert.deepEqual(await used(), [2, 1]);
    const told = await events('approval.requested', 'approval.decided', 'message.held', 'message.accepted');
    assert.deepEqual(
      told.map(({ type }: { type: string }) => type),
      [
        'message.held',
        'message.held',
        'approval.requested',
        'approval.decided',
        'message.accepted',
        'message.accepted',
      ],
    );
    const again = await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'twice' });
    assert.equal(again.status, 409);
    assert.equal(again.body.code, 'state_conflict');
  });

  test('takes the earliest free place where a limit is full when it is approved, though it never asked to wait', async () => {
    await start({
      approvals: { mode: 'all' },
      limits: [{ name: 'hourly', scope: 'tenant', window: 'rolling_1h', max: 1 }],
    });
    const first = await send(mail('a@one.example'));
    const second = await send(mail('b@one.example'));
    for (const approval of await waiting()) {
      await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'fine' });
    }
    await settle();
    const states = [(await look(first.id)).status, (await look(second.id)).status];
    assert.deepEqual(states.sort(), ['delivered', 'scheduled']);
    const late = (await look(first.id)).status === 'scheduled' ? first : second;
    assert.equal((await look(late.id)).recipients[0].scheduled_at, '2027-03-01T11:00:00.000Z');
    await move('PT1H');
    assert.equal((await look(late.id)).status, 'delivered');
  });

  test('is blocked with the reasons that stand when it is approved', async () => {
    await start({ approvals: { mode: 'all' } });
    const { id } = await send(mail(['a@one.example', 'b@one.example']));
    await tenant.agent.call('POST', '/v1/suppressions', { email: 'a@one.example', reason: 'manual_dnc' });
    const [approval] = await waiting();
    await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'fine' });
    await settle();
    const message = await look(id);
    assert.deepEqual(
      message.recipients.map((one: { status: string }) => one.status),
      ['blocked', 'delivered'],
    );
    assert.equal(message.recipients[0].reasons[0].code, 'suppressed');
  });

  test('is cancelled when a person rejects it, and when nobody decides in time', async () => {
    await start({ approvals: { mode: 'all', expires_after: 'PT2H' }, limits: LIMITS });
    const rejected = await send(mail('a@one.example'));
    const [approval] = await waiting();
    const answer = await tenant.person.call('POST', `/v1/approvals/${approval.id}/reject`, { note: 'wrong price' });
    assert.equal(answer.body.state, 'rejected');
    assert.equal(answer.body.note, 'wrong price');
    assert.equal((await look(rejected.id)).status, 'cancelled');
    // The operator alone sets how long an approval may wait.
    const forgotten = await send(mail('b@one.example'));
    await move('PT23H59M59S');
    assert.equal((await look(forgotten.id)).status, 'held');
    await move('PT1S');
    assert.equal((await look(forgotten.id)).status, 'cancelled');
    const [over] = await events('approval.expired');
    assert.equal(over.data.message_id, forgotten.id);
    assert.deepEqual(await waiting(), []);
    assert.deepEqual(await used(), [0, 0]);
    assert.deepEqual(await captured(), []);
    const late = await tenant.person.call('POST', `/v1/approvals/${over.data.approval_id}/approve`, { note: 'late' });
    assert.equal(late.status, 409);
  });

  test('is asked for the first contact alone where the policy says so', async () => {
    await start({ approvals: { mode: 'first_contact' }, limits: LIMITS });
    const first = await send(mail('a@one.example'));
    assert.equal(first.status, 'held');
    const [approval] = await waiting();
    await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'fine' });
    await settle();
    const mixed = await send(mail(['a@one.example', 'new@one.example']));
    assert.equal(mixed.status, 'partial');
    assert.deepEqual(
      mixed.recipients.map((one: { status: string }) => one.status),
      ['accepted', 'held'],
    );
    await settle();
    assert.deepEqual(await used(), [2, 2]);
    const [second] = await waiting();
    await tenant.person.call('POST', `/v1/approvals/${second.id}/approve`, { note: 'fine' });
    await settle();
    assert.equal((await look(mixed.id)).status, 'delivered');
    assert.deepEqual(await used(), [3, 2]);
  });

  test('is decided by a person alone', async () => {
    await start({ approvals: { mode: 'all' } });
    await send(mail('a@one.example'));
    const [{ id }] = await waiting();
    const refused = await tenant.agent.call('POST', `/v1/approvals/${id}/approve`, { note: 'me too' });
    assert.equal(refused.status, 403);
    assert.equal(refused.body.code, 'human_decision_required');
    const scopes = ['send', 'read', 'manage', 'approve'];
    const robot = await makeTestKey(gateway, tenant.id, { scopes, agent: 'outreach-1' });
    for (const decision of ['approve', 'reject']) {
      const tried = await robot.call('POST', `/v1/approvals/${id}/${decision}`, { note: 'me too' });
      assert.equal(tried.body.code, 'human_decision_required', 'a key of an agent is no person');
    }
    const unsaid = await tenant.person.call('POST', `/v1/approvals/${id}/approve`);
    assert.equal(unsaid.body.code, 'human_decision_required');
    assert.equal(unsaid.body.param, 'note');
    assert.equal((await waiting()).length, 1);
    const audit = (await tenant.person.call('GET', '/v1/audit')).body.data;
    assert.ok(!audit.some(({ action }: { action: string }) => action.startsWith('approval.')));
    await tenant.person.call('POST', `/v1/approvals/${id}/approve`, { note: 'fine' });
    const [row] = (await tenant.person.call('GET', '/v1/audit')).body.data;
    assert.equal(row.action, 'approval.approved');
    assert.equal(row.note, 'fine');
  });

  test('is asked by its identity too, whatever the policy says', async () => {
    await start({});
    const made = await tenant.agent.call('POST', '/v1/identities', {
      handle: 'alice',
      from: 'alice@acme.example',
      approvals: 'all',
    });
    assert.equal(made.body.approvals, 'all');
    const sent = await send(mail('a@one.example', { identity: 'alice' }));
    assert.equal(sent.status, 'held');
    assert.equal(sent.recipients[0].reasons[0].scope.kind, 'identity');
    assert.equal((await send(mail('a@one.example', { from: 'bob@acme.example' }))).status, 'accepted');
    const loosened = await tenant.agent.call('PATCH', '/v1/identities/alice', { approvals: 'none' });
    assert.equal(loosened.body.code, 'human_decision_required');
    const gone = await tenant.agent.call('DELETE', '/v1/identities/alice');
    assert.equal(gone.body.code, 'human_decision_required');
  });

  test('is asked by its agent too, and no key of another agent helps', async () => {
    await start({ approvals: { mode: 'first_contact' } });
    const made = await tenant.agent.call('POST', '/v1/agents', { name: 'outreach-1', approvals: 'all' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const scopes = ['send', 'read'];
    const key = await makeTestKey(gateway, tenant.id, { scopes, agent: 'outreach-1' });
    const sent = await key.call('POST', '/v1/messages', mail('a@one.example'));
    const [reason] = sent.body.recipients[0].reasons;
    assert.deepEqual([reason.code, reason.evidence.mode], ['approval_required', 'all']);
    assert.deepEqual(reason.scope, { kind: 'agent', id: 'outreach-1' });
    const masked = await key.call('POST', '/v1/messages', mail('a@one.example', { agent: 'somebody-else' }));
    assert.equal(masked.status, 403);
  });

  test('is told of by mail to the people of the tenant', async () => {
    await start({ approvals: { mode: 'all' }, notify: ['boss@acme.example'] });
    const { recipients } = await send(mail('a@one.example'));
    const { approval_id: id } = recipients[0].reasons[0].evidence;
    const notices = await gateway.fetchJson('GET', '/v1/notices', undefined, { key: gateway.operatorKey });
    const told = notices.body.data.filter(({ kind, tenant: of }: { kind: string; tenant: string }) => {
      return kind === 'approval' && of === tenant.id;
    });
    assert.equal(told.length, 1, JSON.stringify(notices.body.data));
    assert.ok(JSON.stringify(told[0]).includes(id));
    assert.ok(JSON.stringify(told[0]).includes('boss@acme.example'));
  });

  test('stays held when it is approved while the account is in quarantine', async () => {
    await start({ approvals: { mode: 'all' } });
    const { id } = await send(mail('a@one.example'));
    const [approval] = await waiting();
    const operator = { key: gateway.operatorKey, headers: { 'X-Mode': 'test' } };
    const entered = await gateway.fetchJson('POST', `/v1/tenants/${tenant.id}/quarantine`, { note: 'odd' }, operator);
    assert.equal(entered.status, 201, JSON.stringify(entered.body));
    await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'fine' });
    const held = await look(id);
    assert.equal(held.status, 'held');
    assert.equal(held.recipients[0].reasons[0].code, 'quarantine_hold');
    const release = { note: 'all right', held: 'send' };
    const released = await gateway.fetchJson('POST', `/v1/quarantines/${entered.body.id}/release`, release, operator);
    assert.equal(released.status, 200, JSON.stringify(released.body));
    await settle();
    assert.equal((await look(id)).status, 'delivered');
  });

  test('can be cancelled while it waits, and then nothing is left to decide', async () => {
    await start({ approvals: { mode: 'all' } });
    const { id } = await send(mail('a@one.example'));
    const [approval] = await waiting();
    assert.equal((await tenant.agent.call('POST', `/v1/messages/${id}/cancel`)).body.status, 'cancelled');
    assert.deepEqual(await waiting(), []);
    assert.equal((await tenant.person.call('GET', `/v1/approvals/${approval.id}`)).body.state, 'cancelled');
  });

  test('gets another time while it waits, and leaves at that time', async () => {
    await start({ approvals: { mode: 'all' } });
    const { id } = await send(mail('a@one.example', { send_at: '2027-03-01T12:00:00Z' }));
    const moved = await tenant.agent.call('PATCH', `/v1/messages/${id}`, { send_at: '2027-03-08T12:00:00Z' });
    assert.equal(moved.status, 200, JSON.stringify(moved.body));
    assert.equal(moved.body.status, 'held');
    const [approval] = await waiting();
    await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'fine' });
    assert.equal((await look(id)).recipients[0].scheduled_at, '2027-03-08T12:00:00.000Z');
    await move('P7DT2H');
    assert.equal((await look(id)).status, 'delivered');
  });

  test('can be moved far ahead after it was approved', async () => {
    await start({ approvals: { mode: 'all' } });
    const { id } = await send(mail('a@one.example'));
    await tenant.agent.call('PATCH', `/v1/messages/${id}`, { send_at: '2027-03-01T11:00:00Z' });
    const [approval] = await waiting();
    await tenant.person.call('POST', `/v1/approvals/${approval.id}/approve`, { note: 'fine' });
    const moved = await tenant.agent.call('PATCH', `/v1/messages/${id}`, { send_at: '2027-03-20T12:00:00Z' });
    assert.equal(moved.status, 200, JSON.stringify(moved.body));
    assert.equal(moved.body.expires_at, '2027-03-23T12:00:00.000Z');
  });

  test('is foretold by a check, which asks nobody', async () => {
    await start({ approvals: { mode: 'all' } });
    const checked = await tenant.agent.call('POST', '/v1/messages/check', mail('a@one.example'));
    assert.equal(checked.body.verdict, 'hold');
    assert.equal(checked.body.recipients[0].reasons[0].code, 'approval_required');
    assert.deepEqual(await waiting(), []);
  });

  test('has a verdict that its facts give again', async () => {
    await start({ approvals: { mode: 'all' } });
    const { id } = await send(mail('a@one.example'));
    const verdict = (await tenant.agent.call('GET', `/v1/messages/${id}/verdict`)).body;
    assert.equal(verdict.reproduced, true);
    assert.equal(verdict.recipients[0].verdict, 'hold');
  });
});
