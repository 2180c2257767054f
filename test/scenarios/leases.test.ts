import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { eventsOf, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';
import { later } from '../harness/test-mode.ts';

let gateway: TestGateway;
let tenant: TestTenant;

before(async () => {
  gateway = await startTestGateway();
  tenant = await makeTenant(gateway);
  // Hundreds of messages to one person are what a quarantine is for.
  const place = { owner: 'operator', tenantNo: tenant.no, mode: 'test', author: 'a test', note: null } as const;
  await gateway.gateway.store.putPolicy({ ...place, document: { quarantine: { mode: 'off' } } });
  await gateway.fetchJson('POST', '/v1/test/clock', { now: START }, { key: tenant.agent.key });
});
after(() => gateway.stop());

const START = '2027-03-01T09:00:00.000Z';
const now = async (): Promise<string> => (await tenant.agent.call('GET', '/v1/test/clock')).body.now;
const advance = (by: string) => tenant.agent.call('POST', '/v1/test/clock?wait=10', { advance: by });
const acquire = (contact: string, agent: string, ttl_seconds = 600) =>
  tenant.agent.call('POST', '/v1/leases', { contact, agent, ttl_seconds });
const sendAs = (agent: string | null, to: string, more: object = {}) =>
  tenant.agent.call('POST', '/v1/messages', {
    to,
    subject: 'Hello',
    text: 'It works.',
    ...(agent && { agent }),
    ...more,
  });
const typesAbout = async (id: string): Promise<string[]> =>
  (await eventsOf(gateway, tenant.no)).filter(({ data }) => data['lease_id'] === id).map(({ type }) => type);

test('a leased contact is reached by its holder alone, however the agent is named', async () => {
  const to = 'bob@leased.example';
  const lease = await acquire('Bob@Leased.example', 'outreach-1');
  assert.equal(lease.status, 201, JSON.stringify(lease.body));
  assert.equal(lease.body.contact, to);
  assert.equal(lease.body.expires_at, later(await now(), 600_000));
  assert.equal((await sendAs('outreach-1', to)).status, 202);
  const headers = { 'x-agent-id': 'outreach-1' };
  const named = await tenant.agent.call('POST', '/v1/messages', { to, subject: 'Hi', text: 'Hi' }, headers);
  assert.equal(named.status, 202);
  const other = await sendAs('support-2', to);
  assert.equal(other.status, 409);
  assert.equal(other.body.code, 'lease_conflict');
  assert.equal(other.body.retryable, true);
  assert.equal(other.body.clears.at, lease.body.expires_at);
  assert.equal(other.headers.get('retry-after'), '600');
  assert.equal(other.body.reasons[0].evidence.held_by, 'outreach-1');
  const nobody = await sendAs(null, to);
  assert.equal(nobody.body.reasons[0].evidence.problem, 'no_agent');
  const seen = await tenant.agent.call('POST', '/v1/messages/check', { to, subject: 'Hi', text: 'Hi' });
  assert.equal(seen.body.verdict, 'block');
  assert.equal((await sendAs('support-2', 'eve@leased.example')).status, 202);
});

test('a token must be the current one: an agent that lost its lease is stopped, though it has it anew', async () => {
  const to = 'amy@leased.example';
  const first = (await acquire(to, 'outreach-1')).body;
  assert.equal((await sendAs('outreach-1', to, { lease_token: first.token })).status, 202);
  const second = (await acquire(to, 'outreach-1')).body;
  assert.notEqual(second.token, first.token);
  const stale = await sendAs('outreach-1', to, { lease_token: first.token });
  assert.equal(stale.body.reasons[0].evidence.problem, 'stale_token');
  assert.equal((await sendAs('outreach-1', to, { lease_token: second.token })).status, 202);
  assert.deepEqual(await typesAbout(first.id), ['lease.acquired', 'lease.released']);
  await tenant.agent.call('POST', `/v1/leases/${second.id}/release`, { token: second.token });
  const late = await sendAs('outreach-1', to, { lease_token: second.token });
  assert.equal(late.body.code, 'lease_conflict');
  assert.deepEqual(late.body.clears, { by: ['caller'], at: null });
});

test('a lease ends at its time on the test clock, with an event, and a renewal puts that off', async () => {
  const to = 'dan@leased.example';
  const lease = (await acquire(to, 'outreach-1', 60)).body;
  const other = await acquire(to, 'support-2', 60);
  assert.equal(other.status, 409);
  assert.equal(other.body.code, 'lease_conflict');
  assert.equal(other.headers.get('retry-after'), '60');
  await advance('PT30S');
  const renewed = await tenant.agent.call('POST', `/v1/leases/${lease.id}/renew`, { token: lease.token });
  assert.equal(renewed.body.expires_at, later(await now(), 60_000));
  assert.equal(renewed.body.token, lease.token);
  const foreign = await tenant.agent.call('POST', `/v1/leases/${lease.id}/renew`, { agent: 'support-2' });
  assert.equal(foreign.body.code, 'lease_conflict');
  await advance('PT59S');
  assert.equal((await sendAs('support-2', to)).status, 409);
  await advance('PT1S');
  assert.equal((await sendAs('support-2', to)).status, 202);
  assert.deepEqual(await typesAbout(lease.id), ['lease.acquired', 'lease.expired']);
  const gone = await tenant.agent.call('POST', `/v1/leases/${lease.id}/renew`);
  assert.equal(gone.body.code, 'state_conflict');
  assert.equal((await tenant.agent.call('GET', `/v1/leases/${lease.id}`)).body.state, 'expired');
});

test('another agent’s lease is released by a person alone, who says why', async () => {
  const lease = (await acquire('sue@leased.example', 'outreach-1')).body;
  const path = `/v1/leases/${lease.id}/release`;
  const refused = await tenant.agent.call('POST', path, { agent: 'support-2' });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, 'human_decision_required');
  assert.equal((await tenant.person.call('POST', path, { agent: 'support-2' })).body.param, 'note');
  const released = await tenant.person.call('POST', path, { agent: 'support-2', note: 'it hangs' });
  assert.equal(released.status, 200, JSON.stringify(released.body));
  assert.equal(released.body.state, 'released');
  assert.deepEqual(await typesAbout(lease.id), ['lease.acquired', 'lease.released']);
  const audit = (await tenant.agent.call('GET', '/v1/audit')).body.data;
  assert.ok(
    audit.some((row: { action: string; target: string }) => row.action === 'lease.released' && row.target === lease.id),
  );
  const mine = (await acquire('sue@leased.example', 'support-2')).body;
  assert.equal((await tenant.agent.call('DELETE', `/v1/leases/${mine.id}`)).status, 200);
});

test('a missed heartbeat ends the leases of a registered agent, and a late one does not bring them back', async () => {
  const registered = await tenant.agent.call('POST', '/v1/agents', { name: 'pulse', heartbeat_seconds: 30 });
  assert.equal(registered.status, 201, JSON.stringify(registered.body));
  const { id } = registered.body;
  const to = 'tim@leased.example';
  const lease = (await acquire(to, id, 3600)).body;
  assert.equal(lease.agent, 'pulse');
  assert.equal(lease.expires_at, later(await now(), 30_000));
  await advance('PT29S');
  const beat = await tenant.agent.call('POST', `/v1/agents/${id}/heartbeat`);
  assert.equal(beat.body.heartbeat_due_at, later(await now(), 30_000));
  await advance('PT29S');
  assert.equal((await sendAs('support-2', to)).status, 409);
  assert.equal((await sendAs(id, to)).status, 202);
  await advance('PT1S');
  await tenant.agent.call('POST', '/v1/agents/pulse/heartbeat');
  assert.equal((await sendAs('support-2', to)).status, 202);
  assert.deepEqual(await typesAbout(lease.id), ['lease.acquired', 'lease.expired']);
});

test('what waits is looked at once more: a lease taken meanwhile stops it when it would leave', async () => {
  const to = 'zoe@leased.example';
  const waiting = await sendAs('support-2', to, { send_at: later(await now(), 60_000) });
  assert.equal(waiting.body.recipients[0].status, 'scheduled');
  await acquire(to, 'outreach-1');
  const mine = await sendAs('outreach-1', to, { send_at: later(await now(), 60_000) });
  await advance('PT1M');
  assert.equal((await tenant.agent.call('GET', `/v1/messages/${waiting.body.id}`)).body.status, 'blocked');
  assert.equal((await tenant.agent.call('GET', `/v1/messages/${mine.body.id}`)).body.status, 'delivered');
});

test('of five hundred concurrent sends by two agents to one contact the holder’s pass, and no other', async () => {
  const to = 'rush@leased.example';
  await acquire(to, 'outreach-1');
  const sends = Array.from({ length: 500 }, (_, i) => (i % 2 === 0 ? 'outreach-1' : 'support-2'));
  const answers = await Promise.all(sends.map((agent, i) => sendAs(agent, to, { subject: `Hello ${i}` })));
  assert.deepEqual(
    answers.map(({ status }, i) => [sends[i], status]),
    sends.map((agent) => [agent, agent === 'outreach-1' ? 202 : 409]),
  );
});

test('a key that belongs to an agent speaks for no other', async () => {
  const scopes = ['send', 'manage'];
  const bound = await makeTestKey(gateway, tenant.id, { scopes, agent: 'outreach-1' });
  const to = 'una@leased.example';
  const lease = await bound.call('POST', '/v1/leases', { contact: to, ttl_seconds: 60 });
  assert.equal(lease.status, 201, JSON.stringify(lease.body));
  assert.equal(lease.body.agent, 'outreach-1');
  const foreign = await bound.call('POST', '/v1/leases', {
    contact: 'x@leased.example',
    agent: 'support-2',
    ttl_seconds: 60,
  });
  assert.deepEqual([foreign.status, foreign.body.code], [403, 'insufficient_permissions']);
  const message = { to, subject: 'Hello', text: 'It works.' };
  assert.equal((await bound.call('POST', '/v1/messages', message)).status, 202);
  const posing = await bound.call('POST', '/v1/messages', { ...message, agent: 'support-2' });
  assert.deepEqual([posing.status, posing.body.code, posing.body.param], [403, 'insufficient_permissions', 'agent']);
});

test('leases are listed without their tokens, and emptied with the test data', async () => {
  const list = async () => (await tenant.agent.call('GET', '/v1/leases?state=active&agent=outreach-1')).body.data;
  assert.ok((await list()).length > 0);
  assert.equal((await list())[0].token, undefined);
  assert.equal((await tenant.agent.call('GET', '/v1/leases?contact=rush@leased.example')).body.data.length, 1);
  await tenant.agent.call('POST', '/v1/test/reset');
  assert.deepEqual(await list(), []);
  assert.equal((await sendAs('support-2', 'rush@leased.example')).status, 202);
  assert.equal((await tenant.agent.call('GET', '/v1/agents/pulse')).status, 200);
});
