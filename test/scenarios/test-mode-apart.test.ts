import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { moveClock, send, setPolicy } from '../harness/test-mode.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  const limits = [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 10 } as const];
  for (const mode of ['live', 'test'] as const) await setPolicy(gateway, { limits, cooldown: { seconds: 600 } }, mode);
});
after(() => gateway.stop());

function liveEvents(): number {
  const db = new DatabaseSync(join(gateway.directory, 'postern.db'), { readOnly: true });
  const { n } = db.prepare('SELECT count(*) AS n FROM event WHERE space = 2').get() as { n: number };
  db.close();
  return n;
}

test('nothing done in test mode uses up a live limit, starts a live cooldown or writes a live event', async () => {
  const events = liveEvents();
  await moveClock(gateway, { advance: 'P40D' });
  for (let n = 0; n < 10; n += 1) assert.equal((await send(gateway, { to: `p${n}@example.com` })).status, 202);
  assert.equal((await send(gateway)).status, 429);
  assert.equal(liveEvents(), events);

  const live = await send(gateway, { to: 'p0@example.com' }, { key: gateway.liveKey });
  assert.equal(live.status, 202);
  assert.equal(live.body.limits[0].used, 1);
  assert.ok(Math.abs(Date.parse(live.body.created_at) - Date.now()) < 60_000, 'live time is real time');
  const first = await send(
    gateway,
    { to: 'x@example.com' },
    { key: gateway.liveKey, headers: { 'idempotency-key': 'k' } },
  );
  const inTest = await gateway.fetchJson('GET', '/v1/test/clock');
  assert.equal(inTest.body.frozen, true);
  await gateway.fetchJson('DELETE', '/v1/test/clock');
  const other = await send(gateway, { to: 'x@example.com' }, { headers: { 'idempotency-key': 'k' } });
  assert.equal(other.status, 202);
  assert.notEqual(other.body.id, first.body.id, 'keys of one mode are unknown to the other');
});
