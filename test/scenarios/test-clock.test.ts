import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { later, moveClock, send } from '../harness/test-mode.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const clock = () => gateway.fetchJson('GET', '/v1/test/clock');
const move = (body: unknown) => gateway.fetchJson('POST', '/v1/test/clock', body);

test('the test clock is real time until it is moved, then stands still until it is moved again', async () => {
  const before = await clock();
  assert.equal(before.body.frozen, false);
  assert.ok(Math.abs(Date.parse(before.body.now) - Date.now()) < 60_000);
  const moved = await moveClock(gateway, { advance: 'PT23H' });
  assert.equal(moved.body.frozen, true);
  assert.ok(Date.parse(moved.body.now) - Date.parse(before.body.now) >= 23 * 3_600_000);
  assert.equal((await clock()).body.now, moved.body.now);
  assert.equal((await send(gateway)).body.created_at, moved.body.now);
  assert.equal((await send(gateway)).body.created_at, moved.body.now);
  assert.equal((await moveClock(gateway, { advance: 'P1DT0.5S' })).body.now, later(moved.body.now, 86_400_500));
  const month = Date.parse('2027-01-31T10:00:00Z');
  await moveClock(gateway, { now: new Date(month).toISOString() });
  assert.equal((await moveClock(gateway, { advance: 'P1M' })).body.now, '2027-02-28T10:00:00.000Z');
});

test('the clock goes forward only, and every refused move leaves it where it stands', async () => {
  const stands = (await clock()).body.now;
  const refused = [
    [{ now: later(stands, -1) }, 'now'],
    [{ now: '2300-01-01T00:00:00Z' }, 'now'],
    [{ advance: 'P999Y' }, 'advance'],
    [{ advance: '-PT1H' }, 'advance'],
    [{ advance: 'P' }, 'advance'],
    [{ advance: 'PT' }, 'advance'],
    [{ advance: '23 hours' }, 'advance'],
    [{ now: 'tomorrow' }, 'now'],
    [{ now: stands, advance: 'PT1H' }, 'advance'],
    [{}, 'now'],
    [{ to: stands }, 'to'],
    [{ now: 5 }, 'now'],
  ] as const;
  for (const [body, param] of refused) {
    const answer = await move(body);
    assert.equal(answer.status, 422, JSON.stringify(body));
    assert.equal(answer.body.code, 'validation_failed');
    assert.equal(answer.body.errors[0].param, param);
  }
  assert.equal((await clock()).body.now, stands);
  assert.equal((await move({ now: stands })).status, 200, 'standing still is no step back');
});

test('only a key of test mode that may manage moves it, and an operator in test mode', async () => {
  const asLive = await gateway.fetchJson('POST', '/v1/test/clock', { advance: 'PT1H' }, { key: gateway.liveKey });
  assert.equal(asLive.status, 403);
  assert.equal(asLive.body.code, 'insufficient_permissions');
  for (const [method, path] of [
    ['GET', '/v1/test/clock'],
    ['DELETE', '/v1/test/clock'],
    ['POST', '/v1/test/reset'],
  ] as const) {
    assert.equal((await gateway.fetchJson(method, path, undefined, { key: gateway.liveKey })).status, 403, path);
  }
  const headers = { 'x-tenant': gateway.tenantId, 'x-mode': 'test' };
  const asOperator = await gateway.fetchJson('GET', '/v1/test/clock', undefined, { key: gateway.operatorKey, headers });
  // How much is due may change between two looks.
  const { due: _, ...seen } = asOperator.body;
  const { due: __, ...own } = (await clock()).body;
  assert.deepEqual(seen, own);
  const live = { 'x-tenant': gateway.tenantId };
  const asLiveOperator = await gateway.fetchJson('GET', '/v1/test/clock', undefined, {
    key: gateway.operatorKey,
    headers: live,
  });
  assert.equal(asLiveOperator.status, 403);
  assert.match(asLiveOperator.body.detail, /X-Mode: test/);
});

test('giving the real clock back empties the test data, so that time can begin anew', async () => {
  const sent = await send(gateway);
  const ended = await gateway.fetchJson('DELETE', '/v1/test/clock');
  assert.equal(ended.status, 200);
  assert.equal(ended.body.frozen, false);
  assert.ok(Math.abs(Date.parse(ended.body.now) - Date.now()) < 60_000);
  const tenant = await gateway.gateway.store.tenantById({ id: gateway.tenantId });
  const space = { tenantNo: tenant!.no, mode: 'test' } as const;
  assert.equal(await gateway.gateway.store.message({ ...space, id: sent.body.id }), null);
  const now = new Date().toISOString();
  assert.equal((await moveClock(gateway, { now })).body.now, now, 'a moment ago is not back in time');
  assert.equal((await move({ now: later(now, -1) })).status, 422);
});
