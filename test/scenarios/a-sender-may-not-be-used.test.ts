import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

let gate: TestGateway;
let tenant: TestTenant;

before(async () => {
  gate = await startTestGateway({ POSTERN_DOMAIN: 'mail.gateway.example' });
  tenant = await makeTenant(gate, {});
  for (const handle of ['alice', 'sales']) {
    const made = await tenant.person.call('POST', '/v1/identities', { handle, from: `${handle}@acme.example` });
    assert.equal(made.status, 201);
  }
});
after(() => gate.stop());

const send = (more: object, call = tenant.agent.call): Promise<Answer> =>
  call('POST', '/v1/messages', { to: 'bob@example.com', subject: 'Hello', text: 'Hi', ...more });

/** Refused with this cause; what may be used in its place. */
function refusedFor(answer: Answer, cause: string): string[] {
  assert.deepEqual([answer.status, answer.body.code], [403, 'sender_not_authorized'], JSON.stringify(answer.body));
  assert.match(answer.body.message_id, /^msg_/);
  const { evidence } = answer.body.reasons[0];
  assert.equal(evidence.cause, cause);
  return evidence.allowed;
}

test('an identity sends from its own address alone, however that is written', async () => {
  assert.equal((await send({ identity: 'alice' })).status, 202);
  assert.equal((await send({ identity: 'alice', from: 'ALICE@Acme.example' })).status, 202);
  const refused = await send({ identity: 'alice', from: 'sales@acme.example' });
  assert.deepEqual(refusedFor(refused, 'identity_address'), ['alice@acme.example']);
});

test('a key that is bound to identities sends as these alone', async () => {
  const bound = await makeTestKey(gate, tenant.id, { scopes: ['send'], identities: ['alice'] });
  assert.equal((await send({ identity: 'alice' }, bound.call)).status, 202);
  assert.equal((await send({ from: 'alice@acme.example' }, bound.call)).status, 202, 'its address names it');
  const plain = await send({}, bound.call);
  assert.equal(plain.status, 202, 'the only one it has');
  const looked = await tenant.agent.call('GET', `/v1/messages/${plain.body.id}`);
  assert.match(looked.body.from, /alice@acme\.example/);
  for (const other of [{ identity: 'sales' }, { from: 'sales@acme.example' }, { from: 'nobody@acme.example' }]) {
    assert.deepEqual(refusedFor(await send(other, bound.call), 'key'), ['alice@acme.example'], JSON.stringify(other));
  }
});

test('an address of a suspended identity is refused whoever names it', async () => {
  const suspended = await asOperator(gate)(
    'PATCH',
    '/v1/identities/sales',
    { state: 'suspended' },
    {
      'X-Tenant': tenant.id,
      'X-Mode': 'test',
    },
  );
  assert.equal(suspended.status, 200, JSON.stringify(suspended.body));
  for (const from of ['sales@acme.example', 'Sales@ACME.example']) {
    const { status, body } = await send({ from });
    assert.deepEqual([status, body.code], [403, 'identity_suspended'], from);
  }
});

test('nobody sends from the default sender of another account', async () => {
  const other = await makeTenant(gate, {});
  refusedFor(await send({ from: `${other.id}@mail.gateway.example` }), 'another_account');
  assert.equal((await send({ from: `${tenant.id}@mail.gateway.example` })).status, 202);
});
