import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { later, moveClock, send } from '../harness/test-mode.ts';

const START = '2027-03-01T09:00:00.000Z';
let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const sink = async () => (await gateway.fetchJson('GET', '/v1/sink')).body.data;
async function status(id: string): Promise<string | undefined> {
  const { store } = gateway.gateway;
  const tenant = await store.tenantById({ id: gateway.tenantId });
  const message = await store.message({ tenantNo: tenant!.no, mode: 'test', id });
  return message?.recipients[0]?.state;
}

test('a scheduled message stays while the clock stands and leaves when the clock passes its time', async () => {
  await moveClock(gateway, { now: START });
  const sent = await send(gateway, { send_at: later(START, 3_600_000) });
  assert.equal(sent.body.recipients[0].status, 'scheduled');
  assert.equal((await moveClock(gateway, { advance: 'PT59M59.999S' })).body.due, 0);
  assert.deepEqual(await sink(), []);
  const moved = await moveClock(gateway, { advance: 'PT0.001S' }, 20);
  assert.equal(moved.body.due, 0, 'it has left');
  const [mail] = await sink();
  assert.equal(mail.message_id, sent.body.id);
  assert.equal(mail.received_at, later(START, 3_600_000));
  assert.equal(await status(sent.body.id), 'delivered');
});

test('a message that never gets through is retried on test time and expires when its time is over', async () => {
  const { body: clock } = await gateway.fetchJson('GET', '/v1/test/clock');
  const sent = await send(gateway, {
    to: 'deferred@simulator.postern.test',
    expires_at: later(clock.now, 2 * 86_400_000),
  });
  await moveClock(gateway, { advance: 'PT0S' }, 20);
  assert.equal(await status(sent.body.id), 'deferred');
  await moveClock(gateway, { advance: 'PT47H' }, 20);
  assert.equal(await status(sent.body.id), 'deferred');
  await moveClock(gateway, { now: later(clock.now, 2 * 86_400_000) }, 20);
  assert.equal(await status(sent.body.id), 'expired');
});

test('what was due while the data is emptied never leaves', async () => {
  const { body: clock } = await gateway.fetchJson('GET', '/v1/test/clock');
  await send(gateway, { to: 'gone@example.com', send_at: later(clock.now, 1000) });
  await gateway.fetchJson('POST', '/v1/test/reset');
  assert.equal((await moveClock(gateway, { advance: 'P1D' }, 20)).body.due, 0);
  assert.deepEqual(await sink(), []);
});
