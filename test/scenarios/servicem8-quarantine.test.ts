/** The story behind 440: an add-on sends the same again and again, is warned, is stopped for mail and text messages alike, appeals. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, caller } from '../harness/tenants.ts';

const EMAIL = '/compat/servicem8/platform_service_email';
const TEXT = '/compat/servicem8/platform_service_sms';
const DAILY = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 400 };
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('an add-on that sends the same short message to one person', () => {
  let gateway: TestGateway;
  let call: Call;
  let operator: Call;
  const answers: Answer[] = [];

  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    operator = asOperator(gateway);
    call = caller(gateway, gateway.liveKey).call;
    const set = await operator('PUT', `/v1/tenants/${gateway.tenantId}/policy`, { limits: [DAILY] });
    assert.equal(set.status, 200, JSON.stringify(set.body));
  });
  after(() => gateway.stop());

  const send = (n: number): Promise<Answer> =>
    call('POST', EMAIL, { to: 'bob@example.com', subject: 'Test', textBody: `test ${n}` });

  test('is warned before it is stopped with 440', async () => {
    for (let n = 1; n <= 20 && answers.at(-1)?.status !== 400; n += 1) answers.push(await send(n));
    const warned = answers.findIndex(({ body }) =>
      body.warnings.some((one: { code: string }) => one.code === 'quarantine_approaching'),
    );
    const stopped = answers.findIndex(({ status }) => status === 400);
    assert.ok(warned >= 3 && stopped - warned >= 3, `warned with ${warned + 1}, stopped with ${stopped + 1}`);
    assert.equal(answers[warned]!.body.errorCode, 0);
    assert.ok(['elevated', 'high'].includes(answers[warned]!.headers.get('x-risk-level') ?? ''));
    const { body, headers } = answers[stopped]!;
    assert.equal(body.errorCode, 440);
    assert.equal(body.message, 'Sending Email rejected due to Account in Quarantine');
    assert.match(body.messageID, UUID);
    assert.match(body.submittedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
    assert.deepEqual(body.clears, { by: ['operator'], at: null });
    assert.ok(body.evidence.signals.length > 0);
    assert.match(body.customer_message, /review/);
    assert.equal(headers.get('x-postern-reason'), 'account_quarantined');
    assert.equal(headers.get('x-sm8-quota-limit'), '400');
    // What had not left is held, and holds no place.
    assert.equal(headers.get('x-sm8-quota-remaining'), '400');
  });

  test('is refused text messages alike, whose quota nothing has touched', async () => {
    const { status, body, headers } = await call('POST', TEXT, { to: '+61400000001', message: 'On my way.' });
    assert.deepEqual([status, body.errorCode], [400, 440]);
    assert.match(body.messageID, UUID);
    assert.equal(headers.get('x-sm8-quota-remaining'), '400');
  });

  test('appeals with the messageID that it was given, is released, and sends on', async () => {
    const { messageID } = answers.at(-1)!.body;
    const filed = await call('POST', '/v1/quarantine/appeals', { statement: 'A loop; fixed.', message_id: messageID });
    assert.equal(filed.status, 201, JSON.stringify(filed.body));
    const found = await call('GET', `/v1/messages/${messageID}`);
    assert.equal(found.body.id, filed.body.message_id);
    assert.equal(found.body.recipients[0].reasons[0].code, 'account_quarantined');
    const released = await operator('POST', `/v1/quarantines/${filed.body.quarantine_id}/release`, {
      note: 'A bug, mended.',
      held: 'drop',
    });
    assert.equal(released.status, 200, JSON.stringify(released.body));
    const text = await call('POST', TEXT, { to: '+61400000001', message: 'On my way.' });
    assert.deepEqual([text.status, text.body.errorCode], [200, 0], JSON.stringify(text.body));
  });
});
