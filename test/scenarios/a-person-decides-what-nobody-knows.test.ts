/**
 * A server that dies between the final dot and its answer: nobody knows whether it has the message. Held, it is not sent again
 * and a person decides; sent again, the second copy has the same Message-ID and says what it is.
 */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, eventsOf, makeTenant, type TestTenant } from '../harness/tenants.ts';

type Hop = { port: number; taken: string[]; dies: boolean; close: () => void };

/** Speaks just enough SMTP to take a message; while `dies` it drops the line instead of answering the dot. */
async function dyingHop(): Promise<Hop> {
  const sockets = new Set<Socket>();
  const hop: Hop = { port: 0, taken: [], dies: true, close: () => undefined };
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    let isBody = false;
    socket.on('error', () => socket.destroy());
    socket.write('220 hop\r\n');
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (isBody && text.endsWith('\r\n.\r\n')) {
        hop.taken.push(text.slice(0, -3));
        isBody = false;
        text = '';
        if (hop.dies) socket.destroy();
        else socket.write('250 taken\r\n');
      }
      for (let end = text.indexOf('\r\n'); end >= 0 && !isBody; end = text.indexOf('\r\n')) {
        isBody = text.startsWith('DATA');
        text = text.slice(end + 2);
        socket.write(isBody ? '354 go on\r\n' : '250 ok\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address === 'object' && address !== null) hop.port = address.port;
  hop.close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return hop;
}

let hop: Hop;
let gateway: TestGateway;

before(async () => {
  hop = await dyingHop();
  gateway = await startTestGateway({ POSTERN_OUTBOUND: `smtp://127.0.0.1:${hop.port}?tls=never` });
});
after(async () => {
  await gateway.stop();
  hop.close();
});

async function tenantThat(policy: 'hold' | 'resend'): Promise<TestTenant> {
  const tenant = await makeTenant(gateway, { trust: 'established' }, 'live');
  const body = { uncertain: { transactional: policy }, quarantine: { mode: 'off' } };
  const set = await asOperator(gateway)('PUT', `/v1/tenants/${tenant.id}/policy`, body, { 'X-Mode': 'live' });
  assert.equal(set.status, 200, JSON.stringify(set.body));
  return tenant;
}

/** Sends one of which no answer comes; answers with where to decide. */
async function sendInto(tenant: TestTenant, dead: boolean): Promise<{ id: string; path: string }> {
  hop.dies = dead;
  hop.taken.length = 0;
  const body = { to: 'bob@example.com', subject: 'Hello', text: 'It works.' };
  const sent = await tenant.agent.call('POST', '/v1/messages', body);
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const { id } = sent.body;
  await messageAfter(gateway.gateway.store, { tenantNo: tenant.no, mode: 'live', id }, 'message.uncertain');
  return { id, path: `/v1/messages/${id}/recipients/${sent.body.recipients[0].id}/decision` };
}

const messageId = (text: string): string => /^Message-ID: (\S+)\r$/m.exec(text)?.[1] ?? '';

test('held, it is listed and not sent again; sent again by a person it has the same Message-ID and is marked', async () => {
  const tenant = await tenantThat('hold');
  const { id, path } = await sendInto(tenant, true);
  const listed = await tenant.agent.call('GET', '/v1/uncertain?held=true');
  assert.equal(listed.body.data.length, 1);
  const [row] = listed.body.data;
  assert.deepEqual(
    [row.message_id, row.email, row.held, row.next_attempt_at, row.attempts, row.provider, row.content_stored],
    [id, 'bob@example.com', true, null, 1, 'default', true],
  );
  assert.equal((await tenant.agent.call('GET', '/v1/messages?status=uncertain')).body.data[0].id, id);

  const asked = await tenant.agent.call('POST', path, { decision: 'resend', note: 'send it' });
  assert.equal(asked.status, 403);
  assert.equal(asked.body.code, 'human_decision_required');
  const bare = await tenant.person.call('POST', path, { decision: 'resend' });
  assert.equal(bare.body.code, 'human_decision_required');
  assert.equal(bare.body.errors?.[0]?.param ?? bare.body.param, 'note');
  assert.equal(hop.taken.length, 1);

  hop.dies = false;
  const decided = await tenant.person.call('POST', path, { decision: 'resend', note: 'Bob has not got it' });
  assert.equal(decided.status, 200, JSON.stringify(decided.body));
  await messageAfter(gateway.gateway.store, { tenantNo: tenant.no, mode: 'live', id }, 'message.delivered');
  const [first, second] = hop.taken;
  assert.equal(hop.taken.length, 2);
  assert.notEqual(messageId(first!), '');
  assert.equal(messageId(second!), messageId(first!));
  assert.doesNotMatch(first!, /X-Postern-Possible-Duplicate/);
  assert.match(second!, /^X-Postern-Possible-Duplicate: 1\r$/m);

  const { body } = await tenant.agent.call('GET', `/v1/messages/${id}`);
  assert.equal(body.recipients[0].possible_duplicate, true);
  assert.deepEqual(
    body.attempts.map(({ outcome }: { outcome: string }) => outcome),
    ['uncertain', 'delivered'],
  );
  const again = await tenant.person.call('POST', path, { decision: 'failed', note: 'too late' });
  assert.equal(again.status, 409);
  assert.deepEqual((await tenant.agent.call('GET', '/v1/uncertain')).body.data, []);
  const audit = await tenant.person.call('GET', '/v1/audit');
  const entry = audit.body.data.find(({ action }: { action: string }) => action === 'recipient.uncertain_decided');
  assert.equal(entry?.note, 'Bob has not got it');
});

test('a person who found out ends what the policy would send again', async () => {
  const tenant = await tenantThat('resend');
  const ends: [string, string][] = [
    ['delivered', 'delivered'],
    ['failed', 'failed'],
    ['give_up', 'failed'],
  ];
  for (const [decision, status] of ends) {
    const { id, path } = await sendInto(tenant, true);
    const [row] = (await tenant.agent.call('GET', '/v1/uncertain')).body.data;
    assert.equal(row.held, false);
    assert.ok(Date.parse(row.next_attempt_at) > Date.now());
    const decided = await tenant.person.call('POST', path, { decision, note: 'asked Bob' });
    assert.equal(decided.status, 200, JSON.stringify(decided.body));
    const { body } = await tenant.agent.call('GET', `/v1/messages/${id}`);
    assert.deepEqual([body.status, body.recipients[0].next_attempt_at], [status, null]);
    const last = (await eventsOf(gateway, tenant.no, 'live')).at(-1);
    assert.deepEqual(
      [last?.type, last?.data['decision'], last?.data['decided_by']],
      [`message.${status}`, decision, 'Dana'],
    );
    assert.equal(hop.taken.length, 1);
  }
});

test('nobody decides on a recipient of another tenant, or on one that does not exist', async () => {
  const tenant = await tenantThat('hold');
  const other = await tenantThat('hold');
  const { id, path } = await sendInto(tenant, true);
  assert.equal((await other.person.call('POST', path, { decision: 'failed', note: 'x' })).status, 404);
  assert.deepEqual((await other.person.call('GET', '/v1/uncertain')).body.data, []);
  const nobody = `/v1/messages/${id}/recipients/rcp_00000000000000000000000000/decision`;
  assert.equal((await tenant.person.call('POST', nobody, { decision: 'failed', note: 'x' })).status, 404);
});
