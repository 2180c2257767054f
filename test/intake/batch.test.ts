import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mail, setPolicy } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('a batch', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());
  const send = (messages: unknown, headers: Record<string, string> = {}) =>
    gateway.fetchJson('POST', '/v1/messages/batch', { messages }, { headers });

  test('answers each element in order, and a bad one harms no other', async () => {
    const { status, body } = await send([
      mail('a@one.example'),
      { to: 'no address' },
      mail('blocked+suppressed@simulator.postern.test'),
      null,
      mail('b@one.example', { unknown: 1 }),
      mail('blocked+insufficient_permissions@simulator.postern.test'),
      mail('c@one.example'),
    ]);
    assert.equal(status, 200);
    assert.deepEqual(
      body.results.map(({ index, status: one }: { index: number; status: number }) => [index, one]),
      [
        [0, 202],
        [1, 422],
        [2, 422],
        [3, 422],
        [4, 422],
        [5, 403],
        [6, 202],
      ],
    );
    assert.deepEqual(body.summary, { total: 7, accepted: 2, refused: 5 });
    assert.equal(body.results[0].message.recipients[0].email, 'a@one.example');
    assert.equal(body.results[2].problem.code, 'suppressed');
    assert.match(body.results[2].problem.message_id, /^msg_/);
    assert.equal(body.results[4].problem.errors[0].code, 'unknown_parameter');
    assert.equal('message' in body.results[1], false);
  });

  test('of 500 is admitted in a few groups, and one of 501 is too large', async () => {
    const { store } = gateway.gateway;
    const groups = store.figures().groups;
    const many = Array.from({ length: 500 }, (_, i) => mail(`p${i}@many.example`));
    const { body } = await send(many);
    assert.deepEqual(body.summary, { total: 500, accepted: 500, refused: 0 });
    assert.ok(store.figures().groups - groups < 12, `${store.figures().groups - groups} groups`);
    const { status, body: problem } = await send([...many, mail('one@more.example')]);
    assert.equal(status, 422);
    assert.equal(problem.code, 'batch_too_large');
  });

  test('without messages, or with anything beside them, is refused as a whole', async () => {
    for (const body of [{ messages: [] }, {}, { messages: 'x' }, [], { messages: [mail('a@b.example')], more: 1 }]) {
      const answer = await gateway.fetchJson('POST', '/v1/messages/batch', body);
      assert.equal(answer.status, 422, JSON.stringify(body));
      assert.equal(answer.body.code, 'validation_failed');
    }
  });

  test("takes the header's key for each element by its place, unless the element has its own", async () => {
    const messages = [mail('a@keys.example'), mail('b@keys.example', { idempotency_key: 'own' })];
    const first = await send(messages, { 'idempotency-key': 'batch-1' });
    const again = await send(messages, { 'idempotency-key': 'batch-1' });
    assert.deepEqual(
      again.body.results.map((one: { message: { id: string } }) => one.message.id),
      first.body.results.map((one: { message: { id: string } }) => one.message.id),
    );
    const alone = await gateway.fetchJson('POST', '/v1/messages', mail('a@keys.example'), {
      headers: { 'idempotency-key': 'batch-1:0' },
    });
    assert.equal(alone.body.id, first.body.results[0].message.id);
    const own = await gateway.fetchJson('POST', '/v1/messages', mail('b@keys.example'), {
      headers: { 'idempotency-key': 'own' },
    });
    assert.equal(own.body.id, first.body.results[1].message.id);
    const reused = await send([mail('other@keys.example', { idempotency_key: 'own' })]);
    assert.equal(reused.body.results[0].problem.code, 'idempotency_key_reused');
    const bad = await send([mail('c@keys.example', { idempotency_key: 'with blank' }), mail('d@keys.example')]);
    assert.equal(bad.body.results[0].problem.code, 'idempotency_key_invalid');
    assert.equal(bad.body.results[1].status, 202);
  });

  test('stops exactly at a limit, in the order of its elements', async () => {
    await setPolicy(gateway, { limits: [{ name: 'day', scope: 'recipient_domain', window: 'rolling_24h', max: 3 }] });
    const { body } = await send(Array.from({ length: 5 }, (_, i) => mail(`p${i}@tight.example`)));
    assert.deepEqual(
      body.results.map((one: { status: number }) => one.status),
      [202, 202, 202, 429, 429],
    );
  });

  test('answers with headroom after all of it', async () => {
    await setPolicy(gateway, { limits: [{ name: 'app', scope: 'app', window: 'rolling_24h', max: 1000 }] });
    const earlier = await send([mail('x@room.example')]);
    const { body, headers } = await send([mail('y@room.example'), mail('z@room.example')]);
    assert.equal(body.limits[0].used, earlier.body.limits[0].used + 2);
    assert.match(headers.get('ratelimit') ?? '', new RegExp(`"app";r=${body.limits[0].remaining};`));
  });
});
