import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, eventsOf, makeTenant, type TestTenant } from '../harness/tenants.ts';

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

const params = (answer: { body: { errors: { param: string }[] } }) => answer.body.errors.map(({ param }) => param);
const forTenant = ({ id }: TestTenant) => ({ 'X-Tenant': id, 'X-Mode': 'test' });
const box = (more: object = {}) => ({ address: 'alice@acme.example', provider: 'default', ...more });

test('a mailbox is added, shown by id and address, listed by identity and provider, and changed', async () => {
  const { agent, no } = await makeTenant(gateway);
  await agent.call('POST', '/v1/identities', { handle: 'alice', from: 'alice@acme.example' });
  const provider = await agent.call('POST', '/v1/providers', { name: 'a', url: 'sink:' });
  const made = await agent.call('POST', '/v1/mailboxes', box({ provider: 'a', identity: 'alice', daily_cap: 40 }));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.match(made.body.id, /^mbx_/);
  const { state, health, provider_name, identity_handle, daily_cap, warmup } = made.body;
  assert.deepEqual(
    { state, health, provider: made.body.provider, provider_name, identity_handle, daily_cap, warmup },
    {
      ...{ state: 'active', health: 100, provider: provider.body.id, provider_name: 'a', identity_handle: 'alice' },
      ...{ daily_cap: 40, warmup: null },
    },
  );
  for (const name of [made.body.id, 'alice@acme.example', 'ALICE@ACME.example']) {
    assert.deepEqual((await agent.call('GET', `/v1/mailboxes/${name}`)).body, made.body);
  }
  await agent.call('POST', '/v1/mailboxes', box({ address: 'bob@acme.example' }));
  const addresses = async (query: string) =>
    (await agent.call('GET', `/v1/mailboxes${query}`)).body.data.map(({ address }: { address: string }) => address);
  assert.deepEqual(await addresses(''), ['bob@acme.example', 'alice@acme.example']);
  assert.deepEqual(await addresses('?identity=alice'), ['alice@acme.example']);
  assert.deepEqual(await addresses('?provider=default'), ['bob@acme.example']);
  assert.deepEqual(await addresses('?provider=nowhere'), []);
  const changed = await agent.call('PATCH', `/v1/mailboxes/${made.body.id}`, {
    ...{ address: 'al@acme.example', daily_cap: 30, warmup: true, identity: null },
  });
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  assert.deepEqual(
    [changed.body.address, changed.body.daily_cap, changed.body.identity],
    ['al@acme.example', 30, null],
  );
  assert.deepEqual(changed.body.warmup.places.slice(0, 4), [20, 30, 45, 67]);
  const types = (await eventsOf(gateway, no)).map(({ type }) => type).filter((type) => type.startsWith('mailbox.'));
  assert.deepEqual(types, ['mailbox.created', 'mailbox.created', 'mailbox.updated']);
});

test('what is wrong with a mailbox is told by field', async () => {
  const { agent } = await makeTenant(gateway);
  const refused: [Record<string, unknown>, string, RegExp][] = [
    [{ address: 'nobody' }, 'address', /./],
    [{ provider: 'nowhere' }, 'provider', /GET \/v1\/providers/],
    [{ identity: 'nobody' }, 'identity', /GET \/v1\/identities/],
    [{ daily_cap: -1 }, 'daily_cap', /./],
    [{ imap: { url: 'https://host' } }, 'imap.url', /imaps:\/\//],
    [{ imap: { url: 'imaps://host' } }, 'imap.url', /user and a password/],
    [{ imap: { url: 'imaps://u:p@127.0.0.1' } }, 'imap.url', /POSTERN_PROVIDER_ALLOW/],
  ];
  for (const [body, param, words] of refused) {
    const answer = await agent.call('POST', '/v1/mailboxes', box(body));
    assert.equal(answer.status, 422, JSON.stringify([body, answer.body]));
    assert.deepEqual(params(answer), [param], JSON.stringify(body));
    assert.match(answer.body.errors[0].message, words);
  }
  await agent.call('POST', '/v1/mailboxes', box());
  const taken = await agent.call('POST', '/v1/mailboxes', box({ address: 'Alice@ACME.example' }));
  assert.deepEqual([taken.status, taken.body.code], [409, 'state_conflict'], 'letter case makes no other account');
});

test('a cap is raised and a warm-up ended by a person alone, also by making the mailbox anew', async () => {
  const { agent, person } = await makeTenant(gateway);
  await agent.call('POST', '/v1/mailboxes', box({ daily_cap: 40, warmup: { start: 10, days: 5 } }));
  const path = '/v1/mailboxes/alice@acme.example';
  for (const change of [
    { daily_cap: 41 },
    { daily_cap: null },
    { warmup: null },
    { warmup: { start: 11, days: 5 } },
    { warmup: { start: 10, days: 4 } },
  ]) {
    const refused = await agent.call('PATCH', path, change);
    assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required'], JSON.stringify(change));
  }
  assert.equal((await agent.call('PATCH', path, { daily_cap: 20, warmup: { start: 5, days: 5 } })).status, 200);
  assert.equal((await person.call('PATCH', path, { daily_cap: 30 })).body.param, 'note');
  assert.equal((await person.call('PATCH', path, { daily_cap: 30, note: 'it does well' })).body.daily_cap, 30);
  assert.equal((await agent.call('DELETE', path)).status, 200);
  for (const cap of [{}, { daily_cap: 31 }]) {
    const anew = await agent.call('POST', '/v1/mailboxes', box(cap));
    assert.deepEqual([anew.status, anew.body.code], [403, 'human_decision_required']);
  }
  assert.equal((await agent.call('POST', '/v1/mailboxes', box({ daily_cap: 30 }))).status, 201);
});

test('who paused a mailbox says who may resume it, and removing it is no way around', async () => {
  const tenant = await makeTenant(gateway);
  const { agent, person, no } = tenant;
  await agent.call('POST', '/v1/mailboxes', box());
  const path = '/v1/mailboxes/alice@acme.example';
  const paused = await agent.call('POST', `${path}/pause`, { note: 'too many bounces' });
  assert.deepEqual(
    [paused.body.state, paused.body.paused_by, paused.body.state_note],
    [...['paused', 'tenant', 'too many bounces']],
  );
  assert.equal((await agent.call('POST', `${path}/pause`)).status, 409);
  assert.equal((await agent.call('POST', `${path}/resume`)).body.state, 'active');
  assert.equal((await agent.call('POST', `${path}/resume`)).status, 409);

  await person.call('POST', `${path}/pause`);
  for (const answer of [await agent.call('POST', `${path}/resume`), await agent.call('DELETE', path)]) {
    assert.deepEqual([answer.status, answer.body.code], [403, 'human_decision_required']);
  }
  assert.equal((await person.call('POST', `${path}/resume`)).body.param, 'note');
  assert.equal((await person.call('POST', `${path}/resume`, { note: 'looked into' })).status, 200);

  await operator('POST', `${path}/pause`, { note: 'complaints' }, forTenant(tenant));
  for (const answer of [
    await person.call('POST', `${path}/resume`, { note: 'please' }),
    await person.call('DELETE', path, { note: 'please' }),
  ]) {
    assert.deepEqual([answer.status, answer.body.reasons[0].evidence.required], [403, 'operate']);
  }
  assert.equal((await operator('POST', `${path}/resume`, undefined, forTenant(tenant))).body.state, 'active');
  const types = (await eventsOf(gateway, no)).map(({ type }) => type).filter((type) => /paused|resumed/.test(type));
  assert.deepEqual(types, Array(3).fill(['mailbox.paused', 'mailbox.resumed']).flat());
});

test('an identity names its mailboxes, and takes none from another', async () => {
  const { agent } = await makeTenant(gateway);
  const ids: string[] = [];
  for (const address of ['a@acme.example', 'b@acme.example', 'c@acme.example']) {
    ids.push((await agent.call('POST', '/v1/mailboxes', box({ address }))).body.id);
  }
  const [a, b, c] = ids as [string, string, string];
  const made = await agent.call('POST', '/v1/identities', {
    ...{ handle: 'alice', from: 'alice@acme.example', mailboxes: [a, 'B@acme.example'] },
  });
  assert.deepEqual([made.status, made.body.mailboxes], [201, [a, b]]);
  assert.equal((await agent.call('GET', `/v1/mailboxes/${a}`)).body.identity, made.body.id);
  const taken = await agent.call('POST', '/v1/identities', {
    ...{ handle: 'bob', from: 'bob@acme.example', mailboxes: [c, b] },
  });
  assert.deepEqual([taken.status, params(taken)], [422, ['mailboxes[1]']]);
  assert.match(taken.body.errors[0].message, /alice/);
  assert.equal((await agent.call('GET', '/v1/identities/bob')).status, 404, 'nothing was made');
  const unknown = await agent.call('PATCH', '/v1/identities/alice', { mailboxes: ['mbx_nope'] });
  assert.deepEqual([unknown.status, params(unknown)], [422, ['mailboxes[0]']]);
  const changed = await agent.call('PATCH', '/v1/identities/alice', { mailboxes: [c, a] });
  assert.deepEqual(changed.body.mailboxes, [a, c], 'in the order they were made');
  assert.equal((await agent.call('GET', `/v1/mailboxes/${b}`)).body.identity, null);
  assert.deepEqual((await agent.call('PATCH', '/v1/identities/alice', { daily_cap: 9 })).body.mailboxes, [a, c]);
  await agent.call('DELETE', '/v1/identities/alice');
  assert.equal((await agent.call('GET', `/v1/mailboxes/${a}`)).body.identity, null);
});

test("another tenant's mailboxes do not exist, and modes are apart", async () => {
  const one = await makeTenant(gateway);
  const other = await makeTenant(gateway);
  const { body } = await one.agent.call('POST', '/v1/mailboxes', box());
  for (const name of [body.id, 'alice@acme.example']) {
    for (const [method, path] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/pause'],
      ['POST', '/resume'],
    ] as const) {
      const answer = await other.agent.call(
        method,
        `/v1/mailboxes/${name}${path}`,
        method === 'PATCH' ? {} : undefined,
      );
      assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'], `${method} ${path}`);
    }
  }
  assert.equal((await other.agent.call('POST', '/v1/mailboxes', box())).status, 201, 'the address is free there');
  const live = await operator('GET', '/v1/mailboxes', undefined, { ...forTenant(one), 'X-Mode': 'live' });
  assert.deepEqual(live.body.data, []);
});
