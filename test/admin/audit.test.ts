import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, hello, makeTenant, makeTestKey } from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

describe('the audit log', () => {
  it('names the agent that acted, by its key or by what it said', async () => {
    const { id, agent } = await makeTenant(gateway, { name: 'agents' });
    const bound = await makeTestKey(gateway, id, { scopes: ['manage'], name: 'bound', agent: 'outreach-1' });
    const suppress = (call: Call, email: string, headers = {}) =>
      call('POST', '/v1/suppressions', { email, reason: 'manual_dnc' }, headers);
    await suppress(bound.call, 'a@example.com', { 'x-agent-id': 'somebody-else' });
    await suppress(agent.call, 'b@example.com', { 'x-agent-id': 'desk-2' });
    await suppress(agent.call, 'c@example.com');
    const { body } = await agent.call('GET', '/v1/audit?action=suppression.added');
    const rows = body.data.map(({ actor, agent: name, after }: Record<string, unknown>) => [
      (after as { address: string }).address,
      actor,
      name,
    ]);
    assert.deepEqual(rows, [
      ['c@example.com', 'robot', null],
      ['b@example.com', 'robot', 'desk-2'],
      ['a@example.com', 'bound', 'outreach-1'],
    ]);
  });

  it('has every change of a setting with who, from what, to what and why', async () => {
    const { id, agent, person } = await makeTenant(gateway, { name: 'logged' });
    const as = { 'x-tenant': id, 'x-mode': 'test' };
    await operator('PATCH', `/v1/tenants/${id}`, { trial_ends_at: '2027-01-01T00:00:00Z', note: 'longer' });
    await person.call('PUT', '/v1/policy', { cooldown: { seconds: 60 } });
    await agent.call('PUT', '/v1/contacts/bob@example.com', { do_not_contact: { note: 'asked' } });
    const identity = await agent.call('POST', '/v1/identities', { handle: 'alice', from: 'alice@acme.example' });
    const key = await makeTestKey(gateway, id, { scopes: ['read'], name: 'reader' });
    await operator('DELETE', `/v1/tenants/${id}/keys/${key.id}`);
    const { body } = await operator('GET', '/v1/audit?limit=200', undefined, as);
    const find = (action: string) => body.data.find((row: { action: string }) => row.action === action);
    assert.deepEqual(find('tenant.created').after.name, 'logged');
    assert.deepEqual(find('tenant.created').actor_id, 'operator');
    const changed = find('tenant.changed');
    assert.deepEqual([changed.before.trial_ends_at, changed.after.trial_ends_at], [null, '2027-01-01T00:00:00.000Z']);
    assert.equal(changed.note, 'longer');
    const policy = find('policy.changed');
    assert.deepEqual([policy.actor, policy.before, policy.after], ['Dana', {}, { cooldown: { seconds: 60 } }]);
    const contact = find('contact.changed');
    assert.equal(contact.before.do_not_contact, null);
    assert.match(contact.after.do_not_contact.since, /Z$/);
    assert.deepEqual([contact.actor, contact.actor_id, contact.target], ['robot', agent.id, 'bob@example.com']);
    assert.equal(find('identity.created').target, identity.body.id);
    assert.deepEqual(find('key.revoked').before, { name: 'reader', scopes: ['read'] });
    for (const row of body.data) assert.ok(row.before !== null || row.after !== null, row.action);
  });

  it('is narrowed by action, target, actor and time, page by page', async () => {
    const { agent, person } = await makeTenant(gateway);
    for (const letter of 'abcde') {
      await agent.call('POST', '/v1/suppressions', { email: `${letter}@b.example`, reason: 'manual_dnc' });
    }
    await person.call('PUT', '/v1/policy', { cooldown: { seconds: 60 } });
    await person.call('PUT', '/v1/contacts/a@b.example', { opportunity: true });
    const actions = async (query: string): Promise<string[]> => {
      const { status, body } = await agent.call('GET', `/v1/audit?${query}`);
      assert.equal(status, 200, JSON.stringify(body));
      return body.data.map(({ action }: { action: string }) => action);
    };
    assert.equal((await actions('action=suppression.added')).length, 5);
    assert.equal((await actions('action=suppression.*')).length, 5);
    assert.deepEqual(await actions('action=suppression.removed'), []);
    assert.deepEqual(await actions('target=a@b.example'), ['contact.changed']);
    assert.deepEqual(await actions('actor=Dana'), ['contact.changed', 'policy.changed']);
    assert.deepEqual(await actions(`actor=${person.id}&action=policy.*`), ['policy.changed']);
    assert.deepEqual(await actions('until=2026-01-01T00:00:00Z'), []);
    assert.ok((await actions('since=2026-01-01T00:00:00Z')).length >= 7);
    const first = (await agent.call('GET', '/v1/audit?action=suppression.added&limit=3')).body;
    const second = (await agent.call('GET', `/v1/audit?action=suppression.added&limit=3&cursor=${first.next_cursor}`))
      .body;
    assert.deepEqual([first.data.length, second.data.length, second.next_cursor], [3, 2, null]);
    for (const query of ['action=x', 'since=yesterday', 'mode=test']) {
      assert.equal((await agent.call('GET', `/v1/audit?${query}`)).status, 422, query);
    }
  });
});

describe('usage', () => {
  it('tells sends by reason for every day, and for every hour where asked', async () => {
    const { agent } = await makeTenant(gateway);
    const clock = (body: object) => agent.call('POST', '/v1/test/clock', body);
    const start = new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000).toISOString();
    assert.equal((await clock({ now: start })).status, 200);
    await agent.call('POST', '/v1/suppressions', { email: 'no@b.example', reason: 'manual_dnc' });
    await hello(agent.call, 'a@b.example');
    await clock({ advance: 'PT5H' });
    await hello(agent.call, 'c@b.example');
    await hello(agent.call, 'no@b.example');
    await clock({ advance: 'P1D' });
    await hello(agent.call, 'd@b.example');
    const { body } = await agent.call('GET', '/v1/usage?interval=hour');
    assert.deepEqual([body.accepted, body.blocked, body.by_reason], [3, 1, { suppressed: 1 }]);
    assert.deepEqual(
      body.days.map(({ date, accepted, blocked }: Record<string, unknown>) => [date, accepted, blocked]),
      [
        [start.slice(0, 10), 2, 1],
        [new Date(Date.parse(start) + 86_400_000).toISOString().slice(0, 10), 1, 0],
      ],
    );
    assert.deepEqual(
      body.hours.map(({ hour, accepted, blocked }: Record<string, unknown>) => [hour, accepted, blocked]),
      [
        [start, 1, 0],
        [new Date(Date.parse(start) + 5 * 3_600_000).toISOString(), 1, 1],
        [new Date(Date.parse(start) + 29 * 3_600_000).toISOString(), 1, 0],
      ],
    );
    assert.ok(body.storage.used_bytes > 0);
    assert.equal((await agent.call('GET', '/v1/usage')).body.hours, undefined);
    const long = `/v1/usage?interval=hour&since=${new Date(Date.parse(start) - 40 * 86_400_000).toISOString()}`;
    assert.equal((await agent.call('GET', long)).status, 422);
  });
});
