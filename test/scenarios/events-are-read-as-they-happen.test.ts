import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, mock, test } from 'node:test';
import { leave, mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('the event log', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());
  const read = async (query: string) => (await gateway.fetchJson('GET', `/v1/events?${query}`)).body;
  const send = (to: string, more: object = {}) =>
    gateway.fetchJson('POST', '/v1/messages', mail(to, { tags: ['t'], metadata: { job: '7' }, ...more }));

  test('numbers events from 1 without gaps, and tells everything in them', async () => {
    await send('a@one.example');
    await send('blocked+suppressed@simulator.postern.test');
    await leave(gateway);
    const { data, last_seq } = await read('');
    assert.deepEqual(
      data.map(({ seq, type }: { seq: number; type: string }) => [seq, type]),
      [
        [1, 'message.accepted'],
        [2, 'message.blocked'],
        [3, 'message.sent'],
        [4, 'message.delivered'],
      ],
    );
    assert.equal(last_seq, 4);
    const [, blocked, , delivered] = data;
    assert.match(delivered.id, /^evt_[0-9a-z]{26}$/);
    assert.equal(delivered.data.email, 'a@one.example');
    assert.equal(delivered.data.status, 'delivered');
    assert.equal(delivered.data.subject, 'Your quote');
    assert.deepEqual(delivered.data.tags, ['t']);
    assert.deepEqual(delivered.data.metadata, { job: '7' });
    assert.equal(delivered.data.provider, 'default');
    assert.equal(blocked.data.reasons[0].code, 'suppressed');
    assert.match(blocked.data.reasons[0].detail, /\w/);
    assert.equal(new Set(data.map(({ id }: { id: string }) => id)).size, 4);
    assert.deepEqual((await read('')).data, data, 'an event is the same whenever it is read');
  });

  test('is read on from a number, in portions, and by type', async () => {
    const first = await read('limit=3');
    assert.equal(first.last_seq, 3);
    const second = await read(`after_seq=${first.last_seq}`);
    assert.deepEqual(
      second.data.map(({ seq }: { seq: number }) => seq),
      [4],
    );
    const some = await read('types=message.delivered,message.blocked');
    assert.deepEqual(
      some.data.map(({ seq }: { seq: number }) => seq),
      [2, 4],
    );
    assert.equal(some.last_seq, 4);
    assert.deepEqual((await read('types=suppression.*')).data, []);
    for (const query of ['types=nothing', 'wait=31', 'limit=1001', 'after_seq=-1', 'after_seq=x']) {
      assert.equal((await gateway.fetchJson('GET', `/v1/events?${query}`)).status, 422, query);
    }
  });

  test('answers who waits as soon as something happens, and not for what others do', async () => {
    const { last_seq: last } = await read('');
    const waiting = gateway.fetchJson('GET', `/v1/events?after_seq=${last}&wait=30&types=message.delivered`);
    await gateway.fetchJson('POST', '/v1/messages', mail('x@one.example'), { key: gateway.liveKey });
    await send('b@one.example');
    await leave(gateway);
    const { body } = await waiting;
    assert.equal(body.data.length, 1);
    assert.equal(body.data[0].data.email, 'b@one.example');
  });

  test('answers with nothing when the time is up', async () => {
    const { last_seq: last } = await read('');
    const started = performance.now();
    const { data, last_seq } = await read(`after_seq=${last}&wait=1`);
    assert.ok(performance.now() - started >= 990);
    assert.deepEqual(data, []);
    assert.equal(last_seq, last);
  });

  test('forgets a client that leaves while it waits', async () => {
    const { last_seq: last } = await read('');
    const { port, hostname } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.write(
      `GET /v1/events?after_seq=${last}&wait=30 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.testKey}\r\n\r\n`,
    );
    while (gateway.gateway.eventWaiters() === 0) await gateway.fetchJson('GET', '/healthz');
    socket.destroy();
    while (gateway.gateway.eventWaiters() > 0) await gateway.fetchJson('GET', '/healthz');
    assert.equal(gateway.gateway.eventWaiters(), 0);
  });

  test('who waits for few of many events asks for them a few times a second, not with every other event', async () => {
    const { last_seq: from } = await read('');
    const reads = mock.method(gateway.gateway.store, 'events');
    const waiting = read(`after_seq=${from}&types=suppression.created&wait=30`);
    while (gateway.gateway.eventWaiters() === 0) await gateway.fetchJson('GET', '/healthz');
    const startedAt = performance.now();
    for (let i = 0; i < 100; i += 1) await send(`many${i}@one.example`);
    const lasted = performance.now() - startedAt;
    const asked = reads.mock.callCount();
    await gateway.fetchJson('POST', '/v1/suppressions', { email: 'none@one.example', reason: 'manual_dnc' });
    const { data } = await waiting;
    reads.mock.restore();
    assert.equal(data[0].type, 'suppression.created');
    assert.ok(asked <= lasted / 100 + 4, `${asked} reads in ${Math.round(lasted)} ms`);
  });

  test('a stop does not wait for those who wait', async () => {
    const other = await startTestGateway({ POSTERN_ROLE: 'api' });
    const waiting = other.fetchJson('GET', '/v1/events?wait=30');
    while (other.gateway.eventWaiters() === 0) await other.fetchJson('GET', '/healthz');
    const started = performance.now();
    await other.stop();
    assert.ok(performance.now() - started < 10_000);
    assert.deepEqual((await waiting).body.data, []);
  });
});
