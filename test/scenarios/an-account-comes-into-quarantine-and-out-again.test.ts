/**
 * The story of the add-on developer: he sends the same short message to one person again and again, is warned, comes into
 * quarantine, appeals, and is released on probation by the operator.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, caller, eventsOf } from '../harness/tenants.ts';

const DAILY = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 400 };

describe('a fresh account that sends the same short message to one person', () => {
  let gateway: TestGateway;
  let call: Call;
  let operator: Call;
  let tenantNo: number;
  const answers: Answer[] = [];
  let quarantine: string;
  let lastAccepted: string;

  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    operator = asOperator(gateway);
    call = caller(gateway, gateway.liveKey).call;
    tenantNo = (await gateway.gateway.store.tenantById({ id: gateway.tenantId }))!.no;
    const set = await operator('PUT', `/v1/tenants/${gateway.tenantId}/policy`, { limits: [DAILY] });
    assert.equal(set.status, 200, JSON.stringify(set.body));
  });
  after(() => gateway.stop());

  const send = (n: number): Promise<Answer> =>
    call('POST', '/v1/messages', { to: 'bob@example.com', subject: 'Test', text: `test ${n}` });
  const level = (answer: Answer): string | null => answer.headers.get('x-risk-level');

  test('sees headroom with every answer, a warning not before the fourth, the quarantine not before the eighth', async () => {
    for (let n = 1; n <= 20 && answers.at(-1)?.status !== 403; n += 1) {
      const answer = await send(n);
      answers.push(answer);
      assert.ok(answer.headers.get('ratelimit')?.startsWith('"daily";r='), `answer ${n}`);
      assert.ok(answer.body.limits.length > 0);
      assert.equal(answer.body.risk.level, level(answer));
    }
    const warned = answers.findIndex(({ body }) =>
      body.warnings?.some((one: { code: string }) => one.code === 'quarantine_approaching'),
    );
    const stopped = answers.findIndex(({ status }) => status === 403);
    assert.ok(warned >= 3, `warned with send ${warned + 1}`);
    assert.ok(stopped >= 7, `stopped at send ${stopped + 1}`);
    assert.ok(stopped - warned >= 3, 'at least two more were accepted after the first warning');
    lastAccepted = answers[stopped - 1]!.body.id;
    const { body } = answers[warned]!;
    const warning = body.warnings.find((one: { code: string }) => one.code === 'quarantine_approaching');
    assert.ok(warning.score >= 60 && warning.threshold === 100);
    assert.ok(warning.signals.some((one: { name: string }) => one.name === 'recipient_repeats'));
    assert.ok(warning.fix.length > 0 && warning.falls_by.length > 0);
    assert.ok(['elevated', 'high'].includes(level(answers[warned]!)!));
  });

  test('is told why, for what, and who lifts it', async () => {
    const { status, body, headers } = answers.at(-1)!;
    assert.equal(status, 403);
    assert.equal(body.code, 'account_quarantined');
    assert.equal(body.retryable, false);
    assert.deepEqual(body.clears, { by: ['operator'], at: null });
    assert.deepEqual(body.reasons[0].scope, { kind: 'tenant', id: gateway.tenantId });
    assert.ok(body.reasons[0].evidence.signals.length > 0);
    assert.equal(body.risk.level, 'quarantined');
    assert.equal(headers.get('x-risk-level'), 'quarantined');
    assert.ok(body.message_id.startsWith('msg_'));
    const risk = await call('GET', '/v1/risk');
    assert.equal(risk.body.level, 'quarantined');
    assert.equal(risk.headers.get('x-risk-level'), 'quarantined');
  });

  test('has its unsent mail held', async () => {
    const { body } = await call('GET', `/v1/messages/${lastAccepted}`);
    assert.equal(body.status, 'held');
    assert.equal(body.recipients[0].reasons[0].code, 'quarantine_hold');
    assert.equal(await gateway.gateway.store.claim({ most: 10, live: true }).then((claimed) => claimed.length), 0);
  });

  test('sees its quarantine with the evidence frozen', async () => {
    const { body } = await call('GET', '/v1/quarantine');
    assert.equal(body.state, 'active');
    assert.equal(body.appeal, null);
    assert.equal(body.release_at, null);
    assert.equal(body.evidence.set_by, 'score');
    assert.ok(body.evidence.score >= body.evidence.threshold);
    assert.equal(body.evidence.figures.account_age_days, 0);
    assert.ok(body.evidence.figures.accepted_last_hour >= 7);
    assert.equal(body.evidence.sample_message_ids[0], lastAccepted);
    quarantine = body.id;
  });

  test('may appeal once at a time, about a message it was given the id of', async () => {
    const appeal = { statement: 'A loop in a test; fixed.', message_id: lastAccepted };
    const unknown = await call('POST', '/v1/quarantine/appeals', {
      ...appeal,
      message_id: 'msg_01jb2m3n4p5q6r7s8t9v0w1x2y',
    });
    assert.equal(unknown.status, 404);
    const filed = await call('POST', '/v1/quarantine/appeals', appeal);
    assert.equal(filed.status, 201, JSON.stringify(filed.body));
    assert.equal(filed.body.message_id, lastAccepted);
    assert.equal(filed.body.account.id, gateway.tenantId);
    assert.equal(filed.body.last_refused_message_id, answers.at(-1)!.body.message_id);
    assert.match(filed.body.content_hash, /^[0-9a-f]{64}$/);
    const again = await call('POST', '/v1/quarantine/appeals', appeal);
    assert.equal(again.status, 409);
    assert.equal(again.body.code, 'state_conflict');
    assert.equal((await call('GET', '/v1/quarantine')).body.state, 'under_review');
    assert.equal((await send(99)).status, 403);
  });

  test('stands in the operator’s queue with evidence and sample messages', async () => {
    const { body } = await operator('GET', '/v1/quarantines');
    assert.deepEqual(
      body.data.map((one: { id: string }) => one.id),
      [quarantine],
    );
    assert.equal(body.data[0].tenant.id, gateway.tenantId);
    assert.equal(body.data[0].appeal.statement, 'A loop in a test; fixed.');
    const one = (await operator('GET', `/v1/quarantines/${quarantine}`)).body;
    assert.equal(one.sample_messages[0].id, lastAccepted);
    assert.match(one.sample_messages[0].excerpt, /^test \d+$/);
    assert.equal(one.sample_messages[0].recipients[0].status, 'held');
  });

  test('is released on probation: sending resumes with smaller limits, and held mail goes out', async () => {
    const release = { note: 'A mistake, explained.', probation: { factor: 0.25, days: 7 }, held: 'send' };
    const released = await operator('POST', `/v1/quarantines/${quarantine}/release`, release);
    assert.equal(released.status, 200, JSON.stringify(released.body));
    assert.equal(released.body.state, 'probation');
    assert.equal(released.body.appeal.state, 'released');
    const own = (await call('GET', '/v1/quarantine')).body;
    assert.equal(own.state, 'probation');
    assert.equal(own.decision.note, 'A mistake, explained.');
    const sent = await call('POST', '/v1/messages', {
      to: 'eve@example.com',
      subject: 'Your quote',
      text: 'Here is the quote that you asked for.',
    });
    assert.equal(sent.status, 202, JSON.stringify(sent.body));
    assert.equal(sent.body.limits[0].limit, 100);
    assert.equal(sent.body.limits[0].full_limit, 400);
    assert.equal(sent.body.risk.level, 'normal');
    assert.equal((await call('GET', '/v1/limits')).body.data[0].limit, 100);
    const message = (await call('GET', `/v1/messages/${lastAccepted}`)).body;
    assert.equal(message.status, 'accepted');
    const due = await gateway.gateway.store.claim({ most: 50, live: true });
    assert.ok(due.some(({ messageId }) => messageId === lastAccepted));
  });

  test('finds every step in the audit log and in the events, each once', async () => {
    const { body } = await call('GET', '/v1/audit');
    const actions = body.data
      .map((one: { action: string }) => one.action)
      .filter((one: string) => one.startsWith('quarantine.'));
    assert.deepEqual(actions.reverse(), ['quarantine.entered', 'quarantine.appealed', 'quarantine.released']);
    const steps = (await eventsOf(gateway, tenantNo, 'live')).filter(({ type }) => type.startsWith('account.'));
    assert.deepEqual(
      steps.map(({ type }) => type),
      ['account.risk_elevated', 'account.quarantined', 'account.quarantine_appealed', 'account.quarantine_released'],
    );
    const shown = (await call('GET', '/v1/events?types=account.risk_elevated,account.quarantine_released')).body.data;
    assert.equal(shown[0].data.warn_at, 60);
    assert.equal(shown[0].data.threshold, 100);
    const { until } = (await call('GET', '/v1/quarantine')).body.probation;
    assert.deepEqual(shown[1].data.probation, { factor: 0.25, days: 7, until_at: until });
  });

  test('has harmed nothing by the same on its test key, and the other way round', async () => {
    const test = (await gateway.fetchJson('GET', '/v1/risk')).body;
    assert.equal(test.level, 'normal');
    for (let n = 1; n <= answers.length; n += 1) {
      await gateway.fetchJson('POST', '/v1/messages', { to: 'bob@example.com', subject: 'Test', text: `test ${n}` });
    }
    assert.equal((await gateway.fetchJson('GET', '/v1/quarantine')).body.state, 'active');
    assert.equal((await call('GET', '/v1/quarantine')).body.state, 'probation');
    assert.equal((await call('GET', '/v1/risk')).body.level, 'normal');
    assert.equal((await gateway.fetchJson('POST', '/v1/test/reset')).status, 200);
    assert.equal((await gateway.fetchJson('GET', '/v1/quarantine')).body.state, 'none');
    assert.equal((await gateway.fetchJson('GET', '/v1/risk')).body.score < 60, true);
  });
});
