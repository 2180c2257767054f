import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setPolicy } from '../harness/by-hand.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { later, moveClock, send } from '../harness/test-mode.ts';

const START = '2027-05-03T09:00:00.000Z';

describe('a plan', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await moveClock(gateway, { now: START });
  });
  after(() => gateway.stop());
  const plan = (body: unknown): Promise<Answer> => gateway.fetchJson('POST', '/v1/messages/plan', body);
  const timesOf = (body: { departures: { at: string; count: number }[] }): string[] =>
    body.departures.flatMap(({ at, count }) => Array.from({ length: count }, () => at));
  const departureOf = ({ body }: Answer): string => body.recipients[0].scheduled_at ?? START;

  test('names the very places that as many deferred sends then take', async () => {
    await setPolicy(gateway, {
      limits: [
        { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 20 },
        { name: 'hourly', scope: 'installation', window: 'rolling_1h', max: 7, unit: 'message' },
        { name: 'calendar', scope: 'tenant', window: 'calendar_day', max: 11 },
        { name: 'rate', scope: 'app', window: 'rate', per: 'minute', max: 3, burst: 3 },
      ],
    });
    for (let n = 0; n < 5; n += 1) await send(gateway, { to: `before${n}@example.com`, on_limit: 'defer' });
    const { status, body } = await plan({ count: 60 });
    assert.equal(status, 200);
    assert.equal(body.count, 60);
    assert.deepEqual(body.blocked, []);
    const taken: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      taken.push(departureOf(await send(gateway, { to: `p${n}@example.com`, on_limit: 'defer' })));
    }
    assert.deepEqual(timesOf(body), [...taken].sort());
    assert.equal(body.last_at, [...taken].sort().at(-1));
    assert.ok(new Set(taken.map((at) => at.slice(0, 10))).size > 4, 'the limits spread them over days');
    assert.match(body.binding, /^(daily|hourly|calendar)$/);
  });

  test('to one person knows the cooldown and the limits of that person', async () => {
    await setPolicy(gateway, {
      cooldown: { seconds: 7200 },
      limits: [{ name: 'to_one', scope: 'recipient', window: 'rolling_24h', max: 3 }],
    });
    const message = { to: 'one@example.com', subject: 'A', text: 'B' };
    // A cooldown alone is no limit, so what is deferred by nothing else is refused: a plan says the same.
    const { body } = await plan({ count: 2, message });
    assert.deepEqual(body.departures, [{ at: START, count: 1 }]);
    assert.equal(body.blocked.length, 1);
    assert.equal(body.blocked[0].email, 'one@example.com');
    assert.deepEqual(
      body.blocked[0].reasons.map(({ code }: { code: string }) => code),
      ['cooldown'],
    );
    assert.equal(departureOf(await send(gateway, { ...message, on_limit: 'defer' })), START);
    assert.equal((await send(gateway, { ...message, on_limit: 'defer' })).status, 429);
  });

  test('of a message to several people counts each of them, and takes a place for each', async () => {
    await setPolicy(gateway, { limits: [{ name: 'fresh', scope: 'identity', window: 'calendar_day', max: 4 }] });
    const made = await gateway.fetchJson('POST', '/v1/identities', { handle: 'sue', from: 'sue@acme.example' });
    assert.equal(made.status, 201);
    const to = ['x@one.example', 'y@two.example', 'z@one.example'];
    const { body } = await plan({ count: 3, identity: 'sue', message: { to } });
    const taken: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const answer = await send(gateway, { to, identity: 'sue', on_limit: 'defer' });
      for (const one of answer.body.recipients) taken.push(one.scheduled_at ?? START);
    }
    assert.deepEqual(timesOf(body), [...taken].sort());
    assert.equal(body.binding, 'fresh');
  });

  test('with a latest time of use says how many come too late, and for what', async () => {
    await setPolicy(gateway, { limits: [{ name: 'few', scope: 'agent', window: 'rolling_1h', max: 10 }] });
    const by = later(START, 2 * 3_600_000 + 999);
    const { body } = await plan({ count: 100_000, message: { agent: 'outreach' }, by });
    assert.equal(timesOf(body).length, 30);
    assert.equal(body.last_at.slice(0, 19), by.slice(0, 19));
    assert.equal(body.binding, 'few');
    assert.equal(body.blocked[0].count, 100_000 - 30);
    assert.equal(body.blocked[0].email, null);
    assert.equal(body.blocked[0].reasons[0].code, 'hourly_quota_exceeded');
  });

  test('consumes nothing, and names what would be refused for good', async () => {
    await setPolicy(gateway, { limits: [{ name: 'sparse', scope: 'tenant', window: 'rolling_5m', max: 1000 }] });
    await gateway.fetchJson('POST', '/v1/suppressions', { email: 'gone@example.com', reason: 'hard_bounce' });
    const before = await gateway.fetchJson('GET', '/v1/limits');
    const { body } = await plan({ count: 5, message: { to: ['gone@example.com', 'here@example.com'] } });
    assert.equal(timesOf(body).length, 5);
    assert.deepEqual(
      body.blocked.map(({ email, count }: { email: string; count: number }) => [email, count]),
      [['gone@example.com', 5]],
    );
    assert.equal(body.blocked[0].reasons[0].code, 'suppressed');
    assert.deepEqual((await gateway.fetchJson('GET', '/v1/limits')).body, before.body);
  });

  test('that cannot be made is refused with every fault at its place', async () => {
    const { status, body } = await plan({ count: 0, message: { to: 'nobody', kind: 'wild' }, by: 'soon', extra: 1 });
    assert.equal(status, 422);
    assert.deepEqual(body.errors.map(({ param }: { param: string }) => param).sort(), ['by', 'count', 'extra']);
    const inner = await plan({ count: 1, message: { to: 'nobody', kind: 'wild' } });
    assert.equal(inner.status, 422);
    assert.deepEqual(inner.body.errors.map(({ param }: { param: string }) => param).sort(), [
      'message.kind',
      'message.to[0].email',
    ]);
    const unknown = await plan({ count: 1, identity: 'who' });
    assert.equal(unknown.body.errors[0].param, 'identity');
  });
});
