import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SUPPRESSION_REASONS } from '../../src/policy/suppression.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, eventsOf, hello, makeTenant, type TestTenant, withoutIds } from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

const forTenant = ({ id }: TestTenant) => ({ 'X-Tenant': id, 'X-Mode': 'test' });
const params = (answer: { body: { errors: { param: string }[] } }) => answer.body.errors.map(({ param }) => param);

async function suppress(call: Call, body: object): Promise<string> {
  const added = await call('POST', '/v1/suppressions', body);
  assert.equal(added.status, 201, JSON.stringify(added.body));
  return added.body.id;
}

test('a suppressed address gets nothing from the next send on, however it is spelt', async () => {
  const { agent, no } = await makeTenant(gateway);
  const added = await agent.call('POST', '/v1/suppressions', {
    email: 'Bob@Example.COM',
    reason: 'manual_dnc',
    note: 'asked',
  });
  assert.equal(added.status, 201);
  assert.match(added.body.id, /^sup_/);
  const { id, since, ...shown } = added.body;
  assert.deepEqual(shown, {
    email: 'bob@example.com',
    domain: null,
    hash: null,
    reason: 'manual_dnc',
    expires_at: null,
    note: 'asked',
    source: 'api',
  });
  const refused = await hello(agent.call, 'bob@example.com');
  assert.deepEqual([refused.status, refused.body.code], [422, 'suppressed']);
  assert.equal(refused.body.reasons[0].evidence.suppression_id, id);
  assert.deepEqual((await agent.call('GET', `/v1/suppressions/${id}`)).body, added.body);
  const [event] = (await eventsOf(gateway, no)).filter(({ type }) => type === 'suppression.created');
  assert.equal(event?.data['suppression_id'], id);
  assert.ok(Date.parse(since) <= Date.now());
});

test('a suppressed domain stops all its addresses and no other', async () => {
  const { agent } = await makeTenant(gateway);
  await suppress(agent.call, { domain: 'Bücher.example', reason: 'legal_request' });
  assert.equal((await hello(agent.call, 'any@xn--bcher-kva.example')).body.code, 'suppressed');
  assert.equal((await hello(agent.call, 'any@sub.xn--bcher-kva.example')).status, 202);
});

test('what is wrong with a suppression is told', async () => {
  const { agent } = await makeTenant(gateway);
  const post = (body: object) => agent.call('POST', '/v1/suppressions', body);
  const neither = await post({ reason: 'manual_dnc' });
  assert.deepEqual(
    [neither.status, neither.body.errors[0].code, params(neither)],
    [422, 'missing_parameter', ['email']],
  );
  const both = await post({ email: 'a@b.example', domain: 'b.example', reason: 'manual_dnc' });
  assert.deepEqual([both.status, both.body.errors[0].code], [422, 'mutually_exclusive']);
  const wrong = await post({ email: 'nobody', reason: 'manual_dnc', expires_at: 'soon' });
  assert.deepEqual(params(wrong), ['email', 'expires_at']);
  assert.deepEqual(params(await post({ domain: 'localhost', reason: 'whim', x: 1 })).sort(), ['reason', 'x']);
});

test('adding one again keeps the id and never ends it earlier', async () => {
  const { agent } = await makeTenant(gateway);
  const body = { email: 'bob@example.com', reason: 'hard_bounce' };
  const at = (year: number) => `${year}-01-01T00:00:00.000Z`;
  const first = await agent.call('POST', '/v1/suppressions', { ...body, expires_at: at(2090) });
  const add = async (expires_at: string | null) => {
    const again = await agent.call('POST', '/v1/suppressions', { ...body, expires_at });
    assert.deepEqual([again.status, again.body.id], [200, first.body.id]);
    return again.body.expires_at;
  };
  assert.equal(await add(at(2030)), at(2090));
  assert.equal(await add(at(2095)), at(2095));
  assert.equal(await add(null), null);
  assert.equal(await add('2020-01-01T00:00:00Z'), null);
  assert.equal((await hello(agent.call, 'bob@example.com')).body.code, 'suppressed');
});

test('one that has ended stops nothing', async () => {
  const { agent } = await makeTenant(gateway);
  await suppress(agent.call, { email: 'bob@example.com', reason: 'hard_bounce', expires_at: '2020-01-01T00:00:00Z' });
  assert.equal((await hello(agent.call, 'bob@example.com')).status, 202);
  const check = await agent.call('GET', '/v1/suppressions/check?email=bob@example.com');
  assert.deepEqual([check.body.suppressed, check.body.suppressions], [false, []]);
});

test('a check tells of the address and of its domain', async () => {
  const { agent } = await makeTenant(gateway);
  await suppress(agent.call, { email: 'bob@example.com', reason: 'complaint' });
  await suppress(agent.call, { domain: 'example.com', reason: 'manual_dnc' });
  const { body } = await agent.call('GET', '/v1/suppressions/check?email=BOB@example.com');
  assert.deepEqual([body.email, body.suppressed], ['bob@example.com', true]);
  assert.deepEqual(
    body.suppressions.map(({ reason, matched }: Record<string, string>) => [reason, matched]),
    [
      ['complaint', 'address'],
      ['manual_dnc', 'domain'],
    ],
  );
  assert.equal((await agent.call('GET', '/v1/suppressions/check')).status, 422);
  assert.equal((await agent.call('GET', '/v1/suppressions/check?email=x')).status, 422);
});

test('lists are narrowed by address, domain and reason, and paged', async () => {
  const { agent } = await makeTenant(gateway);
  await suppress(agent.call, { email: 'bob@example.com', reason: 'complaint' });
  await suppress(agent.call, { email: 'bob@example.com', reason: 'unsubscribe' });
  await suppress(agent.call, { domain: 'example.com', reason: 'complaint' });
  const list = async (query: string) => {
    const answer = await agent.call('GET', `/v1/suppressions?${query}`);
    assert.equal(answer.status, 200, query);
    return answer.body.data.map((row: Record<string, string>) => `${row['email'] ?? row['domain']} ${row['reason']}`);
  };
  assert.deepEqual(await list(''), [
    'example.com complaint',
    'bob@example.com unsubscribe',
    'bob@example.com complaint',
  ]);
  assert.deepEqual(await list('email=Bob@example.com'), ['bob@example.com unsubscribe', 'bob@example.com complaint']);
  assert.deepEqual(await list('domain=EXAMPLE.com'), ['example.com complaint']);
  assert.deepEqual(await list('reason=complaint'), ['example.com complaint', 'bob@example.com complaint']);
  assert.deepEqual(await list('email=bob@example.com&reason=complaint'), ['bob@example.com complaint']);
  const first = await agent.call('GET', '/v1/suppressions?limit=2');
  assert.deepEqual(await list(`cursor=${first.body.next_cursor}`), ['bob@example.com complaint']);
  for (const query of [
    'reason=whim',
    'email=x',
    'limit=0',
    'limit=201',
    'cursor=abc',
    'email=a@b.example&domain=b.example',
  ]) {
    assert.equal((await agent.call('GET', `/v1/suppressions?${query}`)).status, 422, query);
  }
});

for (const reason of SUPPRESSION_REASONS) {
  const isOperators = reason === 'complaint' || reason === 'legal_request';
  test(`a suppression for ${reason} is lifted by ${isOperators ? 'the operator alone' : 'a person'}, with a note`, async () => {
    const tenant = await makeTenant(gateway);
    const id = await suppress(tenant.agent.call, { email: 'bob@example.com', reason });
    const lift = (call: Call, body?: object, headers = {}) => call('DELETE', `/v1/suppressions/${id}`, body, headers);
    const refused = await lift(tenant.agent.call, { note: 'x' });
    assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required']);
    assert.equal(refused.body.reasons[0].evidence.required, isOperators ? 'operate' : 'approve');
    if (isOperators) {
      assert.equal((await lift(tenant.person.call, { note: 'x' })).status, 403);
      assert.equal((await lift(operator, undefined, forTenant(tenant))).status, 403, 'a note is missing');
      assert.equal((await lift(operator, { note: 'made in error' }, forTenant(tenant))).status, 200);
    } else {
      const silent = await lift(tenant.person.call);
      assert.deepEqual([silent.status, silent.body.param], [403, 'note']);
      assert.equal((await hello(tenant.agent.call, 'bob@example.com')).body.code, 'suppressed');
      const lifted = await tenant.person.call('DELETE', `/v1/suppressions/${id}?note=made%20in%20error`);
      assert.deepEqual([lifted.status, lifted.body.id], [200, id]);
    }
    assert.equal((await hello(tenant.agent.call, 'bob@example.com')).status, 202);
    assert.equal((await lift(tenant.person.call, { note: 'again' })).status, 404);
    const [row] = (await tenant.agent.call('GET', '/v1/audit')).body.data;
    assert.deepEqual(
      [row.actor, row.action, row.target, row.note],
      [isOperators ? 'operator' : 'Dana', 'suppression.removed', id, 'made in error'],
    );
    const types = (await eventsOf(gateway, tenant.no)).map(({ type }) => type);
    assert.ok(types.includes('suppression.removed'));
  });
}

test('suppressions of another tenant look like ones that do not exist, and stop nothing', async () => {
  const [mine, theirs] = [await makeTenant(gateway), await makeTenant(gateway)];
  const id = await suppress(theirs.agent.call, { email: 'bob@example.com', reason: 'manual_dnc' });
  const missing = 'sup_00000000000000000000000000';
  for (const [method, body] of [['GET'], ['DELETE', { note: 'x' }]] as const) {
    const foreign = await mine.person.call(method, `/v1/suppressions/${id}`, body);
    const unknown = await mine.person.call(method, `/v1/suppressions/${missing}`, body);
    assert.equal(foreign.status, 404);
    assert.equal(withoutIds(foreign, id), withoutIds(unknown, missing));
  }
  assert.equal((await hello(mine.agent.call, 'bob@example.com')).status, 202);
  assert.deepEqual((await mine.agent.call('GET', '/v1/suppressions')).body.data, []);
});
