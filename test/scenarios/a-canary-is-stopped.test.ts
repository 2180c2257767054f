import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

let gateway: TestGateway;
let tenant: TestTenant;
before(async () => {
  gateway = await startTestGateway();
  tenant = await makeTenant(gateway);
});
after(() => gateway.stop());

const send = (more: Record<string, unknown>, call = tenant.agent.call) =>
  call('POST', '/v1/messages', mail('a@one.example', more));

test('a message that holds a canary is refused from the moment the canary is made, and the secret is not repeated', async () => {
  assert.equal((await send({})).status, 202);
  const made = await tenant.agent.call('POST', '/v1/canaries', { label: 'crm-context' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { id, marker } = made.body;
  assert.ok(marker.length >= 12);
  const robot = await makeTestKey(gateway, tenant.id, { scopes: ['send', 'read', 'manage'], agent: 'outreach-1' });
  const leaked = await send({ text: `My notes say: ${marker.toLowerCase().split('').join(' ')}.` }, robot.call);
  assert.equal(leaked.status, 422);
  assert.equal(leaked.body.code, 'canary_leaked');
  const { evidence } = leaked.body.reasons[0];
  assert.deepEqual(evidence, { canary: 'crm-context', part: 'text', agent: 'outreach-1' });
  assert.ok(!JSON.stringify(leaked.body).includes(marker));
  assert.equal((await send({})).status, 202, 'other messages go through');
  const checked = await tenant.agent.call('POST', '/v1/messages/check', mail('a@one.example', { subject: marker }));
  assert.equal(checked.body.recipients[0].reasons[0].code, 'canary_leaked');
  const batch = await tenant.agent.call('POST', '/v1/messages/batch', {
    messages: [
      mail('b@one.example'),
      mail('b@one.example', { html: `<p>${Buffer.from(`x${marker}`).toString('base64')}</p>` }),
    ],
  });
  assert.deepEqual(
    batch.body.results.map(({ status }: { status: number }) => status),
    [202, 422],
  );
  const shown = await tenant.agent.call('GET', `/v1/canaries/${id}`);
  assert.ok(!JSON.stringify(shown.body).includes(marker), 'nobody is shown the marker again');
  const { body: list } = await tenant.agent.call('GET', '/v1/canaries');
  assert.deepEqual(
    list.data.map(({ label }: { label: string }) => label),
    ['crm-context'],
  );
  const verdict = (await tenant.agent.call('GET', `/v1/messages/${leaked.body.message_id}/verdict`)).body;
  assert.equal(verdict.reproduced, true);
});

test('a canary is removed by a person alone, and its marker may be sent from then on', async () => {
  const made = await tenant.agent.call('POST', '/v1/canaries', { label: 'plan', marker: 'the secret roadmap' });
  const { id } = made.body;
  assert.equal((await send({ text: 'TheSecretRoadmap' })).body.code, 'canary_leaked');
  const refused = await tenant.agent.call('DELETE', `/v1/canaries/${id}`, { note: 'no need' });
  assert.equal(refused.body.code, 'human_decision_required');
  assert.equal((await send({ text: 'The secret roadmap' })).body.code, 'canary_leaked');
  const gone = await tenant.person.call('DELETE', `/v1/canaries/${id}`, { note: 'published' });
  assert.equal(gone.status, 200);
  assert.equal((await send({ text: 'The secret roadmap' })).status, 202);
  assert.equal((await tenant.person.call('DELETE', `/v1/canaries/${id}`, { note: 'again' })).status, 404);
});

test('what is wrong with a canary is said, and labels are not shared', async () => {
  const make = (body: unknown) => tenant.agent.call('POST', '/v1/canaries', body);
  assert.equal((await make({})).status, 422);
  assert.equal((await make({ label: 'short', marker: 'too short' })).status, 422);
  const blank = await make({ label: 'blank', marker: 'a               b' });
  assert.equal(blank.status, 422);
  assert.equal(blank.body.errors[0].param, 'marker');
  assert.equal((await make({ label: 'one' })).status, 201);
  assert.equal((await make({ label: 'one' })).body.code, 'state_conflict');
});

test('markers of the policy are canaries too, each tenant and mode has its own', async () => {
  const other = await makeTenant(gateway);
  const put = await other.agent.call('PUT', '/v1/policy', { content: { canaries: ['zebra-crossing-17'] } });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const text = 'On the Zebra- Crossing-17.';
  const leaked = await send({ text }, other.agent.call);
  assert.equal(leaked.body.code, 'canary_leaked');
  assert.equal(leaked.body.reasons[0].evidence.canary, 'content.canaries[0]');
  assert.equal((await send({ text })).status, 202);
  const cleared = await other.person.call('PUT', '/v1/policy?note=done', {});
  assert.equal(cleared.status, 200, JSON.stringify(cleared.body));
  assert.equal((await send({ text }, other.agent.call)).status, 202);
});
