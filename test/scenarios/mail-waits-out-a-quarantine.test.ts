/** Accepted mail that has not left when the quarantine comes: held, then sent or dropped as the operator decides. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inHours, leave, mail, setPolicy, standingLimits, tenantNoOf } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, eventsOf } from '../harness/tenants.ts';

const DAILY = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 10 } as const;

describe('mail that waits when the quarantine comes', () => {
  let gateway: TestGateway;
  let operator: Call;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    operator = asOperator(gateway);
    await setPolicy(gateway, { limits: [DAILY] });
  });
  after(() => gateway.stop());

  const send = async (body: unknown): Promise<string> =>
    (await gateway.fetchJson('POST', '/v1/messages', body)).body.id;
  const status = async (id: string): Promise<string> =>
    (await gateway.fetchJson('GET', `/v1/messages/${id}`)).body.status;
  const used = async (): Promise<number> => (await standingLimits(gateway))[0]!.used;
  const stop = async (): Promise<string> => {
    const set = await operator('POST', `/v1/tenants/${gateway.tenantId}/quarantine`, {
      note: 'The key was published.',
      mode: 'test',
    });
    assert.equal(set.status, 201, JSON.stringify(set.body));
    assert.ok(set.body.id.startsWith('qtn_'));
    return set.body.id;
  };
  const release = (id: string, held: string) =>
    operator('POST', `/v1/quarantines/${id}/release`, { note: 'A new key is in use.', held });
  const events = async (id: string): Promise<string[]> =>
    (await gateway.fetchJson('GET', `/v1/messages/${id}`)).body.events.map((one: { type: string }) => one.type);

  test('is held at once, also what is scheduled and what is retried, and gives its places back', async () => {
    const now = await send(mail('a@one.example'));
    const later = await send(mail('b@one.example', { send_at: inHours(40) }));
    const tried = await send(mail('c@one.example'));
    const claimed = await gateway.gateway.store.claim({ most: 10, live: true });
    const one = claimed.find(({ messageId }) => messageId === tried)!;
    const attempt = { provider: 'default', mailbox: null, reply: '451 later', class: null };
    const { recipient, token } = one;
    const { store } = gateway.gateway;
    await store.settle({ recipient, token, attempt, outcome: 'deferred', nextAttemptAt: one.now + 60_000 });
    const other = claimed.find(({ messageId }) => messageId === now)!;
    const untried = { recipient: other.recipient, token: other.token };
    await store.settle({ ...untried, attempt: null, outcome: 'released', at: other.now });
    assert.equal(await used(), 2, 'the one of the day after next is not in this window');
    const id = await stop();
    assert.deepEqual(await Promise.all([now, later, tried].map(status)), ['held', 'held', 'held']);
    assert.equal(await used(), 1, 'what was tried counts');
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${later}`);
    const [reason] = body.recipients[0].reasons;
    assert.equal(reason.code, 'quarantine_hold');
    assert.equal(reason.evidence.quarantine_id, id);
    assert.deepEqual(reason.clears, { by: ['operator'], at: null });
    const refused = await gateway.fetchJson('POST', '/v1/messages', mail('d@one.example'));
    assert.equal(refused.status, 403);
    assert.equal(refused.body.reasons[0].evidence.set_by, 'operator');
    assert.equal(refused.body.reasons[0].evidence.note, 'The key was published.');
    assert.equal((await stopAgain()).status, 409);

    assert.equal((await release(id, 'send')).status, 200);
    assert.deepEqual(await Promise.all([now, later, tried].map(status)), ['accepted', 'scheduled', 'accepted']);
    assert.equal(await used(), 2);
    assert.equal(await leave(gateway), 2);
    assert.deepEqual(await events(now), [
      'message.accepted',
      'message.held',
      'message.accepted',
      'message.sent',
      'message.delivered',
    ]);
  });

  const stopAgain = () =>
    operator('POST', `/v1/tenants/${gateway.tenantId}/quarantine`, { note: 'Again.', mode: 'test' });

  test('is cancelled where the operator drops it', async () => {
    const id = await send(mail('e@two.example'));
    const before = await used();
    const quarantine = await stop();
    assert.equal(await used(), before - 1);
    assert.equal((await release(quarantine, 'drop')).body.state, 'released');
    assert.equal(await status(id), 'cancelled');
    assert.deepEqual((await events(id)).slice(-2), ['message.held', 'message.cancelled']);
    assert.equal(await used(), before - 1);
    assert.equal(await leave(gateway), 0);
  });

  test('is decided again on its release: a full limit makes it wait, a suppression stops it', async () => {
    const waits = await send(mail('f@three.example'));
    const stopped = await send(mail('g@three.example'));
    const quarantine = await stop();
    const suppression = { email: 'g@three.example', reason: 'manual_dnc' };
    assert.equal((await gateway.fetchJson('POST', '/v1/suppressions', suppression)).status, 201);
    await setPolicy(gateway, { limits: [{ ...DAILY, max: 2 }] });
    await release(quarantine, 'send');
    assert.deepEqual(await Promise.all([waits, stopped].map(status)), ['scheduled', 'blocked']);
    await setPolicy(gateway, { limits: [DAILY] });
  });

  test('is held by the hundreds, a slice at the entry and the rest by sweeps, and let go the same way', async () => {
    await setPolicy(gateway, { quarantine: { mode: 'off' } });
    const tenantNo = await tenantNoOf(gateway);
    const body = {
      messages: Array.from({ length: 50 }, (_, n) =>
        mail(Array.from({ length: 9 }, (_, m) => `p${n}x${m}@four.example`)),
      ),
    };
    assert.equal((await gateway.fetchJson('POST', '/v1/messages/batch', body)).body.summary.accepted, 50);
    const quarantine = await stop();
    const { store } = gateway.gateway;
    for (let more = true; more; ) ({ more } = await store.sweep({ kind: 'quarantines' }));
    const held = async (): Promise<number> => {
      const { body: one } = await operator('GET', `/v1/quarantines/${quarantine}`);
      return one.held.waiting;
    };
    assert.equal(await held(), 451, 'with the one that still waited for its place');
    await release(quarantine, 'send');
    for (let more = true; more; ) ({ more } = await store.sweep({ kind: 'quarantines' }));
    assert.equal(await held(), 0);
    const types = (await eventsOf(gateway, tenantNo))
      .map(({ type }) => type)
      .filter((type) => type.startsWith('account.'));
    assert.deepEqual(types.slice(-2), ['account.quarantined', 'account.quarantine_released']);
  });
});
