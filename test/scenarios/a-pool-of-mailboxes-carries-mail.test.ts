/**
 * An identity over a pool of mailboxes, as its developer meets it: caps over midnight, every cause for which nothing is left, who else
 * could send, and what a plan and the limits say of it. Test mode, on its own clock.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';

const NOON = '2030-03-05T12:00:00.000Z';
const MIDNIGHT = '2030-03-06T00:00:00.000Z';
const NEXT = '2030-03-07T00:00:00.000Z';

let gateway: TestGateway;
let tenant = { key: '', person: '' };
before(async () => {
  gateway = await startTestGateway({ POSTERN_PROVIDER_ALLOW: '127.0.0.0/8' });
});
after(() => gateway.stop());

beforeEach(async () => {
  const operator = { key: gateway.operatorKey };
  const made = await gateway.fetchJson('POST', '/v1/tenants', { name: 'a tenant', trust: 'established' }, operator);
  assert.equal(made.status, 201);
  const { id } = made.body;
  const put = { headers: { 'x-mode': 'test' }, ...operator };
  const policy = { senders: { require_verified_domain: 'never' }, quarantine: { mode: 'off' } };
  assert.equal((await gateway.fetchJson('PUT', `/v1/tenants/${id}/policy`, policy, put)).status, 200);
  const keyOf = async (scopes: string[]) => {
    const key = await gateway.fetchJson('POST', `/v1/tenants/${id}/keys`, { mode: 'test', scopes }, operator);
    return key.body.key as string;
  };
  tenant = { key: await keyOf(['send', 'read', 'manage']), person: await keyOf(['send', 'read', 'manage', 'approve']) };
  await ok('POST', '/v1/test/clock', { now: NOON });
});

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  return gateway.fetchJson(method, path, body, { key: tenant.key });
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
async function ok(method: string, path: string, body?: unknown): Promise<any> {
  const answer = await ask(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

let sent = 0;
async function send(changes: object = {}): Promise<Answer> {
  sent += 1;
  const message = { identity: 'alice', to: `p${sent}@example.com`, subject: 'hello', text: `number ${sent}` };
  return ask('POST', '/v1/messages', { ...message, ...changes });
}

async function pool(boxes: Record<string, object> = {}): Promise<Record<string, string>> {
  await ok('POST', '/v1/identities', { handle: 'alice', from: 'alice@sender.example' });
  await ok('POST', '/v1/providers', { name: 'relay', url: 'smtp://127.0.0.1:2599' });
  const ids: Record<string, string> = {};
  for (const [name, fields] of Object.entries(boxes)) {
    const given = { address: `${name}@sender.example`, provider: 'relay', identity: 'alice', ...fields };
    ids[name] = (await ok('POST', '/v1/mailboxes', given)).id;
  }
  return ids;
}

test('caps are kept to the last place, over midnight, and a place that is waited for lies over the pool', async () => {
  await pool({ a: { daily_cap: 2 }, b: { daily_cap: 1 } });
  for (let n = 0; n < 3; n += 1) assert.equal((await send()).status, 202);
  const refused = await send();
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'mailboxes_exhausted');
  const [reason] = refused.body.reasons;
  assert.equal(reason.clears.at, MIDNIGHT);
  assert.equal(refused.body.retry_at, MIDNIGHT);
  const candidates = reason.evidence.candidates.map(({ name, state, free_at }: Record<string, string>) => [
    name,
    state,
    free_at,
  ]);
  assert.deepEqual(candidates, [
    ['a@sender.example', 'at_cap', MIDNIGHT],
    ['b@sender.example', 'at_cap', MIDNIGHT],
  ]);
  const { data } = await ok('GET', '/v1/limits?identity=alice');
  const total = data.find(({ name }: { name: string }) => name === 'mailboxes');
  assert.deepEqual([total.limit, total.used, total.remaining, total.resets_at], [3, 3, 0, MIDNIGHT]);
  const plan = await ok('POST', '/v1/messages/plan', { count: 4, identity: 'alice' });
  assert.deepEqual(
    plan.departures.flatMap(({ at, count }: { at: string; count: number }) => Array(count).fill(at.slice(0, 10))),
    ['2030-03-06', '2030-03-06', '2030-03-06', '2030-03-07'],
  );
  assert.equal(plan.binding, 'mailboxes');
  const waits = [];
  for (let n = 0; n < 4; n += 1) waits.push((await send({ on_limit: 'defer' })).body);
  const slots = waits.map(({ recipients }) => recipients[0].scheduled_at.slice(0, 10));
  assert.deepEqual(slots, ['2030-03-06', '2030-03-06', '2030-03-06', '2030-03-07']);
  assert.equal(waits[0].recipients[0].reasons[0].evidence.cause, 'mailbox');
  const shown = await ok('GET', `/v1/messages/${waits[3].id}`);
  assert.equal(shown.recipients[0].route.provider.name, 'relay');
  assert.ok(shown.recipients[0].route.mailbox.address.endsWith('@sender.example'));
  await ok('POST', '/v1/test/clock', { now: MIDNIGHT });
  assert.equal((await send()).body.code, 'mailboxes_exhausted');
  await ok('POST', '/v1/test/clock', { now: NEXT });
  const left = [(await send()).status, (await send()).status, (await send()).status];
  assert.deepEqual(left, [202, 202, 429]);
});

test('two hundred at once at the last place of a pool let exactly one through', async () => {
  await pool({ a: { daily_cap: 1 } });
  const answers = await Promise.all(Array.from({ length: 200 }, () => send()));
  assert.equal(answers.filter(({ status }) => status === 202).length, 1);
  assert.equal(answers.filter(({ status, body }) => status === 429 && body.code === 'mailboxes_exhausted').length, 199);
});

test('pauses are no matter of time: the tenant clears them, and who else could send is named', async () => {
  const ids = await pool({ a: { daily_cap: 5 }, b: {} });
  await ok('POST', '/v1/identities', { handle: 'bob', from: 'bob@sender.example', daily_cap: 1 });
  await ok('POST', '/v1/identities', { handle: 'carol', from: 'carol@sender.example', state: 'inactive' });
  for (const id of Object.values(ids)) await ok('POST', `/v1/mailboxes/${id}/pause`, { note: 'holidays' });
  const refused = await send();
  assert.equal(refused.status, 429);
  const [reason] = refused.body.reasons;
  assert.equal(reason.code, 'mailboxes_exhausted');
  assert.deepEqual([reason.clears.at, reason.clears.by], [null, ['tenant']]);
  assert.deepEqual(reason.evidence.alternatives, ['bob']);
  assert.equal((await send({ identity: 'bob' })).status, 202);
  assert.equal((await send()).body.reasons[0].evidence.alternatives, undefined);
  const capped = await send({ identity: 'bob' });
  assert.equal(capped.body.code, 'identity_cap_exceeded');
  assert.equal(capped.body.reasons[0].evidence.alternatives, undefined);
  await ok('POST', `/v1/mailboxes/${ids['b']}/resume`, { note: 'back' });
  const again = await send({ identity: 'bob' });
  assert.deepEqual(again.body.reasons[0].evidence.alternatives, ['alice']);
});

test('providers that are all off are told as such, and so is a default that was turned off', async () => {
  await pool({ a: {} });
  await ok('POST', '/v1/providers/relay/deactivate', { note: 'no longer ours' });
  const refused = await send();
  assert.equal(refused.status, 503);
  assert.equal(refused.body.code, 'no_active_provider');
  assert.deepEqual(refused.body.reasons[0].clears, { by: ['tenant'], at: null });
  const implied = { identity: undefined, from: undefined };
  await ok('POST', '/v1/identities', { handle: 'bob', from: 'bob@sender.example' });
  assert.equal((await send({ ...implied, identity: 'bob' })).status, 202);
  await ok('POST', '/v1/providers/default/deactivate', { note: 'our own alone' });
  const none = await send({ ...implied, identity: 'bob' });
  assert.equal(none.status, 503);
  assert.deepEqual(none.body.reasons[0].evidence.inactive, ['default', 'relay']);
});

test('a new mailbox is warmed up towards each family: marketing waits for its place, other mail is refused at its end', async () => {
  const warmup = { start: 2, factor_percent: 200, every_days: 1, days: 3 };
  await pool({ a: { warmup } });
  const google = (n: number, changes = {}) => send({ to: `w${n}@gmail.com`, ...changes });
  assert.equal((await google(1)).status, 202);
  assert.equal((await google(2)).status, 202);
  const refused = await google(3);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'warmup_limit_exceeded');
  const [reason] = refused.body.reasons;
  assert.equal(reason.clears.at, MIDNIGHT);
  assert.deepEqual(
    [reason.scope.kind, reason.evidence.mailbox, reason.evidence.family, reason.evidence.day, reason.evidence.used],
    ['mailbox', 'a@sender.example', 'google', 1, 2],
  );
  assert.equal((await send({ to: 'w3@outlook.com' })).status, 202);
  const marketing = await google(4, { kind: 'marketing' });
  assert.equal(marketing.status, 202);
  assert.equal(marketing.body.recipients[0].scheduled_at.slice(0, 10), '2030-03-06');
  assert.equal(marketing.body.recipients[0].reasons[0].evidence.cause, 'warmup');
  const plan = await ok('POST', '/v1/messages/plan', {
    count: 12,
    message: { identity: 'alice', to: 'w5@gmail.com', kind: 'marketing' },
  });
  const days = plan.departures.reduce((sum: Record<string, number>, { at, count }: { at: string; count: number }) => {
    sum[at.slice(0, 10)] = (sum[at.slice(0, 10)] ?? 0) + count;
    return sum;
  }, {});
  assert.deepEqual(days, { '2030-03-06': 3, '2030-03-07': 8, '2030-03-08': 1 });
});
