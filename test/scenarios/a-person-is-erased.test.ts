import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { namesAddress } from '../../src/data/sqlite/erasure.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { captured } from '../harness/sink.ts';
import { asOperator, type Call, hello, makeTenant } from '../harness/tenants.ts';

const BOB = 'bob.builder@example.com';

/** Every file of a data folder that holds a text. */
function filesWith(directory: string, text: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => {
    try {
      return readFileSync(join(directory, name)).includes(text);
    } catch {
      return false;
    }
  });
}

async function makePast(call: Call, key: string, gateway: TestGateway): Promise<{ shared: string; alone: string }> {
  const alone = await hello(call, BOB);
  const shared = await call('POST', '/v1/messages', { to: [BOB, 'eve@example.com'], subject: 'Both', text: 'x' });
  assert.deepEqual([alone.status, shared.status], [202, 202]);
  await captured(gateway, 3, { key });
  await hello(call, BOB, { send_at: new Date(Date.now() + 86_400_000).toISOString() });
  await call('POST', '/v1/returns', { kind: 'bounce', email: BOB, class: 'unknown_user' });
  await call('PUT', `/v1/contacts/${BOB}`, { opportunity: { note: 'Bob wants a quote' } });
  await call('POST', '/v1/suppressions', { email: BOB, reason: 'manual_dnc', note: 'he asked' });
  for (const agent of ['outreach-1', 'outreach-1'])
    await call('POST', '/v1/leases', { contact: BOB, agent, ttl_seconds: 600 });
  await hello(call, BOB);
  return { shared: shared.body.id, alone: alone.body.id };
}

describe('a person', () => {
  let gateway: TestGateway;
  let operator: Call;
  const directory = mkdtempSync(join(tmpdir(), 'postern-erase-'));

  before(async () => {
    gateway = await startTestGateway({ POSTERN_DATA_DIR: directory });
    operator = asOperator(gateway);
  });
  after(async () => {
    await gateway.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is given out as one document with everything that is known', async () => {
    const { agent } = await makeTenant(gateway);
    const { alone, shared } = await makePast(agent.call, agent.key, gateway);
    const { status, body } = await agent.call('GET', `/v1/contacts/${BOB.toUpperCase()}/export`);
    assert.equal(status, 200);
    assert.equal(body.email, BOB);
    assert.equal(body.contact.opportunity, true);
    assert.deepEqual(body.suppressions.map(({ reason }: { reason: string }) => reason).sort(), [
      'hard_bounce',
      'manual_dnc',
    ]);
    const ids = body.messages.map(({ id }: { id: string }) => id);
    assert.equal(ids.length, 4);
    assert.ok(ids.includes(alone) && ids.includes(shared));
    const both = body.messages.find(({ id }: { id: string }) => id === shared);
    assert.deepEqual(
      both.recipients.map(({ email }: { email: string }) => email),
      [BOB],
    );
    assert.ok(both.events.some(({ type }: { type: string }) => type === 'message.delivered'));
    assert.ok(!JSON.stringify(both.events).includes('eve@example.com'));
    assert.equal(body.captured.length, 2);
    assert.ok(body.events.some(({ type }: { type: string }) => type === 'suppression.created'));
    const nobody = (await agent.call('GET', '/v1/contacts/nobody@example.com/export')).body;
    assert.deepEqual([nobody.messages, nobody.suppressions, nobody.events], [[], [], []]);
  });

  it('is erased everywhere by a person who says why, and stays blocked without being named', async () => {
    const { id, agent, person } = await makeTenant(gateway);
    const { alone, shared } = await makePast(agent.call, agent.key, gateway);
    await agent.call('PUT', '/v1/contacts/jim.bob.builder@example.com', { opportunity: true });
    const bot = await agent.call('POST', `/v1/contacts/${BOB}/erase`, { note: 'he asked' });
    assert.deepEqual([bot.status, bot.body.code], [403, 'human_decision_required']);
    assert.equal((await person.call('POST', `/v1/contacts/${BOB}/erase`)).status, 403);

    const erased = await person.call('POST', `/v1/contacts/${BOB}/erase`, { note: 'request 7' });
    assert.equal(erased.status, 200, JSON.stringify(erased.body));
    const { messages_removed: removed, messages_stripped: stripped, messages_open: open } = erased.body;
    assert.deepEqual([removed, stripped, open], [3, 1, 0]);

    assert.equal((await agent.call('GET', `/v1/messages/${alone}`)).status, 404);
    const both = (await agent.call('GET', `/v1/messages/${shared}`)).body;
    assert.deepEqual(
      both.recipients.map(({ email, status }: { email: string; status: string }) => [email, status]),
      [
        ['erased@erased.invalid', both.recipients[0].status],
        ['eve@example.com', 'delivered'],
      ],
    );
    for (const path of [
      '/v1/messages',
      '/v1/events?limit=1000',
      '/v1/sink',
      '/v1/suppressions',
      '/v1/contacts',
      '/v1/leases',
      '/v1/audit',
    ]) {
      const { status, body } = await agent.call('GET', path);
      assert.equal(status, 200);
      assert.ok(!namesAddress(JSON.stringify(body), BOB), path);
    }
    const { data, last_seq: last } = (await agent.call('GET', '/v1/events?limit=1000')).body;
    assert.equal(data.length, last, 'numbers have no gaps');

    const refused = await hello(agent.call, BOB);
    assert.deepEqual([refused.status, refused.body.code], [422, 'suppressed']);
    assert.equal(refused.body.reasons[0].evidence.suppression_reason, 'legal_request');
    assert.equal((await agent.call('GET', `/v1/suppressions/check?email=${BOB}`)).body.suppressed, true);
    assert.equal((await hello(agent.call, 'builder@example.com')).status, 202);
    const [suppression] = (await agent.call('GET', '/v1/suppressions')).body.data;
    assert.equal(suppression.email, null);
    assert.match(suppression.hash, /^hmac-sha256:[0-9a-f]{64}$/);
    const [audit] = (await operator('GET', '/v1/audit', undefined, { 'x-tenant': id, 'x-mode': 'test' })).body.data;
    assert.deepEqual(
      [audit.action, audit.actor, audit.note, audit.target],
      ['contact.erased', 'Dana', 'request 7', suppression.hash],
    );
    assert.equal((await agent.call('GET', '/v1/contacts/jim.bob.builder@example.com')).body.opportunity, true);

    const lift = (call: Call) => call('DELETE', `/v1/suppressions/${suppression.id}?note=error`);
    assert.equal((await lift(person.call)).status, 403, 'the operator alone lifts it');
    const byOperator = await operator('DELETE', `/v1/suppressions/${suppression.id}?note=error`, undefined, {
      'x-tenant': id,
      'x-mode': 'test',
    });
    assert.equal(byOperator.status, 200, JSON.stringify(byOperator.body));
    assert.equal((await hello(agent.call, BOB)).status, 202);
  });

  it('is blocked after a restart too, and stands in no file of the data once these were rewritten', async () => {
    const { agent, person } = await makeTenant(gateway);
    const zoe = 'zoe.erasable@example.com';
    await hello(agent.call, zoe);
    await captured(gateway, 1, { key: agent.key });
    const erased = await person.call('POST', `/v1/contacts/${zoe}/erase`, { note: 'request 8' });
    assert.equal(erased.status, 200);
    await gateway.stop();
    execFileSync(process.execPath, [
      '-e',
      `const { DatabaseSync } = require('node:sqlite'); new DatabaseSync(process.argv[1]).exec('VACUUM')`,
      join(directory, 'postern.db'),
    ]);
    assert.deepEqual(filesWith(directory, zoe), []);
    gateway = await startTestGateway({ POSTERN_DATA_DIR: directory });
    operator = asOperator(gateway);
    const refused = await gateway.fetchJson(
      'POST',
      '/v1/messages',
      { to: zoe, subject: 'x', text: 'x' },
      { key: agent.key },
    );
    assert.deepEqual([refused.status, refused.body.code], [422, 'suppressed']);
  });
});

describe('an address in a text', () => {
  it('is found as a whole and not as a part of a longer one', () => {
    for (const text of [
      '<bob@x.example>',
      '"BOB@x.example"',
      'to bob@x.example.',
      'bob@x.example',
      'a@b bob@x.example,',
    ]) {
      assert.equal(namesAddress(text, 'bob@x.example'), true, text);
    }
    for (const text of [
      'jim.bob@x.example',
      'jimbob@x.example',
      'bob@x.example.com',
      'bob@x.examples',
      'bob@y.example',
      '',
    ]) {
      assert.equal(namesAddress(text, 'bob@x.example'), false, text);
    }
  });
});
