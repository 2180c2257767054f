import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { leave, mail, setPolicy, standingLimits } from '../harness/by-hand.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { moveClock, send } from '../harness/test-mode.ts';

type Difference = {
  message_id: string;
  email: string;
  added: string[];
  removed: string[];
  decided: { verdict: string };
  shadow: { verdict: string; reasons: { code: string; evidence: Record<string, unknown> }[] };
};

describe('a shadow policy', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await moveClock(gateway, { now: '2027-05-03T09:00:00.000Z' });
    await setPolicy(gateway, { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 10 }] });
  });
  after(() => gateway.stop());
  const shadow = (method: string, body?: unknown): Promise<Answer> =>
    gateway.fetchJson(method, '/v1/policy/shadow', body);
  const differences = async (query = ''): Promise<{ data: Difference[]; next_cursor: string | null }> =>
    (await gateway.fetchJson('GET', `/v1/policy/shadow/differences${query}`)).body;

  test('is not there until one is put, and a faulty one is refused whole', async () => {
    assert.equal((await shadow('GET')).status, 404);
    assert.equal((await shadow('DELETE')).status, 404);
    assert.deepEqual(await differences(), { data: [], next_cursor: null });
    const faulty = await shadow('PUT', {
      limits: [{ name: 'x', scope: 'planet', window: 'rolling_9y', max: -1 }],
      cooldown: { seconds: 'long' },
      surprise: true,
    });
    assert.equal(faulty.status, 422);
    assert.deepEqual(faulty.body.errors.map(({ param }: { param: string }) => param).sort(), [
      'cooldown.seconds',
      'limits[0].max',
      'limits[0].scope',
      'limits[0].window',
      'surprise',
    ]);
    assert.equal((await shadow('GET')).status, 404);
  });

  test('tells on whom it would have decided otherwise, while sends go as the real policy says', async () => {
    const put = await shadow('PUT', {
      limits: [
        { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 4 },
        { name: 'to_one', scope: 'recipient', window: 'rolling_7d', max: 1 },
        { name: 'pace', scope: 'app', window: 'rate', per: 'minute', max: 3 },
      ],
      note: 'half of it',
    });
    assert.equal(put.status, 200);
    assert.equal(put.body.note, 'half of it');
    assert.equal(put.body.result.limits.find(({ name }: { name: string }) => name === 'daily').max, 4);
    const limits = await standingLimits(gateway);
    assert.deepEqual(
      limits.map(({ name, remaining }) => [name, remaining]),
      [['daily', 10]],
    );
    const statuses: number[] = [];
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      if (n === 4) await moveClock(gateway, { advance: 'PT1M' });
      const { status, body } = await send(gateway, mail(`p${n === 1 ? 0 : n}@example.com`));
      statuses.push(status);
      ids.push(body.id ?? body.message_id);
    }
    assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 202), 429, 429]);
    const { data } = await differences();
    assert.deepEqual(
      data.reverse().map((one) => [ids.indexOf(one.message_id), one.decided.verdict, one.shadow.verdict, one.added]),
      [
        [1, 'accept', 'block', ['recipient_frequency_exceeded']],
        [3, 'accept', 'block', ['send_rate_exceeded']],
        ...[4, 5].map((n) => [n, 'accept', 'block', ['daily_quota_exceeded']]),
        // The fourth left in truth, so it counts.
        ...[6, 7, 8, 9].map((n) => [n, 'accept', 'block', ['send_rate_exceeded', 'daily_quota_exceeded']]),
        ...[10, 11].map((n) => [n, 'block', 'block', ['send_rate_exceeded']]),
      ],
    );
    assert.equal(data[1]!.shadow.reasons[0]!.evidence['limit_name'], 'pace');
    const state = (await shadow('GET')).body;
    assert.equal(state.decided, 12);
    assert.equal(state.differing, 10);
  });

  test('pages its differences newest first', async () => {
    const first = await differences('?limit=4');
    assert.equal(first.data.length, 4);
    const rest = await differences(`?limit=200&cursor=${first.next_cursor}`);
    assert.equal(rest.data.length, 6);
    assert.equal(rest.next_cursor, null);
    const all = await differences();
    assert.deepEqual([...first.data, ...rest.data], all.data);
  });

  test('gives back what was cancelled, and is as strict as the same policy in force', async () => {
    const draft = { limits: [{ name: 'weekly', scope: 'tenant' as const, window: 'rolling_7d', max: 2 }] };
    await gateway.fetchJson('POST', '/v1/test/reset');
    await setPolicy(gateway, {});
    await shadow('PUT', draft);
    const later = await send(gateway, mail('a@example.com', { send_at: '2027-05-04T09:00:00Z' }));
    await gateway.fetchJson('POST', `/v1/messages/${later.body.id}/cancel`);
    for (const to of ['b@example.com', 'c@example.com']) await send(gateway, mail(to));
    assert.deepEqual((await differences()).data, []);
    await send(gateway, mail('d@example.com'));
    assert.equal((await differences()).data.length, 1);
    await leave(gateway);
    await setPolicy(gateway, draft);
    const refused = await send(gateway, mail('e@example.com'));
    assert.equal(refused.status, 429);
    assert.equal(refused.body.code, 'daily_quota_exceeded');
    assert.equal(refused.body.limits[0].used, 3);
    assert.equal((await differences()).data.length, 1);
  });

  test('goes with its differences when it is removed, and leaves a trace in the audit log', async () => {
    assert.deepEqual((await shadow('DELETE')).body, { removed: true });
    assert.equal((await shadow('GET')).status, 404);
    assert.deepEqual((await differences()).data, []);
    await send(gateway, mail('f@example.com'));
    assert.deepEqual((await differences()).data, []);
    const { body } = await gateway.fetchJson('GET', '/v1/audit?limit=200');
    const actions = body.data.map(({ action }: { action: string }) => action);
    assert.equal(actions.filter((action: string) => action === 'policy.shadow_put').length, 2);
    assert.equal(actions.filter((action: string) => action === 'policy.shadow_removed').length, 1);
  });
});
