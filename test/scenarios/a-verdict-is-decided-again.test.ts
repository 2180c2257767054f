import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inHours, leave, mail, setPolicy, standingLimits } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('the verdict on a message', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await setPolicy(gateway, {
      cooldown: { seconds: 600 },
      limits: [
        { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 4 },
        { name: 'burst', scope: 'tenant', window: 'rate', per: 'second', max: 100 },
        { name: 'domain', scope: 'recipient_domain', window: 'calendar_month', max: 2 },
      ],
    });
  });
  after(() => gateway.stop());
  const send = async (body: unknown): Promise<string> => {
    const answer = await gateway.fetchJson('POST', '/v1/messages', body);
    return answer.body.id ?? answer.body.message_id;
  };
  const verdict = async (id: string, query = '') =>
    (await gateway.fetchJson('GET', `/v1/messages/${id}/verdict${query}`)).body;

  test('follows from its facts again, whatever was decided', async () => {
    const ids = [
      await send(mail('a@one.example')),
      await send(mail(['b@one.example', 'c@one.example', 'c@two.example'])),
      await send(mail('a@one.example')),
      await send(mail('d@three.example', { send_at: inHours(40) })),
      await send(mail('e@four.example')),
      await send(mail('f@five.example', { on_limit: 'defer' })),
      await send(mail('blocked+disengaged@simulator.postern.test')),
    ];
    await setPolicy(gateway, { limits: [{ name: 'other', scope: 'tenant', window: 'rolling_24h', max: 1 }] });
    const seen = new Set<string>();
    for (const id of ids) {
      const body = await verdict(id);
      assert.equal(body.message_id, id);
      assert.equal(body.reproduced, true);
      for (const one of body.recipients) {
        assert.equal(one.reproduced, true);
        seen.add(one.verdict);
        assert.equal(one.later, null);
        for (const reason of one.reasons) {
          if (reason.code === 'waiting_for_slot' || reason.code === 'disengaged') continue;
          assert.ok(one.trace.some((line: { code: string }) => line.code === reason.code));
        }
      }
    }
    assert.deepEqual([...seen].sort(), ['accept', 'block', 'schedule']);
  });

  test('shows its facts by name', async () => {
    await setPolicy(gateway, { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 50 }] });
    const id = await send(mail('g@six.example'));
    const { facts } = (await verdict(id)).recipients[0];
    assert.match(facts.now, /^2\d{3}-.*Z$/);
    assert.equal(facts.account.standing, 'active');
    const [daily] = facts.limits;
    assert.equal(daily.name, 'daily');
    assert.equal(daily.limit, 50);
    assert.equal(daily.requested, 1);
    assert.equal(daily.has_place, true);
  });

  test('beside what would be decided now tells what has changed, and consumes nothing', async () => {
    const id = await send(mail('h@seven.example'));
    await leave(gateway);
    await gateway.fetchJson('POST', '/v1/returns', { kind: 'complaint', message_id: id });
    const used = await standingLimits(gateway);
    const body = await verdict(id, '?now=true');
    assert.deepEqual(body.changed, [{ email: 'h@seven.example', added: ['suppressed'], removed: [] }]);
    assert.equal(body.now.recipients[0].verdict, 'block');
    assert.equal(body.recipients[0].verdict, 'accept');
    assert.deepEqual(await standingLimits(gateway), used);
    assert.equal('now' in (await verdict(id)), false);
    assert.equal((await gateway.fetchJson('GET', `/v1/messages/${id}/verdict?now=maybe`)).status, 422);
  });

  test('keeps the first decision beside the one at departure', async () => {
    const first = await send(mail('i@eight.example'));
    await leave(gateway);
    const second = await send(mail('i@eight.example'));
    await gateway.fetchJson('POST', '/v1/returns', { kind: 'unsubscribe', message_id: first });
    assert.equal(await leave(gateway), 0);
    const body = await verdict(second);
    assert.equal(body.reproduced, true);
    assert.equal(body.recipients[0].verdict, 'accept');
    assert.equal(body.recipients[0].later.cause, 'departure');
    assert.deepEqual(
      body.recipients[0].later.reasons.map(({ code }: { code: string }) => code),
      ['suppressed'],
    );
    const message = (await gateway.fetchJson('GET', `/v1/messages/${second}`)).body;
    assert.equal(message.status, 'blocked');
    assert.equal(message.recipients[0].reasons[0].code, 'suppressed');
    const blocked = message.events.at(-1);
    assert.equal(blocked.type, 'message.blocked');
    assert.equal(blocked.data.reasons[0].code, 'suppressed');
    assert.match(blocked.data.reasons[0].detail, /\w/);
  });
});
