import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startTestGateway } from '../harness/gateway.ts';

test('the example sends once when it asks twice, and is let through when it comes back at the time it was told', async () => {
  const gateway = await startTestGateway();
  const env = { ...process.env, POSTERN_URL: gateway.url, POSTERN_OPERATOR_KEY: gateway.operatorKey };
  const cwd = new URL('../..', import.meta.url).pathname;
  const run = promisify(execFile)(process.execPath, ['examples/mcp.mjs'], { cwd, env, timeout: 90_000 });
  const { stdout } = await run.finally(() => gateway.stop());
  assert.match(stdout, /\nOne message: true\n/);
  const [, time] = /Do not retry before (\S+)\.\n/.exec(stdout) ?? [];
  assert.equal(time, '2027-03-02T09:00:00.000Z');
  assert.equal([...stdout.matchAll(/^Taken on as msg_/gm)].length, 2);
  const refusals = [...stdout.matchAll(/\(isError\) Refused: (\w+)/g)].map(([, code]) => code);
  assert.deepEqual(refusals, ['daily_quota_exceeded', 'suppressed']);
});
