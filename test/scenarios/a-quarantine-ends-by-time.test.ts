/** On the test clock: a quarantine with a set end, and limits on probation that grow back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call } from '../harness/tenants.ts';
import { later, moveClock, send, setPolicy } from '../harness/test-mode.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAILY = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 100 } as const;

describe('a quarantine that the policy lets end by itself', () => {
  let gateway: TestGateway;
  let start: string;
  before(async () => {
    gateway = await startTestGateway();
    await setPolicy(gateway, { quarantine: { release_after: 'PT6H' }, limits: [DAILY] });
    start = (await moveClock(gateway, { advance: 'PT1H' })).body.now;
  });
  after(() => gateway.stop());

  test('says when, refuses until then, and sends from then on', async () => {
    let refused = await send(gateway, { text: 'hi' });
    for (let n = 0; n < 20 && refused.status === 202; n += 1) refused = await send(gateway, { text: 'hi' });
    assert.equal(refused.status, 403);
    assert.deepEqual(refused.body.clears, { by: ['operator', 'time'], at: later(start, 6 * HOUR_MS) });
    assert.equal((await gateway.fetchJson('GET', '/v1/quarantine')).body.release_at, later(start, 6 * HOUR_MS));
    await moveClock(gateway, { now: later(start, 6 * HOUR_MS - 1) });
    assert.equal((await send(gateway)).status, 403);
    await moveClock(gateway, { now: later(start, 6 * HOUR_MS) });
    assert.equal((await gateway.fetchJson('GET', '/v1/quarantine')).body.state, 'none');
    const sent = await send(gateway, { to: 'eve@example.com', text: 'Here is the quote that you asked for, Eve.' });
    assert.equal(sent.status, 202, JSON.stringify(sent.body));
    assert.equal(sent.body.risk.level, 'normal');
    const { body } = await gateway.fetchJson('GET', '/v1/events?types=account.quarantine_released&after_seq=0');
    assert.equal(body.data.length, 1);
    assert.equal(body.data[0].data.by, 'release time');
  });
});

describe('an account on probation', () => {
  let gateway: TestGateway;
  let operator: Call;
  let quarantine: string;
  let start: string;
  before(async () => {
    gateway = await startTestGateway();
    operator = asOperator(gateway);
    await setPolicy(gateway, { limits: [DAILY] });
    start = (await moveClock(gateway, { advance: 'PT1H' })).body.now;
    const set = await operator(
      'POST',
      `/v1/tenants/${gateway.tenantId}/quarantine`,
      { note: 'Odd.' },
      { 'X-Mode': 'test' },
    );
    quarantine = set.body.id;
  });
  after(() => gateway.stop());
  const limit = async (): Promise<number> => (await gateway.fetchJson('GET', '/v1/limits')).body.data[0].limit;
  const release = (probation: object | null) =>
    operator('POST', `/v1/quarantines/${quarantine}/release`, { note: 'Explained.', probation, held: 'send' });

  test('has its limits grow back in a line, until they are whole', async () => {
    assert.equal((await release({ factor: 0.1, days: 9 })).body.state, 'probation');
    const seen: number[] = [];
    for (let day = 0; day <= 9; day += 1) {
      if (day > 0) await moveClock(gateway, { now: later(start, day * DAY_MS) });
      seen.push(await limit());
    }
    assert.deepEqual(seen, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    assert.equal((await gateway.fetchJson('GET', '/v1/quarantine')).body.state, 'none');
    const { body } = await gateway.fetchJson('GET', '/v1/events?types=account.probation_ended&after_seq=0');
    assert.equal(body.data.length, 1);
  });

  test('is refused at the reduced limit, with its evidence, and a check and the verdict say the same', async () => {
    const set = await operator('POST', `/v1/tenants/${gateway.tenantId}/quarantine`, { note: 'Odd.', mode: 'test' });
    quarantine = set.body.id;
    await release({ factor: 0.02, days: 2 });
    for (const to of ['ann@example.com', 'ben@example.com']) assert.equal((await send(gateway, { to })).status, 202);
    const refused = await send(gateway, { to: 'cid@example.com' });
    assert.equal(refused.status, 429);
    const { evidence } = refused.body.reasons[0];
    assert.deepEqual([evidence.limit, evidence.full_limit], [2, 100]);
    assert.equal(evidence.probation_ends_at, later(start, 11 * DAY_MS));
    assert.match(refused.body.detail, /on probation/);
    const verdict = await gateway.fetchJson('GET', `/v1/messages/${refused.body.message_id}/verdict`);
    assert.equal(verdict.body.reproduced, true);
    assert.equal(verdict.body.recipients[0].facts.quarantine.state, 'probation');
    const queued = await send(gateway, { to: 'cid@example.com', on_limit: 'defer' });
    assert.equal(queued.body.recipients[0].status, 'scheduled');
  });

  test('gets a limit for that time where its policy has none', async () => {
    await setPolicy(gateway, {});
    assert.deepEqual((await gateway.fetchJson('GET', '/v1/limits')).body.data, []);
    await release({ factor: 0.5, days: 4 });
    const [own] = (await gateway.fetchJson('GET', '/v1/limits')).body.data;
    assert.deepEqual([own.name, own.limit, own.full_limit], ['probation', 50, 100]);
    await release(null);
    assert.deepEqual((await gateway.fetchJson('GET', '/v1/limits')).body.data, []);
    const ended = await release(null);
    assert.equal(ended.status, 409);
    assert.equal(ended.body.code, 'state_conflict');
  });
});
