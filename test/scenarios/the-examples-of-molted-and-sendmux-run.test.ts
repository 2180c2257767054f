import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

const root = new URL('../..', import.meta.url).pathname;
let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

async function run(name: string): Promise<string> {
  const env = { ...process.env, POSTERN_URL: gateway.url, POSTERN_OPERATOR_KEY: gateway.operatorKey };
  const { stdout } = await promisify(execFile)(process.execPath, [`examples/${name}.mjs`], {
    ...{ cwd: root, env, timeout: 90_000 },
  });
  return stdout;
}

test('Molted’s shows a trace with each of its eighteen reasons', async () => {
  const told = await run('molted');
  assert.match(told, /18 of Molted's 18 reasons were seen\.\n$/);
  assert.match(told, /"status":"pending_approval"/);
});

test('Sendmux’s shows a mixed batch, a 503, and a key in flight that is 409 at once', async () => {
  const told = await run('sendmux');
  const statuses = [...told.matchAll(/^-> (\d+)$/gm)].map(([, status]) => Number(status));
  assert.deepEqual(statuses, [200, 200, 409, 200, 429, 503, 409, 200]);
  assert.match(told, /"queued": 2,\s+"failed": 3/);
  for (const code of ['idempotency_in_progress', 'no_active_providers', 'daily_limit_exceeded']) {
    assert.ok(told.includes(`"${code}"`), code);
  }
});
