import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { captured } from '../harness/sink.ts';
import { asOperator, type Call, eventsOf, hello, makeTenant, makeTestKey } from '../harness/tenants.ts';
import { until } from '../harness/until.ts';

describe('an incident of a tenant', () => {
  let gateway: TestGateway;
  let operator: Call;

  before(async () => {
    gateway = await startTestGateway({ POSTERN_OPERATOR_EMAIL: 'ops@gateway.example' });
    operator = asOperator(gateway);
  });
  after(() => gateway.stop());

  const standing = async (id: string) => {
    const { body } = await operator('GET', `/v1/tenants/${id}`);
    return [body.standing, body.standing_by];
  };
  const open = async (id: string, note = 'leaked key') =>
    (await operator('POST', `/v1/tenants/${id}/incidents`, { note })).body;
  const close = (id: string, incident: string, body: object = {}) =>
    operator('POST', `/v1/tenants/${id}/incidents/${incident}/close`, body);

  it('stops sending with the operator as the one who clears it, and closing it lets sending go on', async () => {
    const { id, no, agent, person } = await makeTenant(gateway, { notify: ['dana@acme.example'] });
    const opened = await operator('POST', `/v1/tenants/${id}/incidents`, { note: 'leaked key' });
    assert.deepEqual([opened.status, opened.body.state, opened.body.pauses], [201, 'open', true]);
    const refused = await hello(agent.call);
    assert.deepEqual([refused.status, refused.body.code], [403, 'account_paused']);
    assert.deepEqual(refused.body.clears.by, ['operator']);
    assert.equal(refused.body.reasons[0].evidence.paused_by, 'incident');
    assert.equal((await person.call('POST', '/v1/account/resume', { note: 'please' })).status, 403);

    const closed = await close(id, opened.body.id, { note: 'key replaced' });
    assert.deepEqual([closed.status, closed.body.state, closed.body.closing_note], [200, 'closed', 'key replaced']);
    assert.equal((await hello(agent.call)).status, 202);
    assert.equal((await close(id, opened.body.id)).status, 409);

    const types = (await eventsOf(gateway, no, 'live')).map(({ type }) => type);
    assert.deepEqual(types, ['account.paused', 'account.resumed']);
    const { body } = await operator('GET', '/v1/audit', undefined, { 'x-tenant': id });
    assert.deepEqual(
      body.data.slice(0, 2).map((row: Record<string, unknown>) => [row['action'], row['before'], row['after']]),
      [
        ['incident.closed', { standing: 'paused' }, { standing: 'active' }],
        ['incident.opened', { standing: 'active' }, { standing: 'paused' }],
      ],
    );
    const list = await operator('GET', `/v1/tenants/${id}/incidents`);
    assert.deepEqual(
      list.body.data.map((row: Record<string, unknown>) => row['id']),
      [opened.body.id],
    );
  });

  it('is told by mail to the people of the account and to the operator, beside the account’s own pause and limits', async () => {
    const { id } = await makeTenant(gateway, { notify: ['dana@acme.example'] });
    const limits = [{ name: 'one', scope: 'tenant', window: 'calendar_day', max: 1 }];
    assert.equal((await operator('PUT', `/v1/tenants/${id}/policy`, { limits })).status, 200);
    const key = await makeTestKey(gateway, id, { mode: 'live', scopes: ['read'], name: 'reader' });
    await open(id, 'Someone has the key.');
    await until(async () => (await key.call('GET', '/v1/sink')).body.data.length === 2, 5000, 'the mail of the notice');
    const mails = await captured(gateway, 2, { key: key.key });
    assert.deepEqual(mails.map(({ envelope }) => envelope.to[0]).sort(), ['dana@acme.example', 'ops@gateway.example']);
    const [mail] = mails;
    assert.equal(mail.subject, '[acme] Sending is paused while an incident is looked into');
    assert.match(mail.text, /Someone has the key\./);
    assert.match(mail.text, new RegExp(id));
    const { body } = await operator('GET', '/v1/notices', undefined, { 'x-tenant': id });
    assert.equal(body.data[0].kind, 'incident');
    assert.deepEqual(
      body.data[0].copies.map(({ state }: { state: string }) => state),
      ['sent', 'sent'],
    );
    assert.equal((await key.call('GET', '/v1/notices')).status, 403);
    const usage = await operator('GET', '/v1/usage', undefined, { 'x-tenant': id });
    assert.equal(usage.body.accepted, 0);
  });

  it('gives back a pause that was the tenant’s own', async () => {
    const { id, agent, person } = await makeTenant(gateway, { standing: 'trial' });
    await person.call('POST', '/v1/account/pause', { note: 'holiday' });
    const { id: incident } = await open(id);
    assert.deepEqual(await standing(id), ['paused', 'incident']);
    assert.equal((await person.call('POST', '/v1/account/resume', { note: 'back' })).status, 403);
    await close(id, incident);
    assert.deepEqual(await standing(id), ['paused', 'tenant']);
    assert.equal((await agent.call('POST', '/v1/account/resume')).status, 403, 'a person paused it');
    assert.equal((await person.call('POST', '/v1/account/resume', { note: 'back' })).status, 200);
    assert.deepEqual((await standing(id))[0], 'trial');
  });

  it('resumes with the last of several', async () => {
    const { id } = await makeTenant(gateway);
    const first = await open(id, 'one');
    const second = await open(id, 'two');
    assert.equal(second.pauses, false);
    await close(id, first.id);
    assert.deepEqual(await standing(id), ['paused', 'incident']);
    await close(id, second.id);
    assert.equal((await standing(id))[0], 'active');
  });

  it('changes nothing that the operator has set by hand', async () => {
    const { id } = await makeTenant(gateway, { standing: 'suspended' });
    const { id: incident, pauses } = await open(id);
    assert.equal(pauses, false);
    await close(id, incident);
    assert.equal((await standing(id))[0], 'suspended');
    const other = await makeTenant(gateway);
    const opened = await open(other.id);
    await operator('PATCH', `/v1/tenants/${other.id}`, { standing: 'suspended' });
    await close(other.id, opened.id);
    assert.equal((await standing(other.id))[0], 'suspended');
  });

  it('is the operator’s alone and of existing tenants', async () => {
    const { id, person } = await makeTenant(gateway);
    assert.equal((await person.call('POST', `/v1/tenants/${id}/incidents`, { note: 'x' })).status, 403);
    assert.equal((await operator('POST', '/v1/tenants/ten_none/incidents', { note: 'x' })).status, 404);
    assert.equal((await operator('POST', `/v1/tenants/${id}/incidents`, {})).status, 422);
    assert.equal((await close(id, 'inc_none')).status, 404);
  });
});
