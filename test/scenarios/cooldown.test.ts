import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { later, moveClock, send, setPolicy } from '../harness/test-mode.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  await setPolicy(gateway, { cooldown: { per: 'recipient', seconds: 3600 } });
});
after(() => gateway.stop());

test('a second message to one person waits out the cooldown, to the second, and other people do not', async () => {
  const start = '2027-03-01T09:00:00.000Z';
  await moveClock(gateway, { now: start });
  assert.equal((await send(gateway)).status, 202);
  const refused = await send(gateway);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'cooldown');
  assert.equal(refused.body.clears.at, later(start, 3_600_000));
  assert.equal(refused.headers.get('retry-after'), '3600');
  assert.equal((await send(gateway, { to: 'eve@example.com' })).status, 202);
  await moveClock(gateway, { advance: 'PT59M59S' });
  assert.equal((await send(gateway)).status, 429);
  await moveClock(gateway, { advance: 'PT1S' });
  assert.equal((await send(gateway)).status, 202);
});
