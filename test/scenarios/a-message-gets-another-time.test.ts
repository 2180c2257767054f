import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { inHours, leave, mail, setPolicy, standingLimits } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

const DAILY = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 2 } as const;

describe('another time for a message', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  beforeEach(() => setPolicy(gateway, { limits: [] }));
  after(() => gateway.stop());
  const send = async (body: unknown) => (await gateway.fetchJson('POST', '/v1/messages', body)).body;
  const move = (id: string, sendAt: string | null) =>
    gateway.fetchJson('PATCH', `/v1/messages/${id}`, { send_at: sendAt });

  test('moves the departure and says so', async () => {
    const { id } = await send(mail(['a@one.example', 'b@one.example']));
    const at = inHours(100);
    const { status, body } = await move(id, at);
    assert.equal(status, 200);
    assert.equal(body.status, 'scheduled');
    assert.equal(body.send_at, at);
    assert.deepEqual(
      body.recipients.map((one: { scheduled_at: string }) => one.scheduled_at),
      [at, at],
    );
    assert.ok(Date.parse(body.expires_at) > Date.parse(at), 'it does not expire before it leaves');
    assert.equal(await leave(gateway), 0);
    const event = body.events.at(-1);
    assert.equal(event.type, 'message.scheduled');
    assert.equal(event.data.scheduled_at, at);
    assert.equal((await move(id, null)).status, 200);
    // It is due a millisecond later; every call to the gateway takes longer.
    await gateway.fetchJson('GET', `/v1/messages/${id}`);
    assert.equal(await leave(gateway), 2);
  });

  test('gives the old places back and takes new ones', async () => {
    await setPolicy(gateway, { limits: [{ ...DAILY, window: 'rolling_1h' }] });
    const [early, late] = [inHours(200), inHours(210)];
    const { id } = await send(mail(['a@two.example', 'b@two.example'], { send_at: early }));
    assert.equal(
      (await gateway.fetchJson('POST', '/v1/messages', mail('c@two.example', { send_at: early }))).status,
      429,
    );
    assert.equal((await move(id, late)).status, 200);
    assert.equal(
      (await gateway.fetchJson('POST', '/v1/messages', mail('c@two.example', { send_at: late }))).status,
      429,
    );
    assert.equal(
      (await gateway.fetchJson('POST', '/v1/messages', mail('c@two.example', { send_at: early }))).status,
      202,
    );
  });

  test('without a place there is refused with the reasons, and nothing changes', async () => {
    await setPolicy(gateway, { limits: [{ ...DAILY, window: 'rolling_1h' }] });
    const [mine, full] = [inHours(300), inHours(310)];
    const { id } = await send(mail(['a@three.example', 'b@three.example'], { send_at: mine }));
    await send(mail('c@three.example', { send_at: full }));
    const { status, body } = await move(id, full);
    assert.equal(status, 429);
    assert.equal(body.code, 'hourly_quota_exceeded');
    assert.equal(body.message_id, id);
    assert.deepEqual(
      body.recipients.map((one: { verdict: string }) => one.verdict),
      ['schedule', 'block'],
    );
    const still = (await gateway.fetchJson('GET', `/v1/messages/${id}`)).body;
    assert.equal(still.recipients[0].scheduled_at, mine);
    assert.equal(
      (await gateway.fetchJson('POST', '/v1/messages', mail('d@three.example', { send_at: full }))).status,
      202,
    );
    assert.equal(
      (await gateway.fetchJson('POST', '/v1/messages', mail('d@three.example', { send_at: full }))).status,
      429,
    );
    assert.equal(
      (await gateway.fetchJson('POST', '/v1/messages', mail('d@three.example', { send_at: mine }))).status,
      429,
    );
  });

  test('moves the place of the message once, however often it moves and is then cancelled', async () => {
    const month = { name: 'messages', scope: 'tenant', window: 'calendar_month', unit: 'message', max: 100 } as const;
    await setPolicy(gateway, { limits: [month] });
    const usedAt = async () => (await standingLimits(gateway))[0]!.used;
    const before = await usedAt();
    const { id } = await send(mail(['a@four.example', 'b@four.example']));
    assert.equal(await usedAt(), before + 1);
    await move(id, inHours(24 * 40));
    assert.equal(await usedAt(), before, 'it counts in a later month');
    await move(id, null);
    assert.equal(await usedAt(), before + 1);
    await gateway.fetchJson('POST', `/v1/messages/${id}/cancel`);
    assert.equal(await usedAt(), before);
  });

  test('does not change what was answered first', async () => {
    const headers = { 'idempotency-key': 'moved' };
    const body = mail('a@five.example');
    const first = await gateway.fetchJson('POST', '/v1/messages', body, { headers });
    await move(first.body.id, inHours(20));
    const again = await gateway.fetchJson('POST', '/v1/messages', body, { headers });
    assert.deepEqual(again.body, first.body);
    const verdict = (await gateway.fetchJson('GET', `/v1/messages/${first.body.id}/verdict`)).body;
    assert.equal(verdict.reproduced, true);
    assert.equal(verdict.recipients[0].verdict, 'accept');
    assert.equal(verdict.recipients[0].later.cause, 'reschedule');
    assert.equal(verdict.recipients[0].later.verdict, 'schedule');
  });

  test('is refused for what has left, beyond the expiry asked for, and for no time at all', async () => {
    const gone = await send(mail('a@six.example'));
    await leave(gateway);
    assert.equal((await move(gone.id, inHours(5))).body.code, 'state_conflict');
    const short = await send(mail('b@six.example', { send_at: inHours(1), expires_at: inHours(2) }));
    const beyond = await move(short.id, inHours(3));
    assert.equal(beyond.status, 422);
    assert.equal(beyond.body.errors[0].param, 'send_at');
    assert.equal((await move(short.id, 'tomorrow')).status, 422);
    assert.equal((await gateway.fetchJson('PATCH', `/v1/messages/${short.id}`, {})).status, 422);
    assert.equal((await move('msg_nonsense', inHours(1))).status, 404);
  });
});
