/** The addresses that an operator sets for people stand in the answers they are for, and nowhere else. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

const BILLING = 'https://billing.example/account';
const SUPPORT = 'https://support.example';
const MAIL = { to: 'bob@example.com', subject: 'Your quote', text: 'Here is the quote that you asked for.' };

describe('addresses for people', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_BILLING_URL: BILLING, POSTERN_SUPPORT_URL: SUPPORT });
  });
  after(() => gateway.stop());

  async function inStanding(standing: string) {
    const key = gateway.operatorKey;
    const changed = await gateway.fetchJson('PATCH', `/v1/tenants/${gateway.tenantId}`, { standing }, { key });
    assert.equal(changed.status, 200);
    return gateway.fetchJson('POST', '/v1/messages', MAIL);
  }

  test('an unpaid balance says where it is settled', async () => {
    const { status, body } = await inStanding('payment_overdue');
    assert.equal(status, 402);
    assert.equal(body.reasons[0].evidence.standing, 'payment_overdue');
    assert.equal(body.reasons[0].evidence.billing_url, BILLING);
    assert.ok(body.detail.includes(BILLING), body.detail);
  });

  test('the stored verdict says it too, and is decided again to the same', async () => {
    const refused = await inStanding('subscription_expired');
    const looked = await gateway.fetchJson('GET', `/v1/messages/${refused.body.message_id}/verdict`);
    assert.equal(looked.body.recipients[0].reasons[0].evidence.billing_url, BILLING);
    assert.equal(looked.body.reproduced, true);
  });

  test('a reason that nobody pays for has no such address', async () => {
    const { body } = await inStanding('paused');
    assert.equal(body.code, 'account_paused');
    assert.ok(!('billing_url' in body.reasons[0].evidence));
  });

  test('a service that cannot be used says who helps', async () => {
    await inStanding('active');
    const key = gateway.operatorKey;
    const paused = await gateway.fetchJson('POST', '/v1/platform/pause', { note: 'Moving house' }, { key });
    assert.equal(paused.status, 200);
    const { status, body } = await gateway.fetchJson('POST', '/v1/messages', MAIL);
    assert.equal(status, 503);
    assert.equal(body.reasons[0].evidence.support_url, SUPPORT);
    assert.ok(body.detail.includes(SUPPORT), body.detail);
    await gateway.fetchJson('POST', '/v1/platform/resume', { note: 'Done' }, { key });
  });

  test('the facts of a verdict show the score in points', async () => {
    const sent = await gateway.fetchJson('POST', '/v1/messages', MAIL);
    const looked = await gateway.fetchJson('GET', `/v1/messages/${sent.body.id}/verdict`);
    const { risk } = looked.body.recipients[0].facts;
    assert.equal(risk.warn_at, 60);
    assert.equal(risk.threshold, 100);
    assert.equal(Math.floor(risk.score), sent.body.risk.score);
  });
});
