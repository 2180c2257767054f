import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { later, moveClock, send, setPolicy } from '../harness/test-mode.ts';

let gateway: TestGateway;
let start: string;

before(async () => {
  gateway = await startTestGateway();
  await moveClock(gateway, { now: '2027-03-01T09:00:00.000Z' });
});
after(() => gateway.stop());
beforeEach(async () => {
  await gateway.fetchJson('POST', '/v1/test/reset');
  start = (await gateway.fetchJson('GET', '/v1/test/clock')).body.now;
});

const HOUR = 3_600_000;

/** Sends to so many people, a minute after each other, and lets it all leave. */
async function sendTo(count: number, name = 'p'): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    assert.equal((await send(gateway, { to: `${name}${i}@people.example` })).status, 202);
    await moveClock(gateway, { advance: 'PT1M' }, 10);
  }
}

async function report(kind: string, email: string, more: object = {}): Promise<void> {
  const answer = await gateway.fetchJson('POST', '/v1/returns', { kind, email, ...more });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

test('a bounce rate above the budget stops the account, with its figures, and clears when the window frees enough', async () => {
  await setPolicy(gateway, { risk_budget: { window: 'rolling_24h', min_sample: 10, max_bounce_rate: 0.2 } });
  await sendTo(10);
  for (const i of [0, 1]) await report('bounce', `p${i}@people.example`, { class: 'unknown_user' });
  assert.equal((await send(gateway, { to: 'q@people.example' })).status, 202, 'two of ten are allowed');
  await moveClock(gateway, { advance: 'PT1H' }, 10);
  await report('bounce', 'p2@people.example');
  const refused = await send(gateway, { to: 'r@people.example' });
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'risk_budget_exceeded');
  const { evidence, clears } = refused.body.reasons[0];
  assert.equal(evidence.measure, 'bounce_rate');
  assert.equal(evidence.count, 3);
  assert.equal(evidence.sample, 11);
  assert.equal(evidence.rate, 3 / 11);
  // Ten sends are too few to judge by: two of the eleven must leave the window.
  assert.equal(clears.at, later(start, 24 * HOUR + 60_000));
  assert.equal(
    refused.headers.get('retry-after'),
    String((Date.parse(clears.at) - Date.parse(start) - HOUR) / 1000 - 600),
  );
  await moveClock(gateway, { now: later(clears.at, -1000) }, 10);
  assert.equal((await send(gateway, { to: 'r@people.example' })).status, 429);
  await moveClock(gateway, { now: clears.at }, 10);
  assert.equal((await send(gateway, { to: 'r@people.example' })).status, 202);
});

test('a complaint rate stops the account, and a full mailbox is no bad sign', async () => {
  await setPolicy(gateway, { risk_budget: { min_sample: 5, max_bounce_rate: 0.1, max_complaint_rate: 0.1 } });
  await sendTo(5);
  await report('bounce', 'p0@people.example', { class: 'mailbox_full' });
  assert.equal((await send(gateway, { to: 'q@people.example' })).status, 202);
  await report('complaint', 'p1@people.example');
  const refused = await send(gateway, { to: 'r@people.example' });
  assert.equal(refused.body.code, 'risk_budget_exceeded');
  assert.deepEqual(
    refused.body.reasons.map((reason: { evidence: { measure: string } }) => reason.evidence.measure),
    ['complaint_rate'],
  );
});

test('bounces in the session of delivery count, and below the sample no rate does', async () => {
  await setPolicy(gateway, { risk_budget: { min_sample: 3, max_bounce_rate: 0.3 } });
  assert.equal((await send(gateway, { to: 'bounced@simulator.postern.test' })).status, 202);
  await moveClock(gateway, { advance: 'PT1M' }, 10);
  await sendTo(1);
  assert.equal((await send(gateway, { to: 'q@people.example' })).status, 202);
  const refused = await send(gateway, { to: 'r@people.example' });
  assert.equal(refused.body.code, 'risk_budget_exceeded');
});

test('a number of bad signs stops the account until the oldest of them leaves the window', async () => {
  await setPolicy(gateway, { negative_signals: { window: 'rolling_1h', max: 3 } });
  await sendTo(4);
  await report('unsubscribe', 'p0@people.example');
  await moveClock(gateway, { advance: 'PT10M' });
  await report('complaint', 'p1@people.example');
  await report('complaint', 'p1@people.example');
  assert.equal((await send(gateway, { to: 'q@people.example' })).status, 202, 'the same complaint counts once');
  await report('bounce', 'p2@people.example', { class: 'unknown_user' });
  const refused = await send(gateway, { to: 'r@people.example' });
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'negative_signal_budget_exceeded');
  const { evidence, clears } = refused.body.reasons[0];
  assert.deepEqual(
    [evidence.used, evidence.limit, evidence.bounces, evidence.complaints, evidence.unsubscribes],
    [3, 3, 1, 1, 1],
  );
  assert.equal(clears.at, later(start, 4 * 60_000 + HOUR));
  await moveClock(gateway, { now: later(clears.at, -1000) });
  assert.equal((await send(gateway, { to: 'r@people.example' })).status, 429);
  await moveClock(gateway, { now: clears.at });
  assert.equal((await send(gateway, { to: 'r@people.example' })).status, 202);
});
