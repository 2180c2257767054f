import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { makeTenant, type TestTenant } from '../harness/tenants.ts';

const BAD = '<p>Your account is locked.</p><a href="https://evil.example/x">https://www.paypal.com/login</a>';
const DOUBTFUL = 'All about it: https://bit.ly/3abcde';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const send = (tenant: TestTenant, more: Record<string, unknown>) =>
  tenant.agent.call('POST', '/v1/messages', mail('a@one.example', more));

test('content that deceives is refused, with what was found and where', async () => {
  const tenant = await makeTenant(gateway);
  const refused = await send(tenant, { html: BAD });
  assert.equal(refused.status, 422);
  assert.equal(refused.body.code, 'content_rejected');
  assert.deepEqual(refused.body.reasons[0].evidence, {
    found: [{ name: 'brand_link_mismatch', where: 'html', weight: 10 }],
    score: 10,
    threshold: 10,
  });
  assert.equal((await send(tenant, { html: BAD.replace('www.paypal.com/login', 'evil.example') })).status, 202);
  const verdict = (await tenant.agent.call('GET', `/v1/messages/${refused.body.message_id}/verdict`)).body;
  assert.equal(verdict.reproduced, true);
});

test('doubtful content goes through with a warning', async () => {
  const tenant = await makeTenant(gateway);
  const sent = await send(tenant, { text: DOUBTFUL });
  assert.equal(sent.status, 202);
  const warning = sent.body.warnings.find(({ code }: { code: string }) => code === 'content_warning');
  assert.deepEqual(warning.found, [{ name: 'link_shortener', where: 'text', weight: 3 }]);
  assert.deepEqual((await send(tenant, {})).body.warnings, []);
});

test('where the policy wants a review, suspicious content is held until a person has looked at it', async () => {
  const tenant = await makeTenant(gateway);
  await tenant.agent.call('PUT', '/v1/policy', { content: { review: 'suspicious' } });
  assert.equal((await send(tenant, {})).body.status, 'accepted');
  const held = await send(tenant, { text: DOUBTFUL });
  assert.equal(held.body.status, 'held');
  const [reason] = held.body.recipients[0].reasons;
  assert.equal(reason.code, 'content_review_required');
  assert.deepEqual(
    reason.evidence.found.map(({ name }: { name: string }) => name),
    ['link_shortener'],
  );
  const { approval_id: id } = reason.evidence;
  const shown = (await tenant.person.call('GET', `/v1/approvals/${id}`)).body;
  assert.deepEqual(shown.reasons, ['content_review_required']);
  assert.equal(shown.message.text, DOUBTFUL);
  const refused = await tenant.agent.call('POST', `/v1/approvals/${id}/approve`, { note: 'ok' });
  assert.equal(refused.body.code, 'human_decision_required');
  assert.equal((await tenant.person.call('POST', `/v1/approvals/${id}/approve`, { note: 'ok' })).status, 200);
  await tenant.agent.call('GET', `/v1/events?wait=5&types=message.delivered&after_seq=5`);
  const message = (await tenant.agent.call('GET', `/v1/messages/${held.body.id}`)).body;
  assert.ok(['accepted', 'sending', 'delivered'].includes(message.status), message.status);
});

test('one approval is asked for where both an approval and a review are needed', async () => {
  const tenant = await makeTenant(gateway);
  await tenant.agent.call('PUT', '/v1/policy', { content: { review: 'always' }, approvals: { mode: 'all' } });
  const held = await send(tenant, {});
  assert.deepEqual(
    held.body.recipients[0].reasons.map(({ code }: { code: string }) => code),
    ['approval_required', 'content_review_required'],
  );
  const { data } = (await tenant.person.call('GET', '/v1/approvals?state=pending')).body;
  assert.equal(data.length, 1);
  assert.deepEqual(data[0].reasons, ['approval_required', 'content_review_required']);
});

test('a held message that is changed for the worse is refused, and stays as it was', async () => {
  const tenant = await makeTenant(gateway);
  await tenant.agent.call('PUT', '/v1/policy', { approvals: { mode: 'all' } });
  const { id } = (await send(tenant, { html: '<p>Hello</p>' })).body;
  const changed = await tenant.agent.call('PATCH', `/v1/messages/${id}`, { html: BAD });
  assert.equal(changed.status, 422);
  assert.equal(changed.body.code, 'content_rejected');
  const { marker } = (await tenant.agent.call('POST', '/v1/canaries', { label: 'x' })).body;
  const leaked = await tenant.agent.call('PATCH', `/v1/messages/${id}`, { text: marker });
  assert.equal(leaked.body.code, 'canary_leaked');
  const [approval] = (await tenant.person.call('GET', '/v1/approvals?state=pending')).body.data;
  const whole = (await tenant.person.call('GET', `/v1/approvals/${approval.id}`)).body;
  assert.equal(whole.message.html, '<p>Hello</p>');
});
