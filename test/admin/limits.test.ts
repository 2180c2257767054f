import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bindingOf } from '../../src/admin/limits.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { hello, makeTenant } from '../harness/tenants.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const names = (answer: { body: { data: { name: string }[] } }) => answer.body.data.map(({ name }) => name);

test('without limits nothing binds', async () => {
  const { agent } = await makeTenant(gateway);
  assert.deepEqual((await agent.call('GET', '/v1/limits')).body, { data: [], binding: null });
});

test('limits are narrowed to the scopes that are named, and the tightest share binds', async () => {
  const { agent } = await makeTenant(gateway);
  await agent.call('PUT', '/v1/policy', {
    limits: [
      { name: 'wide', scope: 'tenant', window: 'calendar_day', max: 100 },
      { name: 'narrow', scope: 'tenant', window: 'rolling_1h', max: 10 },
      { name: 'person', scope: 'recipient', window: 'rolling_24h', max: 2 },
      { name: 'domain', scope: 'recipient_domain', window: 'rolling_24h', max: 50 },
      { name: 'persona', scope: 'identity', window: 'calendar_day', max: 30 },
    ],
  });
  await agent.call('POST', '/v1/identities', { handle: 'alice', from: 'alice@acme.example', daily_cap: 3 });
  await hello(agent.call, 'bob@example.com', { identity: 'alice' });
  const plain = await agent.call('GET', '/v1/limits');
  assert.deepEqual(names(plain), ['wide', 'narrow']);
  assert.equal(plain.body.binding, 'narrow');
  const [wide] = plain.body.data;
  assert.deepEqual(
    [wide.scope.kind, wide.unit, wide.window, wide.limit, wide.used, wide.remaining],
    ['tenant', 'recipient', 'calendar_day', 100, 1, 99],
  );
  assert.match(wide.resets_at, /T00:00:00\.000Z$/);
  const persona = await agent.call('GET', '/v1/limits?identity=alice');
  assert.deepEqual(names(persona), ['wide', 'narrow', 'persona', 'identity_cap']);
  assert.equal(persona.body.binding, 'identity_cap');
  const person = await agent.call('GET', '/v1/limits?recipient=BOB@example.com');
  assert.deepEqual(names(person), ['wide', 'narrow', 'person', 'domain']);
  assert.deepEqual([person.body.binding, person.body.data[2].remaining], ['person', 1]);
  assert.equal((await agent.call('GET', '/v1/limits?recipient=eve@example.com')).body.data[2].used, 0);
});

test('an identity that is not there is a 404, an address that is none a 422', async () => {
  const { agent } = await makeTenant(gateway);
  assert.equal((await agent.call('GET', '/v1/limits?identity=nobody')).status, 404);
  assert.equal((await agent.call('GET', '/v1/limits?recipient=nobody')).status, 422);
  assert.equal((await agent.call('GET', '/v1/limits?colour=red')).status, 422);
});

test('the binding limit is the one with the smallest remaining share, of equal ones that with fewer places', () => {
  const limit = (name: string, max: number, remaining: number) => ({ name, limit: max, remaining });
  assert.equal(bindingOf([]), null);
  assert.equal(bindingOf([limit('a', 100, 50), limit('b', 10, 6)]), 'a');
  assert.equal(bindingOf([limit('a', 100, 100), limit('b', 10, 10)]), 'b');
  assert.equal(bindingOf([limit('a', 100, 1), limit('none', 0, 0), limit('b', 10, 10)]), 'none');
  assert.equal(bindingOf([limit('none', 0, 0), limit('a', 100, 100)]), 'none');
});
