import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { moveClock, send, setPolicy } from '../harness/test-mode.ts';

const RUSH = 200;
let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  await setPolicy(gateway, { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 10 }] });
});
after(() => gateway.stop());

test('two hundred sends at once against the last unit of a limit accept exactly one', async () => {
  await moveClock(gateway, { advance: 'PT0S' });
  for (let n = 0; n < 9; n += 1) assert.equal((await send(gateway, { to: `first${n}@example.com` })).status, 202);
  const answers = await Promise.all(
    Array.from({ length: RUSH }, (_, n) => send(gateway, { to: `rush${n}@example.com` })),
  );
  const accepted = answers.filter(({ status }) => status === 202);
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(accepted.length, 1);
  assert.equal(refused.length, RUSH - 1);
  assert.ok(refused.every(({ body }) => body.code === 'daily_quota_exceeded' && body.limits[0].used === 10));

  // The refused ones took nothing: a day later ten places are free, not one fewer.
  await moveClock(gateway, { advance: 'P1D' });
  for (let n = 0; n < 10; n += 1) assert.equal((await send(gateway, { to: `next${n}@example.com` })).status, 202);
  assert.equal((await send(gateway)).status, 429);
});
