/** Each outcome of a send in 12m's words, by a real cause. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { StoreFault } from '../../src/data/store.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

const BASE = '/compat/12m';
const HANDLE = 'sales.acme@inboxbase.test';
const CONV = /^conv_[0-9a-f]{16}$/;

let gateway: TestGateway;
let operator: Call;
let tenant: TestTenant;
let call: Call;
let identity: string;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

beforeEach(async () => {
  tenant = await makeTenant(gateway);
  call = tenant.agent.call;
  await policy({ quarantine: { mode: 'off' } });
  identity = await makeIdentity(HANDLE, { daily_cap: 2 });
});

async function ok(method: string, path: string, body?: unknown, by = call): Promise<Answer['body']> {
  const answer = await by(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

function policy(document: Record<string, unknown>): Promise<Answer> {
  return operator('PUT', `/v1/tenants/${tenant.id}/policy`, document, { 'X-Mode': 'test' });
}

async function makeIdentity(handle: string, more: Record<string, unknown> = {}): Promise<string> {
  return (await ok('POST', '/v1/identities', { handle, from: `${handle.split('@')[0]}@acme.example`, ...more })).id;
}

const send = (
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
  handle = HANDLE,
): Promise<Answer> =>
  call(
    'POST',
    `${BASE}/v1/identities/${encodeURIComponent(handle)}/send`,
    { to: 'kim@buyer.example', subject: 'Your quote', text: 'Here it is.', ...more },
    headers,
  );

function isRefused(answer: Answer, reason: string, detail: string): void {
  const { status, body, headers } = answer;
  assert.equal(status, 429, JSON.stringify(body));
  assert.equal(body.accepted, 0);
  assert.deepEqual([body.rejected[0].reason, body.rejected[0].detail], [reason, detail]);
  assert.equal(headers.get('x-postern-reason'), detail);
  assert.equal(body.identity, HANDLE);
  assert.ok('convId' in body && 'affinity' in body && 'remaining' in body && body.account.email);
}

function isError(answer: Answer, status: number, error: string): void {
  assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify(answer.body));
}

describe('the immediate form', () => {
  test('counts, names the conversation and the sender, and tells what remains', async () => {
    const { status, body, headers } = await send();
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.accepted, body.rejected, body.affinity, body.remaining], [1, [], 'new', 1]);
    assert.match(body.convId, CONV);
    assert.equal(body.account.email, 'sales.acme@acme.example');
    assert.equal(body.identity, HANDLE);
    assert.deepEqual([body.results[0].to, body.results[0].status], ['kim@buyer.example', 'accepted']);
    assert.equal(body.results[0].pinnedAccountId, undefined);
    assert.match(headers.get('ratelimit') ?? '', /"identity_cap";r=1/);
    const named = await call('POST', `${BASE}/send`, {
      identity: HANDLE,
      to: 'lee@buyer.example',
      subject: 'Hello',
      text: 'Hi.',
    });
    assert.deepEqual([named.status, named.body.remaining], [200, 0]);
  });

  test('takes some and refuses others', async () => {
    await ok('POST', '/v1/suppressions', { email: 'lee@buyer.example', reason: 'manual_dnc' });
    const { status, body } = await send({ to: ['kim@buyer.example', 'lee@buyer.example'] });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.accepted, 1);
    assert.equal(body.rejected.length, 1);
    assert.deepEqual([body.rejected[0].to, body.rejected[0].reason], ['lee@buyer.example', 'do_not_contact']);
    assert.deepEqual(
      body.results.map((one: { status: string }) => one.status),
      ['accepted', 'rejected'],
    );
  });

  test('a cap that is used up names who else has room, and a repeated key still answers as before', async () => {
    await makeIdentity('support');
    const key = { 'idempotency-key': 'lead-7:1' };
    const first = await send({}, key);
    assert.equal(first.headers.get('idempotent-replayed'), null);
    await send({ to: 'lee@buyer.example' });
    const full = await send({ to: 'max@buyer.example' });
    isRefused(full, 'cap_exceeded', 'identity_cap_exceeded');
    assert.deepEqual(full.body.details.alternatives, ['support']);
    assert.deepEqual(full.body.rejected[0].details.alternatives, ['support']);
    assert.equal(full.body.remaining, 0);
    assert.match(full.body.details.retry_at, /T00:00:00\.000Z$/);
    assert.ok(Number(full.headers.get('retry-after')) > 0);
    const again = await send({}, key);
    assert.equal(again.status, 200);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.deepEqual(again.body, first.body);
    isError(await send({ text: 'Other.' }, key), 409, 'Idempotency-Key reused with a different body');
    assert.equal((await send({ to: 'max@buyer.example' }, {}, 'support')).status, 200);
  });

  test('what was taken does not look refused where a fault keeps its conversation from being named', async () => {
    const { store } = gateway.gateway;
    const naming = store.nameThreads.bind(store);
    store.nameThreads = () => Promise.reject(new StoreFault('unavailable', 'a fault'));
    const taken = await send({}, { 'idempotency-key': 'unnamed' });
    store.nameThreads = naming;
    assert.deepEqual([taken.status, taken.body.accepted, taken.body.convId], [200, 1, null]);
    const again = await send({}, { 'idempotency-key': 'unnamed' });
    assert.match(again.body.convId, CONV);
  });

  test('no mailbox can send', async () => {
    const mailbox = await ok('POST', '/v1/mailboxes', {
      address: 'k.sato@tryacme.example',
      provider: 'default',
      identity: HANDLE,
    });
    const sent = await send();
    assert.equal(sent.body.account?.email, 'k.sato@tryacme.example', JSON.stringify(sent.body));
    await ok('POST', `/v1/mailboxes/${mailbox.id}/pause`, { note: 'a test' });
    isRefused(await send({ to: 'lee@buyer.example' }), 'no_accounts', 'mailboxes_exhausted');
    const queued = await send({ to: 'lee@buyer.example' }, { 'x-inboxbase-shape': 'queued' });
    assert.deepEqual([queued.status, queued.body.results[0].reason], [429, 'no_eligible_pool']);
  });

  test('the identity is not active, or is suspended', async () => {
    await ok('PATCH', `/v1/identities/${identity}`, { state: 'provisioning' });
    isRefused(await send(), 'inactive', 'identity_inactive');
    const set = await operator(
      'PATCH',
      `/v1/identities/${identity}`,
      { state: 'suspended' },
      { 'X-Tenant': tenant.id, 'X-Mode': 'test' },
    );
    assert.equal(set.status, 200, JSON.stringify(set.body));
    isRefused(await send(), 'suspended', 'identity_suspended');
  });

  test('the account is paused', async () => {
    await ok('POST', '/v1/account/pause', {});
    isRefused(await send(), 'suspended', 'account_paused');
  });

  test('a person who must not be written to, also by a bounce; an address that takes no mail', async () => {
    await ok('PUT', '/v1/contacts/kim@buyer.example', { do_not_contact: true });
    isRefused(await send(), 'do_not_contact', 'do_not_contact');
    const sent = await send({ to: 'lee@buyer.example' });
    assert.equal(sent.status, 200);
    await ok('POST', '/v1/returns', { kind: 'bounce', email: 'lee@buyer.example', class: 'unknown_user' });
    isRefused(await send({ to: 'lee@buyer.example' }), 'do_not_contact', 'suppressed');
    isRefused(await send({ to: 'nobody@simulator.postern.test' }), 'invalid_recipient', 'invalid_recipient');
  });
});

describe('the queued form', () => {
  const queued = { 'x-inboxbase-shape': 'queued' };

  test('says what waits and until when; a used-up cap makes it wait till tomorrow', async () => {
    for (const to of ['kim@buyer.example', 'lee@buyer.example', 'max@buyer.example']) {
      const { status, body } = await send({ to }, queued);
      assert.equal(status, 202, JSON.stringify(body));
      assert.deepEqual([body.identity, body.queued, body.rejected], [HANDLE, 1, 0]);
      const [row] = body.results;
      assert.deepEqual(
        [row.to, row.status, row.sendClass, row.pinnedAccountId],
        [to, 'queued', 'cold_first_contact', null],
      );
      assert.match(row.convId, CONV);
      assert.match(row.pendingId, /^psn_/);
      assert.equal(Date.parse(row.dispatchAtIso), row.dispatchAt);
      if (to === 'max@buyer.example') assert.equal(row.dispatchAt % 86_400_000, 0);
      assert.equal(body.accepted, undefined);
    }
  });
});

describe('errors', () => {
  test('a key that is missing, malformed, unknown or may not send', async () => {
    const path = `${BASE}/v1/identities/x/send`;
    const bare = await fetch(gateway.url + path, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    assert.deepEqual([bare.status, ((await bare.json()) as { error: string }).error], [401, 'missing api key']);
    isError(await gateway.fetchJson('POST', path, {}, { key: 'sk_live_1' }), 401, 'invalid api key format');
    isError(await gateway.fetchJson('POST', path, {}, { key: 'pst_test_wrong' }), 401, 'invalid api key');
    const reader = await makeTestKey(gateway, tenant.id, { scopes: ['read'] });
    isError(await reader.call('POST', path, {}), 403, 'insufficient permissions');
  });

  test('what is ours: a pause of the platform, a fault', async () => {
    assert.equal((await operator('POST', '/v1/platform/pause', { note: 'a test' })).status, 200);
    const paused = await send();
    assert.equal((await operator('POST', '/v1/platform/resume', { note: 'over' })).status, 200);
    isError(paused, 503, 'service unavailable');
    assert.ok(paused.headers.get('retry-after'));
    const { store } = gateway.gateway;
    const admit = store.admit.bind(store);
    store.admit = () => Promise.reject(new Error('a fault'));
    const fault = await send();
    store.admit = admit;
    isError(fault, 500, 'internal error');
    assert.doesNotMatch(JSON.stringify(fault.body), /a fault/);
    const { call: stranger } = (await makeTenant(gateway)).agent;
    isError(await stranger('POST', `${BASE}/send`, { identity: 'x' }), 404, 'identity not found in org');
  });

  test('fields are told of by their own names', async () => {
    const answer = await send({ labels: ['x'.repeat(129)], inReplyTo: 7 });
    isError(answer, 400, 'validation failed');
    const named = answer.body.details.errors.map(({ param }: { param: string }) => param);
    assert.deepEqual(named.sort(), ['inReplyTo', 'labels[0]']);
    assert.doesNotMatch(JSON.stringify(answer.body), /tags|in_reply_to/);
  });

  test('an identity of the starter tier has 150 a day', async () => {
    assert.ok((await operator('PUT', '/v1/plans/twelve', { tiers: { starter: 150 } })).status < 300);
    assert.equal((await operator('PATCH', `/v1/tenants/${tenant.id}`, { plan: 'twelve' })).status, 200);
    await makeIdentity('starter', { tier: 'starter' });
    const to = (first: number, count: number) => Array.from({ length: count }, (_, i) => `p${first + i}@buyer.example`);
    assert.equal((await send({ to: to(0, 100) }, {}, 'starter')).body.remaining, 50);
    const some = await send({ to: to(100, 60) }, {}, 'starter');
    assert.deepEqual([some.status, some.body.accepted, some.body.rejected.length], [200, 50, 10]);
    assert.equal(some.body.rejected[9].reason, 'cap_exceeded');
    assert.equal((await send({ to: to(160, 1) }, {}, 'starter')).status, 429);
  });

  test('an identity that is not there', async () => {
    const answer = await send({}, {}, 'nobody@inboxbase.test');
    assert.equal(answer.status, 404);
    assert.deepEqual(answer.body, { error: 'identity not found in org', details: { handle: 'nobody@inboxbase.test' } });
    const stranger = await makeTenant(gateway);
    const foreign = await stranger.agent.call(
      'GET',
      `${BASE}/v1/identities/${encodeURIComponent(HANDLE)}/conversations`,
    );
    isError(foreign, 404, 'identity not found in org');
  });

  test('bodies that are none, fields that exclude each other, a malformed key', async () => {
    isError(await send({ text: undefined }), 400, 'validation failed');
    isError(await send({ to: undefined }), 400, 'validation failed');
    isError(await send({ to: 'kim' }), 400, 'validation failed');
    const mixed = await send({ convId: 'conv_0a1b2c3d4e5f6071' });
    isError(mixed, 400, 'validation failed');
    assert.deepEqual(
      mixed.body.details.errors.map((one: { param: string; code: string }) => [one.param, one.code]),
      [
        ['to', 'mutually_exclusive'],
        ['subject', 'mutually_exclusive'],
      ],
    );
    isError(
      await send({ to: undefined, subject: undefined, convId: 'conv_0a1b2c3d4e5f6071' }),
      404,
      'conversation not found',
    );
    isError(await send({}, { 'idempotency-key': 'a b' }), 400, 'malformed Idempotency-Key');
    for (const noReplyEventAfter of ['soon', '1.5 parsecs', -1, true])
      isError(await send({ noReplyEventAfter }), 400, 'validation failed');
    isError(
      await call('POST', `${BASE}/send`, { to: 'kim@buyer.example', subject: 'x', text: 'y' }),
      400,
      'validation failed',
    );
    isError(await call('GET', `${BASE}/v2`), 404, 'not found');
  });
});
