import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { claimDue, inHours, leave, mail, setPolicy, standingLimits } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('cancelling a message', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await setPolicy(gateway, {
      limits: [
        { name: 'recipients', scope: 'tenant', window: 'calendar_month', max: 100 },
        { name: 'messages', scope: 'tenant', window: 'calendar_month', unit: 'message', max: 100 },
        { name: 'person', scope: 'recipient', window: 'calendar_month', max: 100 },
      ],
    });
  });
  after(() => gateway.stop());
  const send = async (body: unknown) => (await gateway.fetchJson('POST', '/v1/messages', body)).body;
  const cancel = (id: string) => gateway.fetchJson('POST', `/v1/messages/${id}/cancel`);
  const used = async () => (await standingLimits(gateway)).map((limit) => limit.used);

  test('frees every place, and with the last recipient that of the message', async () => {
    const { id } = await send(mail(['a@one.example', 'b@one.example']));
    assert.deepEqual(await used(), [2, 1]);
    const { status, body } = await cancel(id);
    assert.equal(status, 200);
    assert.equal(body.status, 'cancelled');
    assert.deepEqual(await used(), [0, 0]);
    const [person] = (await standingLimits(gateway, { recipient: 'a@one.example' })).slice(2);
    assert.equal(person!.used, 0);
    assert.equal(await leave(gateway), 0);
    const types = body.events.map(({ type }: { type: string }) => type);
    assert.deepEqual(types.sort(), ['message.accepted', 'message.accepted', 'message.cancelled', 'message.cancelled']);
    const again = await cancel(id);
    assert.equal(again.status, 409);
    assert.equal(again.body.code, 'state_conflict');
  });

  test('leaves what has left counted, and the message with it', async () => {
    const before = await used();
    const { id } = await send(mail('c@one.example'));
    assert.equal(await leave(gateway), 1);
    assert.equal((await cancel(id)).status, 409);
    assert.deepEqual(await used(), [before[0]! + 1, before[1]! + 1]);
  });

  test('of which one recipient has left gives back the places of the others alone', async () => {
    const before = await used();
    const { id, recipients } = await send(mail(['d@one.example', 'e@one.example']));
    const { store } = gateway.gateway;
    const claimed = await claimDue(gateway);
    const [first, second] = claimed;
    assert.equal(first!.recipientId, recipients[0].id);
    assert.equal(await store.mark(first!), true);
    assert.equal(
      await store.settle({ recipient: first!.recipient, token: first!.token, attempt: null, outcome: 'sent' }),
      true,
    );
    const { body } = await cancel(id);
    assert.deepEqual(
      body.recipients.map((one: { status: string }) => one.status),
      ['sent', 'cancelled'],
    );
    assert.equal(body.status, 'partial');
    assert.deepEqual(await used(), [before[0]! + 1, before[1]! + 1]);
    assert.equal(await store.mark(second!), false, 'the worker that had claimed it may not send the dot');
    const settled = { recipient: second!.recipient, token: second!.token, attempt: null, outcome: 'sent' } as const;
    assert.equal(await store.settle(settled), false);
  });

  test('cannot reach a recipient whose dot is on its way', async () => {
    const { id } = await send(mail('f@one.example'));
    const [claimed] = await claimDue(gateway);
    assert.equal(await gateway.gateway.store.mark(claimed!), true);
    assert.equal((await cancel(id)).status, 409);
  });

  test('keeps the count of a recipient that was tried', async () => {
    const before = await used();
    const { id } = await send(mail('g@one.example'));
    await leave(gateway, { outcome: 'deferred', nextAttemptAt: Date.now() + 3_600_000 });
    const { body } = await cancel(id);
    assert.equal(body.status, 'cancelled');
    assert.equal(body.attempts.length, 1);
    assert.deepEqual(await used(), [before[0]! + 1, before[1]! + 1]);
  });

  test('frees a place that lies ahead', async () => {
    await setPolicy(gateway, { limits: [{ name: 'one', scope: 'tenant', window: 'rolling_1h', max: 1 }] });
    const at = inHours(50);
    const first = await send(mail('h@one.example', { send_at: at }));
    const full = await gateway.fetchJson('POST', '/v1/messages', mail('i@one.example', { send_at: at }));
    assert.equal(full.status, 429);
    await cancel(first.id);
    const fits = await gateway.fetchJson('POST', '/v1/messages', mail('i@one.example', { send_at: at }));
    assert.equal(fits.status, 202);
  });

  test('of somebody else, or of none, is not found', async () => {
    const { id } = await send(mail('j@one.example', { send_at: inHours(80) }));
    const foreign = await gateway.fetchJson('POST', `/v1/messages/${id}/cancel`, undefined, { key: gateway.liveKey });
    assert.equal(foreign.status, 404);
    assert.equal((await cancel('msg_nonsense')).status, 404);
  });
});

describe('credits', () => {
  test('are given back for recipients that never left', async () => {
    const gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    try {
      const { store } = gateway.gateway;
      const tenant = await store.createTenant({
        id: 'ten_01kaf2s0m8e7vrx0n3j5t9q4zc',
        installationId: 'ins_01kaf2s0m8e7vrx0n3j5t9q4zc',
        name: 'prepaid',
        standing: 'active',
        trialEndsAt: null,
        plan: null,
        billing: 'credits',
        credits: 2,
        trust: 'new',
        locale: null,
        notify: [],
        actor: 'test',
      });
      const options = { key: gateway.operatorKey, headers: { 'x-tenant': tenant.id, 'x-mode': 'test' } };
      const send = (to: string[]) => gateway.fetchJson('POST', '/v1/messages', mail(to), options);
      const first = await send(['a@one.example', 'b@one.example']);
      assert.equal(first.status, 202);
      assert.equal((await send(['c@one.example'])).body.code, 'insufficient_credits');
      const cancelled = await gateway.fetchJson('POST', `/v1/messages/${first.body.id}/cancel`, undefined, options);
      assert.equal(cancelled.status, 200);
      assert.equal((await send(['c@one.example', 'd@one.example'])).status, 202);
      assert.equal((await send(['e@one.example'])).body.code, 'insufficient_credits');
    } finally {
      await gateway.stop();
    }
  });
});
