import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { later, moveClock, send } from '../harness/test-mode.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

test('an idempotency key replays its answer for a day of test time and is free a second later', async () => {
  const start = '2027-03-01T09:00:00.000Z';
  await moveClock(gateway, { now: start });
  const keyed = (subject = 'Order 42') => send(gateway, { subject }, { headers: { 'idempotency-key': 'order-42' } });
  const first = await keyed();
  assert.equal(first.status, 202);

  await moveClock(gateway, { now: later(start, 86_400_000 - 1000) });
  const replayed = await keyed();
  assert.equal(replayed.body.id, first.body.id);
  assert.equal(replayed.headers.get('idempotent-replayed'), 'true');
  const other = await keyed('Order 43');
  assert.equal(other.status, 409);
  assert.equal(other.body.code, 'idempotency_key_reused');
  assert.equal(other.body.clears.at, later(start, 86_400_000));

  await moveClock(gateway, { now: later(start, 86_400_000 + 1000) });
  const fresh = await keyed('Order 43');
  assert.equal(fresh.status, 202);
  assert.notEqual(fresh.body.id, first.body.id);
  assert.equal(fresh.headers.get('idempotent-replayed'), null);
});

test('a dedupe key gives the first message for thirty days of test time', async () => {
  await gateway.fetchJson('DELETE', '/v1/test/clock');
  const start = '2027-05-01T09:00:00.000Z';
  await moveClock(gateway, { now: start });
  const deduped = () => send(gateway, { dedupe_key: 'quote-42' });
  const first = await deduped();
  await moveClock(gateway, { now: later(start, 30 * 86_400_000 - 1000) });
  assert.equal((await deduped()).body.id, first.body.id);
  await moveClock(gateway, { now: later(start, 30 * 86_400_000) });
  assert.notEqual((await deduped()).body.id, first.body.id);
});
