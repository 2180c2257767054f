import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { captured } from '../harness/sink.ts';
import { asOperator, eventsOf, hello, makeTenant, type TestTenant } from '../harness/tenants.ts';
import { until } from '../harness/until.ts';

describe('the operator pauses the platform', () => {
  it('refuses sends on every route and says when to come again, keeps what was accepted, and goes on after a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-pause-'));
    let gateway = await startTestGateway({ POSTERN_DATA_DIR: directory });
    try {
      const tenant = await makeTenant(gateway);
      const soon = new Date(Date.now() + 2500).toISOString();
      const waiting = await hello(tenant.agent.call, 'bob@example.com', { send_at: soon });
      assert.equal(waiting.status, 202);

      const paused = await asOperator(gateway)('POST', '/v1/platform/pause', { note: 'abuse wave' });
      assert.deepEqual([paused.status, paused.body.state, paused.body.note], [200, 'paused', 'abuse wave']);
      await refusesSends(gateway, tenant);
      assert.equal((await asOperator(gateway)('POST', '/v1/platform/pause')).status, 409);

      await gateway.stop();
      gateway = await startTestGateway({ POSTERN_DATA_DIR: directory });
      await refusesSends(gateway, tenant);
      assert.equal((await asOperator(gateway)('GET', '/v1/platform')).body.state, 'paused');
      await until(() => Date.now() > Date.parse(soon) + 300, 5000, 'the time of the message');
      const { call } = tenantOf(gateway, tenant);
      assert.equal((await call('GET', `/v1/messages/${waiting.body.id}`)).body.status, 'scheduled');

      const resumed = await asOperator(gateway)('POST', '/v1/platform/resume', { note: 'over' });
      assert.deepEqual([resumed.status, resumed.body.state], [200, 'running']);
      assert.equal((await asOperator(gateway)('POST', '/v1/platform/resume')).status, 409);
      assert.equal((await hello(call)).status, 202);
      await captured(gateway, 2, { key: tenant.agent.key });

      const types = (await eventsOf(gateway, tenant.no, 'live')).map(({ type }) => type);
      assert.deepEqual(types, ['account.paused', 'account.resumed']);
      const { body } = await asOperator(gateway)('GET', '/v1/audit');
      const rows = body.data.filter(({ target }: { target: string }) => target === 'platform');
      assert.deepEqual(
        rows.map((row: Record<string, unknown>) => [row['action'], row['actor'], row['note']]),
        [
          ['platform.resumed', 'operator', 'over'],
          ['platform.paused', 'operator', 'abuse wave'],
        ],
      );
    } finally {
      await gateway.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('leaves reading and managing as they are, and is the operator’s alone', async () => {
    const gateway = await startTestGateway();
    try {
      const tenant = await makeTenant(gateway);
      assert.equal((await tenant.person.call('POST', '/v1/platform/pause')).status, 403);
      await asOperator(gateway)('POST', '/v1/platform/pause');
      assert.equal((await tenant.agent.call('GET', '/v1/messages')).status, 200);
      const put = await tenant.agent.call('POST', '/v1/suppressions', { email: 'a@b.example', reason: 'manual_dnc' });
      assert.equal(put.status, 201);
    } finally {
      await gateway.stop();
    }
  });
});

function tenantOf(gateway: TestGateway, tenant: TestTenant): { call: TestTenant['agent']['call'] } {
  return {
    call: (method, path, body, headers = {}) =>
      gateway.fetchJson(method, path, body, { key: tenant.agent.key, headers }),
  };
}

async function refusesSends(gateway: TestGateway, tenant: TestTenant): Promise<void> {
  const { call } = tenantOf(gateway, tenant);
  const refused = await hello(call);
  assert.deepEqual([refused.status, refused.body.code], [503, 'service_unavailable']);
  assert.equal(refused.body.reasons[0].evidence.cause, 'platform_paused');
  assert.equal(refused.headers.get('retry-after'), '60');
  assert.equal(refused.body.retryable, true);
  const message = { to: 'bob@example.com', subject: 'Hello', text: 'It works.' };
  assert.equal((await call('POST', '/v1/messages/check', message)).status, 503);
  const batch = await call('POST', '/v1/messages/batch', { messages: [message] });
  assert.deepEqual([batch.status, batch.body.results[0].problem.code], [200, 'service_unavailable']);
}
