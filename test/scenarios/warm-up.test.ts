import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { moveClock, send, setPolicy } from '../harness/test-mode.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  await moveClock(gateway, { now: '2027-03-01T09:00:00.000Z' });
  await setPolicy(gateway, { warmup: { start: 2, factor_percent: 200, every_days: 1, days: 3 } });
});
after(() => gateway.stop());

async function makeIdentity(handle: string): Promise<void> {
  const made = await gateway.fetchJson('POST', '/v1/identities', { handle, from: `${handle}@acme.example` });
  assert.equal(made.status, 201, JSON.stringify(made.body));
}

let people = 0;
const sendFrom = (identity: string, more: object = {}) => {
  people += 1;
  return send(gateway, { identity, to: `p${people}@people.example`, ...more });
};

async function placesOf(identity: string): Promise<{ limit: number; used: number; remaining: number } | undefined> {
  const { data } = (await gateway.fetchJson('GET', `/v1/limits?identity=${identity}`)).body;
  const found = data.find(({ name }: { name: string }) => name === 'warmup_places');
  return found && { limit: found.limit, used: found.used, remaining: found.remaining };
}

test('the places of a new identity grow from day to day, show in the headroom, and end with the warm-up', async () => {
  await makeIdentity('anna');
  assert.deepEqual(await placesOf('anna'), { limit: 2, used: 0, remaining: 2 });
  const first = await sendFrom('anna');
  assert.equal(first.status, 202);
  const shown = first.body.limits.find(({ name }: { name: string }) => name === 'warmup_places');
  assert.equal(shown.remaining, 1);
  assert.equal(shown.resets_at, '2027-03-02T00:00:00.000Z');
  assert.equal((await sendFrom('anna')).status, 202);
  const refused = await sendFrom('anna');
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'warmup_limit_exceeded');
  assert.equal(refused.body.clears.at, '2027-03-02T00:00:00.000Z');
  assert.equal(refused.body.reasons[0].evidence.day, 1);
  assert.equal(refused.body.reasons[0].evidence.identity, 'anna');
  await moveClock(gateway, { now: '2027-03-01T23:59:59.999Z' });
  assert.equal((await sendFrom('anna')).status, 429);
  await moveClock(gateway, { now: '2027-03-02T00:00:00.000Z' });
  assert.deepEqual(await placesOf('anna'), { limit: 4, used: 0, remaining: 4 });
  for (let i = 0; i < 4; i += 1) assert.equal((await sendFrom('anna')).status, 202);
  assert.equal((await sendFrom('anna')).body.code, 'warmup_limit_exceeded');
  await moveClock(gateway, { now: '2027-03-04T00:00:00.000Z' });
  assert.equal(await placesOf('anna'), undefined);
  for (let i = 0; i < 20; i += 1) assert.equal((await sendFrom('anna')).status, 202);
});

test('what may wait takes a place on the next day that has one, as many as that day has', async () => {
  await makeIdentity('bert');
  const days: string[] = [];
  for (let i = 0; i < 16; i += 1) {
    const { body } = await sendFrom('bert', { on_limit: 'defer', kind: 'marketing' });
    const [recipient] = body.recipients;
    days.push((recipient.scheduled_at ?? body.created_at).slice(0, 10));
    if (recipient.scheduled_at !== null) assert.equal(recipient.reasons[0].evidence.limit_name, 'warmup_places');
  }
  const count = (day: string): number => days.filter((one) => one === day).length;
  assert.deepEqual(
    ['2027-03-04', '2027-03-05', '2027-03-06', '2027-03-07'].map(count),
    [2, 4, 8, 2],
    'after the last day nothing limits it',
  );
  await moveClock(gateway, { now: '2027-03-05T12:00:00.000Z' }, 10);
  assert.equal((await sendFrom('bert')).body.code, 'warmup_limit_exceeded', 'what was reserved is taken');
  const verdictOf = async (id: string) =>
    (await gateway.fetchJson('GET', `/v1/messages/${id}/verdict`)).body.recipients[0];
  const late = await sendFrom('bert', { on_limit: 'defer' });
  assert.equal((await verdictOf(late.body.id)).reproduced, true);
});

test('a message that names no identity is no part of a warm-up of identities', async () => {
  for (let i = 0; i < 4; i += 1) {
    people += 1;
    const answer = await send(gateway, { from: 'other@acme.example', to: `p${people}@people.example` });
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.body.limits, []);
  }
});
