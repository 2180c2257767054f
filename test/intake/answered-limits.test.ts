import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inHours, leave, mail, setPolicy, standingLimits } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

type Shown = { name: string; used: number; remaining: number; resets_at: string | null };

const shown = (limits: Shown[]) =>
  limits.map(({ name, used, remaining, resets_at }) => ({ name, used, remaining, resets_at }));

let gateway: TestGateway;

async function standing(narrow: { identity?: string; recipient?: string } = {}): Promise<Shown[]> {
  return (await standingLimits(gateway, narrow)).map(({ resetsAt, ...rest }) => ({
    ...rest,
    resets_at: resetsAt === null ? null : new Date(resetsAt).toISOString(),
  }));
}

describe('limits in the answer to a send', () => {
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await setPolicy(gateway, {
      limits: [
        { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 30 },
        { name: 'weekly', scope: 'tenant', window: 'rolling_7d', max: 100 },
        { name: 'day', scope: 'app', window: 'calendar_day', max: 40 },
        { name: 'messages', scope: 'tenant', window: 'calendar_month', unit: 'message', max: 25 },
        { name: 'person', scope: 'recipient', window: 'rolling_24h', max: 5 },
        { name: 'domain', scope: 'recipient_domain', window: 'calendar_hour', max: 20 },
      ],
    });
    const made = await gateway.fetchJson('POST', '/v1/identities', { handle: 'alice', from: 'alice@acme.example' });
    assert.equal(made.status, 201);
  });
  after(() => gateway.stop());

  const sends: [string, () => Record<string, unknown>][] = [
    ['the first to anybody', () => mail('bob@one.example')],
    ['one to the same person', () => mail('bob@one.example')],
    ['one to three people at two domains', () => mail(['a@two.example', 'b@two.example', 'c@three.example'])],
    ['one of whose recipients is refused', () => mail(['nobody@simulator.postern.test', 'd@two.example'])],
    ['one whose last recipient is refused', () => mail(['e@two.example', 'blocked+suppressed@simulator.postern.test'])],
    ['one that leaves tomorrow', () => mail('f@one.example', { send_at: inHours(24) })],
    ['one of many that leaves in ten days', () => mail(['g@one.example', 'h@one.example'], { send_at: inHours(240) })],
  ];
  for (const [what, body] of sends) {
    test(`are those that stand right after ${what}`, async () => {
      const { status, body: answer } = await gateway.fetchJson('POST', '/v1/messages', body());
      assert.equal(status, 202);
      const now = await standing();
      assert.ok(now.some(({ used }) => used > 0));
      assert.deepEqual(
        shown(answer.limits),
        now.filter(({ name }) => !['person', 'domain'].includes(name)),
      );
      for (const recipient of answer.recipients) {
        const own = (await standing({ recipient: recipient.email })).filter(({ name }) =>
          ['person', 'domain'].includes(name),
        );
        assert.deepEqual(shown(recipient.limits), own, recipient.email);
      }
    });
  }

  test('are told by the headers as well', async () => {
    const { headers, body } = await gateway.fetchJson('POST', '/v1/messages', mail('i@one.example'));
    const daily = (body.limits as Shown[]).find(({ name }) => name === 'daily')!;
    assert.match(headers.get('ratelimit') ?? '', new RegExp(`"daily";r=${daily.remaining};t=\\d+`));
    const limits = body.limits as (Shown & { limit: number })[];
    const [tightest] = limits.toSorted((a, b) => a.remaining / a.limit - b.remaining / b.limit);
    assert.equal(headers.get('x-quota-remaining'), String(tightest!.remaining));
    assert.equal(headers.get('x-quota-limit'), String(tightest!.limit));
  });

  test('of a refusal count nothing', async () => {
    const earlier = (await standing()).find(({ name }) => name === 'daily')!;
    const { status, body } = await gateway.fetchJson(
      'POST',
      '/v1/messages',
      mail('blocked+suppressed@simulator.postern.test'),
    );
    assert.equal(status, 422);
    assert.deepEqual(
      shown(body.limits).find(({ name }) => name === 'daily'),
      earlier,
    );
  });

  test('of a send that waits for a full limit never pass the limit', async () => {
    await setPolicy(gateway, { limits: [{ name: 'few', scope: 'tenant', window: 'rolling_24h', max: 1 }] });
    const deferred = mail('j@one.example', { on_limit: 'defer' });
    const { status, body } = await gateway.fetchJson('POST', '/v1/messages', deferred);
    assert.equal(status, 202);
    assert.equal(body.status, 'scheduled');
    assert.deepEqual(shown(body.limits), await standing());
    assert.equal(body.limits[0].remaining, 0);
  });

  test('are the same when the key is used again, whatever happened since', async () => {
    await setPolicy(gateway, { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 500 }] });
    const headers = { 'idempotency-key': 'again' };
    const body = mail(['k@one.example', 'l@one.example'], { send_at: inHours(30) });
    const first = await gateway.fetchJson('POST', '/v1/messages', body, { headers });
    await gateway.fetchJson('POST', '/v1/messages', mail('m@one.example'));
    await leave(gateway);
    await gateway.fetchJson('POST', `/v1/messages/${first.body.id}/cancel`);
    const again = await gateway.fetchJson('POST', '/v1/messages', body, { headers });
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.deepEqual(again.body, first.body);
  });
});
