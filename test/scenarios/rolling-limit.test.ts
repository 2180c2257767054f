import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { later, moveClock, send, setPolicy } from '../harness/test-mode.ts';

const DAY_MS = 86_400_000;
let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  await setPolicy(gateway, { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 5 }] });
});
after(() => gateway.stop());

test('a rolling limit of five refuses the sixth send until the first is a day old, to the second', async () => {
  const first = '2027-03-01T09:00:00.000Z';
  await moveClock(gateway, { now: first });
  for (let n = 1; n <= 5; n += 1) {
    const sent = await send(gateway, { to: `p${n}@example.com` });
    assert.equal(sent.status, 202);
    assert.equal(sent.body.created_at, later(first, (n - 1) * 60_000));
    assert.equal(sent.headers.get('ratelimit-policy'), '"daily";q=5;w=86400');
    assert.equal(sent.headers.get('ratelimit'), `"daily";r=${5 - n};t=${86_400 - (n - 1) * 60}`);
    assert.equal(sent.headers.get('x-quota-remaining'), String(5 - n));
    assert.equal(sent.headers.get('x-quota-reset'), '2027-03-02T09:00:00Z');
    await moveClock(gateway, { advance: 'PT1M' });
  }

  const refused = await send(gateway);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'daily_quota_exceeded');
  assert.equal(refused.body.retryable, true);
  assert.equal(refused.body.clears.at, later(first, DAY_MS));
  assert.equal(refused.body.retry_at, later(first, DAY_MS));
  assert.equal(refused.headers.get('retry-after'), String(86_400 - 5 * 60));
  assert.equal(refused.headers.get('ratelimit'), `"daily";r=0;t=${86_400 - 5 * 60}`);
  assert.equal(refused.body.limits[0].used, 5);

  await moveClock(gateway, { now: later(first, DAY_MS - 1000) });
  const early = await send(gateway);
  assert.equal(early.status, 429, 'one second before');
  assert.equal(early.headers.get('retry-after'), '1');

  await moveClock(gateway, { now: later(first, DAY_MS) });
  assert.equal((await send(gateway)).status, 202, 'at the second it clears');
  const again = await send(gateway);
  assert.equal(again.status, 429, 'the second place frees a minute later');
  assert.equal(again.body.clears.at, later(first, DAY_MS + 60_000));
});
