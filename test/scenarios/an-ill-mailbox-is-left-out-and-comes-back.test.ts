import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Settlement } from '../../src/data/store.ts';
import { ATTEMPT, claimDue } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Caller, eventsOf, hello, makeTenant, type TestTenant, trustTraffic } from '../harness/tenants.ts';

let gateway: TestGateway;
let tenant: TestTenant;
let agent: Caller;

before(async () => {
  gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  tenant = await makeTenant(gateway, { trust: 'established' });
  ({ agent } = tenant);
  await trustTraffic(gateway, tenant.id);
  for (const address of ['ill@acme.example', 'well@acme.example']) {
    await agent.call('POST', '/v1/mailboxes', { address, provider: 'default' });
  }
  const made = await agent.call('POST', '/v1/identities', {
    ...{ handle: 'alice', from: 'alice@acme.example', mailboxes: ['ill@acme.example', 'well@acme.example'] },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
});
after(() => gateway.stop());

let people = 0;
function send() {
  people += 1;
  return hello(agent.call, `p@example${people}.com`, { identity: 'alice' });
}

/** Lets what is due leave; what goes through the ill mailbox bounces. Answers how much went through each. */
async function leave(): Promise<{ ill: number; well: number }> {
  const { store } = gateway.gateway;
  const counts = { ill: 0, well: 0 };
  for (const { recipient, token, route } of await claimDue(gateway)) {
    const isIll = route.mailbox?.address === 'ill@acme.example';
    counts[isIll ? 'ill' : 'well'] += 1;
    await store.mark({ recipient, token });
    const ending = isIll
      ? { outcome: 'bounced', hard: false, suppress: false, attempt: { ...ATTEMPT, class: 'reputation_block' } }
      : { outcome: 'delivered', attempt: ATTEMPT };
    assert.ok(await store.settle({ recipient, token, ...ending } as Settlement));
  }
  return counts;
}

const mailbox = async (address: string) => (await agent.call('GET', `/v1/mailboxes/${address}`)).body;

test('a mailbox whose mail bounces is left out, told of with its rates, and comes back as they age', async () => {
  await agent.call('POST', '/v1/test/clock', { now: new Date().toISOString() });
  for (let i = 0; i < 8; i += 1) assert.equal((await send()).status, 202);
  const spread = await leave();
  assert.ok(spread.ill > 0 && spread.well > 0, JSON.stringify(spread));
  for (let i = 0; i < 8; i += 1) await send();
  assert.deepEqual(await leave(), { ill: 0, well: 8 }, 'the healthier one is preferred');
  await agent.call('POST', '/v1/mailboxes/well@acme.example/pause');
  for (let i = 0; i < 12; i += 1) assert.equal((await send()).status, 202);
  assert.deepEqual(await leave(), { ill: 12, well: 0 });
  await agent.call('POST', '/v1/mailboxes/well@acme.example/resume');
  const ill = await mailbox('ill@acme.example');
  assert.ok(ill.health < 20 && ill.excluded_since !== null && ill.recovers_at !== null, JSON.stringify(ill));
  assert.deepEqual([ill.waits_for.cause, ill.waits_for.until], ['health', ill.recovers_at]);
  assert.equal((await mailbox('well@acme.example')).health, 100);

  for (let i = 0; i < 5; i += 1) await send();
  assert.deepEqual(await leave(), { ill: 0, well: 5 }, 'nothing leaves through it');

  const health = (await agent.call('GET', '/v1/mailboxes/ill@acme.example/health')).body;
  assert.deepEqual([health.level, health.excluded_below, health.back_from], ['excluded', 20, 40]);
  assert.ok(health.because.bounced > 60 && health.rates.bounced > 0.15, JSON.stringify(health));
  assert.equal(health.history.length, 1);
  assert.ok(health.history[0].bounced >= 8 && health.history[0].delivered === 0);

  await agent.call('POST', '/v1/mailboxes/well@acme.example/pause');
  const refused = await send();
  assert.deepEqual([refused.status, refused.body.code], [429, 'mailboxes_exhausted'], JSON.stringify(refused.body));
  assert.match(JSON.stringify(refused.body.reasons), /ill@acme\.example/);

  await agent.call('POST', '/v1/test/clock', { now: ill.recovers_at });
  const back = await mailbox('ill@acme.example');
  assert.deepEqual([back.excluded_since, back.waits_for], [null, null]);
  assert.ok(back.health >= 40);
  assert.equal((await send()).status, 202);
  assert.deepEqual(await leave(), { ill: 1, well: 0 });

  const told = (await eventsOf(gateway, tenant.no)).filter(({ type }) => type === 'mailbox.health_changed');
  assert.deepEqual(
    told.map(({ data }) => [data['address'], data['previous_level'], data['level'], data['excluded']]),
    [
      ['ill@acme.example', 'good', 'weak', false],
      ['ill@acme.example', 'weak', 'excluded', true],
      ['ill@acme.example', 'excluded', 'weak', false],
    ],
  );
});

test('a complaint that comes back counts for the mailbox that the message left through', async () => {
  await agent.call('POST', '/v1/mailboxes/well@acme.example/resume');
  await agent.call('POST', '/v1/mailboxes/ill@acme.example/pause');
  const { body } = await send();
  await leave();
  const reported = await agent.call('POST', '/v1/returns', { kind: 'complaint', message_id: body.id });
  assert.equal(reported.status, 200, JSON.stringify(reported.body));
  const { rates, history } = (await agent.call('GET', '/v1/mailboxes/well@acme.example/health')).body;
  assert.ok(rates.complained > 0);
  assert.equal(history[0].complained, 1);
});
