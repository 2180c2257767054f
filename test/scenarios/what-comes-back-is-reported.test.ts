import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inHours, leave, mail, setPolicy, tenantNoOf } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

type Sent = { id: string; recipients: { id: string }[] };

describe('what comes back, as the caller reports it', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());
  const send = async (to: string | string[]): Promise<Sent> =>
    (await gateway.fetchJson('POST', '/v1/messages', mail(to))).body;
  const sent = async (to: string | string[], how: 'sent' | 'delivered' = 'delivered'): Promise<Sent> => {
    const message = await send(to);
    await leave(gateway, { outcome: how });
    return message;
  };
  const report = (body: object) => gateway.fetchJson('POST', '/v1/returns', body);
  const typesOf = async (id: string): Promise<string[]> =>
    (await gateway.fetchJson('GET', `/v1/messages/${id}`)).body.events.map(({ type }: { type: string }) => type);

  test('a hard bounce after a delivery closes anew, suppresses the address, and counts once', async () => {
    const { id } = await sent('a@one.example');
    const { status, body } = await report({ kind: 'bounce', message_id: id, class: 'unknown_user' });
    assert.equal(status, 200);
    assert.equal(body.applied, true);
    assert.equal(body.status, 'bounced');
    assert.equal(body.suppression.reason, 'hard_bounce');
    const message = (await gateway.fetchJson('GET', `/v1/messages/${id}`)).body;
    assert.equal(message.status, 'bounced');
    const bounce = message.events.at(-1);
    assert.equal(bounce.type, 'message.bounced');
    assert.equal(bounce.id, body.event.id);
    assert.equal(bounce.data.after_delivered, true);
    assert.equal(bounce.data.reported, true);
    assert.equal(bounce.data.class, 'unknown_user');
    assert.equal(bounce.data.kind, 'hard');
    const again = await report({ kind: 'bounce', message_id: id, class: 'unknown_user' });
    assert.equal(again.body.applied, false);
    assert.equal((await typesOf(id)).filter((type) => type === 'message.bounced').length, 1);
    const refused = await gateway.fetchJson('POST', '/v1/messages', mail('A@one.example'));
    assert.equal(refused.body.code, 'suppressed');
  });

  test('a bounce that is not the fault of the address suppresses nothing', async () => {
    const { id } = await sent('b@one.example', 'sent');
    const { body } = await report({ kind: 'bounce', message_id: id, class: 'mailbox_full' });
    assert.equal(body.suppression, null);
    assert.equal((await gateway.fetchJson('POST', '/v1/messages', mail('b@one.example'))).status, 202);
  });

  test('a complaint and an unsubscribe suppress, and leave the state as it is', async () => {
    for (const [kind, reason, type] of [
      ['complaint', 'complaint', 'message.complained'],
      ['unsubscribe', 'unsubscribe', 'message.unsubscribed'],
    ]) {
      const { id } = await sent(`${kind}@two.example`);
      const { body } = await report({ kind, email: `${kind}@two.example` });
      assert.equal(body.message_id, id);
      assert.equal(body.status, 'delivered');
      assert.equal(body.suppression.reason, reason);
      assert.ok((await typesOf(id)).includes(type!));
      const refused = await gateway.fetchJson('POST', '/v1/messages', mail(`${kind}@two.example`));
      assert.equal(refused.body.code, 'suppressed');
    }
  });

  test('a delivery closes what the next hop took', async () => {
    const { id } = await sent('c@one.example', 'sent');
    const { body } = await report({ kind: 'delivered', message_id: id });
    assert.equal(body.status, 'delivered');
    assert.equal((await report({ kind: 'delivered', message_id: id })).body.applied, false);
    assert.deepEqual(await typesOf(id), ['message.accepted', 'message.sent', 'message.delivered']);
  });

  test('nothing is taken about what has not left, or was never sent', async () => {
    const waiting = await gateway.fetchJson('POST', '/v1/messages', mail('d@one.example', { send_at: inHours(2) }));
    assert.equal((await report({ kind: 'reply', message_id: waiting.body.id })).body.code, 'state_conflict');
    const refused = await gateway.fetchJson('POST', '/v1/messages', mail('blocked+suppressed@simulator.postern.test'));
    assert.equal((await report({ kind: 'complaint', message_id: refused.body.message_id })).status, 409);
    assert.equal((await report({ kind: 'complaint', email: 'nobody@nowhere.example' })).status, 404);
    const { id } = await sent('e@one.example');
    assert.equal((await report({ kind: 'complaint', message_id: id, email: 'other@one.example' })).status, 404);
    const live = await gateway.fetchJson(
      'POST',
      '/v1/returns',
      { kind: 'reply', message_id: id },
      { key: gateway.liveKey },
    );
    assert.equal(live.status, 404);
  });

  test('a report that cannot be read says all that is wrong', async () => {
    const { id } = await sent(['f@one.example', 'g@one.example']);
    for (const [body, param] of [
      [{ kind: 'reply' }, 'message_id'],
      [{ kind: 'smile', message_id: id }, 'kind'],
      [{ kind: 'reply', message_id: id }, 'email'],
      [{ kind: 'reply', message_id: id, email: 'no address' }, 'email'],
      [{ kind: 'reply', message_id: id, email: 'f@one.example', class: 'unknown_user' }, 'class'],
      [{ kind: 'reply', message_id: id, email: 'f@one.example', at: inHours(1) }, 'at'],
      [{ kind: 'reply', message_id: id, email: 'f@one.example', at: '2020-01-01T00:00:00Z' }, 'at'],
    ] as const) {
      const answer = await report(body);
      assert.equal(answer.status, 422, JSON.stringify(body));
      assert.equal(answer.body.errors[0].param, param);
    }
    assert.equal((await report({ kind: 'reply', message_id: id, email: 'F@one.example' })).body.email, 'f@one.example');
  });

  test('a reply starts cooldown and streak anew for an established tenant, and for no other', async () => {
    const policy = {
      cooldown: { seconds: 3600 },
      limits: [{ name: 'person', scope: 'recipient', window: 'rolling_24h', max: 1, reset_on_reply: true }],
    } as const;
    const established = { ...(await established_()) };
    await setPolicy(gateway, { ...policy, limits: [...policy.limits] });
    await sent('h@one.example');
    await report({ kind: 'reply', email: 'h@one.example' });
    const still = await gateway.fetchJson('POST', '/v1/messages', mail('h@one.example'));
    assert.equal(still.body.code, 'cooldown');
    const { options } = established;
    const first = await gateway.fetchJson('POST', '/v1/messages', mail('i@one.example'), options);
    assert.equal(first.status, 202);
    await leave(gateway);
    assert.equal(
      (await gateway.fetchJson('POST', '/v1/messages', mail('i@one.example'), options)).body.code,
      'cooldown',
    );
    const told = await gateway.fetchJson('POST', '/v1/returns', { kind: 'reply', message_id: first.body.id }, options);
    assert.equal(told.body.event.type, 'message.replied');
    const free = await gateway.fetchJson('POST', '/v1/messages', mail('i@one.example'), options);
    assert.equal(free.status, 202, JSON.stringify(free.body.reasons));

    async function established_() {
      const { store } = gateway.gateway;
      const tenant = await store.createTenant({
        id: 'ten_01kaf2s0m8e7vrx0n3j5t9q4zc',
        installationId: 'ins_01kaf2s0m8e7vrx0n3j5t9q4zc',
        name: 'old friend',
        standing: 'active',
        trialEndsAt: null,
        plan: null,
        billing: 'none',
        credits: null,
        trust: 'established',
        locale: null,
        notify: [],
        actor: 'test',
      });
      const version = { owner: 'operator', tenantNo: tenant.no, mode: 'test', author: 'test', note: null } as const;
      await store.putPolicy({ ...version, document: { ...policy, limits: [...policy.limits] } });
      assert.notEqual(tenant.no, await tenantNoOf(gateway));
      return { options: { key: gateway.operatorKey, headers: { 'x-tenant': tenant.id, 'x-mode': 'test' } } };
    }
  });
});
