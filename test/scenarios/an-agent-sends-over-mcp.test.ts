import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { REASON_CODES, REASONS } from '../../src/core/reasons.ts';
import { SIMULATOR_DOMAIN } from '../../src/core/simulator.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Agent, connectAgent } from '../harness/mcp.ts';
import { makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

let gateway: TestGateway;
let tenant: TestTenant;
let agent: Agent;

before(async () => {
  gateway = await startTestGateway();
  tenant = await makeTenant(gateway);
  await gateway.fetchJson('POST', '/v1/test/clock', { now: START }, { key: tenant.agent.key });
  agent = await connectAgent(gateway.url, tenant.agent.key, { 'x-agent-id': 'outreach-1' });
});
after(async () => {
  await agent.close();
  await gateway.stop();
});

const START = '2027-03-01T09:00:00.000Z';
const sentTo = async (recipient: string): Promise<number> => {
  const found = await tenant.agent.call('GET', `/v1/messages?recipient=${encodeURIComponent(recipient)}`);
  return found.body.data.filter(({ status }: { status: string }) => status !== 'blocked').length;
};
const limitTo = (max: number) =>
  tenant.person.call('PUT', '/v1/policy', {
    limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', unit: 'recipient', max }],
  });

test('an agent asked twice to send the same thing sends it once', async () => {
  const message = { to: 'bob@example.com', subject: 'Your quote', text: 'It is ready.' };
  const first = await agent.call('send_message', message);
  assert.equal(first.isError, false, first.text);
  assert.match(first.body.id, /^msg_/);
  assert.match(first.body.idempotency_key, /^mcp-[0-9a-f]{32}$/);
  assert.equal(first.body.replayed, false);
  assert.equal(first.body.idempotency_key_until, '2027-03-02T09:00:00.000Z');
  // Another order of fields and another spelling of the same recipient are the same message.
  const second = await agent.call('send_message', {
    text: 'It is ready.',
    subject: 'Your quote',
    to: ['bob@example.com'],
  });
  assert.equal(second.isError, false, second.text);
  assert.deepEqual([second.body.id, second.body.replayed], [first.body.id, true]);
  assert.match(second.text, /nothing more was sent/);
  assert.equal(await sentTo('bob@example.com'), 1);
});

test('calls at the same time send once, also from another connection', async () => {
  const other = await connectAgent(gateway.url, tenant.agent.key, { 'x-agent-id': 'outreach-1' });
  const message = { to: 'eve@example.com', subject: 'At once', text: 'Now.' };
  const answers = await Promise.all([agent, other, agent, other].map((one) => one.call('send_message', message)));
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
  assert.equal(answers.filter(({ body }) => !body.replayed).length, 1);
  assert.equal(await sentTo('eve@example.com'), 1);
  await other.close();
});

test('a repeat that differs in labels alone is told of the first send and sends nothing', async () => {
  const message = { to: 'kim@example.com', subject: 'Labels', text: 'Same.' };
  const first = await agent.call('send_message', { ...message, metadata: { try: '1' } });
  const second = await agent.call('send_message', { ...message, metadata: { try: '2' } });
  assert.equal(second.isError, true);
  assert.equal(second.body.code, 'idempotency_key_reused');
  assert.ok(second.body.detail.includes(first.body.id), second.body.detail);
  assert.match(second.body.fix, /again: true/);
  assert.equal(await sentTo('kim@example.com'), 1);
});

test('a repeat that is written a little otherwise sends nothing, and another text to the same person is sent', async () => {
  const message = { to: 'uma@example.com', subject: 'Offer', text: 'Dear Uma,\n\nhere it is.' };
  const first = await agent.call('send_message', message);
  const again = { to: 'Uma <Uma@example.com>', subject: 'Offer', text: 'Dear Uma,\r\n\r\nhere it is.\n' };
  const second = await agent.call('send_message', again);
  assert.deepEqual([second.isError, second.body.code], [true, 'idempotency_key_reused'], second.text);
  assert.ok(second.text.includes(first.body.id), second.text);
  assert.equal(await sentTo('uma@example.com'), 1);
  const other = await agent.call('send_message', { ...message, text: 'Dear Uma,\n\nhere they are.' });
  assert.deepEqual([other.isError, other.body.replayed], [false, false], other.text);
  assert.equal(await sentTo('uma@example.com'), 2);
});

test('a meant repeat goes out, and that one once as well', async () => {
  const message = { to: 'ann@example.com', subject: 'Reminder', text: 'Please.' };
  const calls = [{}, {}, { again: true }, { again: true }, { again: 'third' }, { again: 'third' }, { again: false }];
  const ids: string[] = [];
  for (const more of calls) ids.push((await agent.call('send_message', { ...message, ...more })).body.id);
  assert.equal(new Set(ids).size, 3);
  assert.equal(ids[6], ids[0]);
  assert.equal(await sentTo('ann@example.com'), 3);
});

test('a key of its own is the key that HTTP knows', async () => {
  const message = { to: 'leo@example.com', subject: 'Keyed', text: 'One.' };
  const over = await tenant.agent.call(
    'POST',
    '/v1/messages',
    { ...message, agent: 'outreach-1' },
    { 'idempotency-key': 'k-1' },
  );
  const mcp = await agent.call('send_message', { ...message, idempotency_key: 'k-1' });
  assert.deepEqual([mcp.body.id, mcp.body.replayed], [over.body.id, true]);
  const both = await agent.call('send_message', { ...message, idempotency_key: 'k-1', again: true });
  assert.deepEqual([both.isError, both.body.errors[0].code], [true, 'mutually_exclusive']);
  const bad = await agent.call('send_message', { ...message, idempotency_key: 'with a space' });
  assert.equal(bad.body.code, 'idempotency_key_invalid');
});

test('a refusal tells the agent when to come back, and then the same call goes through', async () => {
  const { body: standing } = await agent.call('get_limits');
  assert.deepEqual(standing.data, []);
  await limitTo(1);
  const message = { to: 'zoe@example.com', subject: 'Over', text: 'The limit.' };
  const refused = await agent.call('send_message', message);
  assert.equal(refused.isError, true);
  assert.equal(refused.body.code, 'daily_quota_exceeded');
  assert.ok(Date.parse(refused.body.retry_at) > Date.parse(START));
  assert.ok(refused.text.includes(`Do not retry before ${refused.body.retry_at}.`), refused.text);
  assert.ok(refused.text.includes(`What to do: ${refused.body.fix}`));
  assert.match(refused.text, /Who can clear it: Waiting is enough\./);
  assert.match(refused.text, /Headroom: daily 0 of 1/);
  assert.deepEqual(
    refused.body.headroom.limits.map(({ name, limit, remaining }: Record<string, unknown>) => [name, limit, remaining]),
    [['daily', 1, 0]],
  );
  const early = await agent.call('send_message', message);
  assert.equal(early.body.retry_at, refused.body.retry_at);
  const moved = await tenant.agent.call('POST', '/v1/test/clock?wait=10', { now: refused.body.retry_at });
  assert.equal(moved.status, 200, JSON.stringify(moved.body));
  const sent = await agent.call('send_message', message);
  assert.equal(sent.isError, false, sent.text);
  assert.equal(sent.body.replayed, false);
  await tenant.person.call('PUT', '/v1/policy', { limits: [] });
});

test('who can clear a refusal is named, with every reason', async () => {
  const suppressed = await agent.call('suppress', {
    email: 'no@example.com',
    reason: 'manual_dnc',
    note: 'asked by phone',
  });
  assert.equal(suppressed.isError, false, suppressed.text);
  await limitTo(0);
  const refused = await agent.call('send_message', { to: 'no@example.com', subject: 'Hi', text: 'Hi' });
  await tenant.person.call('PUT', '/v1/policy', { limits: [], note: 'over' });
  assert.deepEqual(
    refused.body.reasons.map(({ code }: { code: string }) => code),
    ['suppressed', 'daily_quota_exceeded'],
  );
  assert.match(refused.text, /Do not retry: waiting does not clear it\./);
  assert.match(refused.text, /The tenant's own admin, a person: ask them\./);
  assert.match(refused.text, /- daily_quota_exceeded: /);
  const why = await agent.call('explain_message', { message_id: refused.body.message_id, now: true });
  assert.equal(why.body.recipients[0].reasons[0].code, 'suppressed');
  assert.deepEqual(why.body.changed[0].removed, ['daily_quota_exceeded']);
});

test('leases hold over MCP: a contact is written to by its holder alone', async () => {
  const other = await connectAgent(gateway.url, tenant.agent.key, { 'x-agent-id': 'support-2' });
  const lease = await agent.call('acquire_lease', { contact: 'bob@leased.example', ttl_seconds: 600 });
  assert.equal(lease.body.agent, 'outreach-1', lease.text);
  const message = { to: 'bob@leased.example', subject: 'Hello', text: 'It is me.' };
  const foreign = await other.call('send_message', message);
  assert.deepEqual([foreign.isError, foreign.body.code], [true, 'lease_conflict']);
  assert.ok(foreign.text.includes(`Do not retry before ${lease.body.expires_at}.`), foreign.text);
  const taken = await other.call('acquire_lease', { contact: 'bob@leased.example', ttl_seconds: 600 });
  assert.deepEqual([taken.isError, taken.body.retry_at], [true, lease.body.expires_at]);
  const own = await agent.call('send_message', { ...message, lease_token: lease.body.token });
  assert.equal(own.isError, false, own.text);
  assert.equal((await agent.call('release_lease', { lease_id: lease.body.id })).body.state, 'released');
  assert.equal((await other.call('acquire_lease', { contact: 'bob@leased.example', ttl_seconds: 60 })).isError, false);
  await other.close();
});

test('what needs a person stays with a person, though the key could approve', async () => {
  const bold = await connectAgent(gateway.url, tenant.person.key, { 'x-agent-id': 'support-3' });
  const lease = await agent.call('acquire_lease', { contact: 'pat@leased.example', ttl_seconds: 600 });
  const released = await bold.call('release_lease', { lease_id: lease.body.id, note: 'I want it' });
  assert.deepEqual([released.isError, released.body.code], [true, 'human_decision_required']);
  assert.match(released.text, /a person/);
  const still = await tenant.agent.call('GET', `/v1/leases/${lease.body.id}`);
  assert.equal(still.body.state, 'active');
  const onlyApproves = await makeTestKey(gateway, tenant.id, { scopes: ['approve', 'send'], name: 'Sam' });
  const sam = await connectAgent(gateway.url, onlyApproves.key);
  const suppress = await sam.call('suppress', { email: 'x@example.com', reason: 'manual_dnc' });
  assert.deepEqual([suppress.isError, suppress.body.code], [true, 'insufficient_permissions']);
  assert.match(suppress.body.detail, /needs the scope `manage`; the key has send\./);
  await bold.close();
  await sam.close();
});

test('held messages are listed for the agent to see, not to decide', async () => {
  await tenant.agent.call('PUT', '/v1/policy', { approvals: { mode: 'all' } });
  const sent = await agent.call('send_message', { to: 'max@example.com', subject: 'Big news', text: 'Held.' });
  await tenant.person.call('PUT', '/v1/policy', { approvals: { mode: 'none' }, note: 'over' });
  assert.equal(sent.isError, false, sent.text);
  assert.equal(sent.body.status, 'held', sent.text);
  assert.match(sent.text, /waits for a person/);
  const waiting = await agent.call('list_approvals', { state: 'pending' });
  assert.equal(waiting.body.data[0].message_id, sent.body.id);
  const found = await agent.call('search_messages', { recipient: 'max@example.com', limit: 5 });
  assert.deepEqual(
    found.body.data.map(({ id }: { id: string }) => id),
    [sent.body.id],
  );
});

test('every reason reaches the agent in words that say what to do', async () => {
  for (const code of REASON_CODES.filter((one) => REASONS[one].http !== null)) {
    const message = { to: `blocked+${code}@${SIMULATOR_DOMAIN}`, subject: 'Simulated', text: 'x' };
    const { isError, body, text } = await agent.call('send_message', message);
    assert.deepEqual([isError, body.code, body.status], [true, code, REASONS[code].http]);
    assert.ok(text.includes(`What to do: ${body.fix}`), text);
    assert.match(text, /^Who can clear it: /m);
    if (body.retry_at !== null) assert.ok(text.includes(body.retry_at), text);
  }
});

test('a check and a plan consume nothing', async () => {
  const message = { to: 'nia@example.com', subject: 'Perhaps', text: 'Or not.' };
  const checked = await agent.call('check_send', message);
  assert.deepEqual([checked.isError, checked.body.verdict], [false, 'accept']);
  assert.ok(checked.body.recipients[0].trace.every(({ outcome }: { outcome: string }) => outcome !== 'pass'));
  const whole = await agent.call('check_send', { ...message, full: true });
  assert.ok(whole.body.recipients[0].trace.length > 20);
  const planned = await agent.call('plan_sends', { count: 3, message: { subject: 'Perhaps' } });
  assert.equal(planned.body.count, 3, planned.text);
  assert.equal(await sentTo('nia@example.com'), 0);
});
