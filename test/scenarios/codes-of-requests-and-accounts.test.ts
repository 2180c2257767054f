/** Codes of access, accounts, senders, recipients, limits and the platform, each by a real cause, and how each clears. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, type TestContext, test } from 'node:test';
import { REASONS } from '../../src/core/reasons.ts';
import type { Answer } from '../harness/gateway.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, hello, makeTenant, type TestTenant } from '../harness/tenants.ts';

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname;
const NEW_YEAR = '2027-01-01T00:00:00.000Z';
let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

function isRefused(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body?.code], [status, code], JSON.stringify(answer.body));
  assert.equal(answer.headers.get('content-type')?.startsWith('application/problem+json'), true);
}

function isAccepted(answer: Answer): void {
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
}

function folderOf(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'postern-codes-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A request as it stands, for what `fetch` would not send. */
async function raw(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(gateway.url + path, init);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

test('a request that names no valid key, or is broken, never reaches the policy', async () => {
  const json = { 'content-type': 'application/json' };
  isRefused(await raw('/v1/messages', { method: 'POST', headers: json, body: '{}' }), 401, 'authentication_required');
  const mine = bearer(gateway.testKey);
  const broken = { method: 'POST', headers: { ...json, ...mine }, body: '{"to":' };
  isRefused(await raw('/v1/messages', broken), 400, 'malformed_request');
  const xml = { method: 'POST', headers: { 'content-type': 'text/xml', ...mine }, body: '<to/>' };
  isRefused(await raw('/v1/messages', xml), 415, 'unsupported_media_type');
  const wrong = await raw('/v1/messages', { method: 'PUT', headers: mine });
  isRefused(wrong, 405, 'method_not_allowed');
  assert.match(wrong.headers.get('allow') ?? '', /POST/);
  const messages = new Array(501).fill({});
  isRefused(await gateway.fetchJson('POST', '/v1/messages/batch', { messages }), 422, 'batch_too_large');
  const keyed = { headers: { 'idempotency-key': 'x'.repeat(256) } };
  const body = { to: 'bob@example.com', subject: 'x', text: 'x' };
  isRefused(await gateway.fetchJson('POST', '/v1/messages', body, keyed), 400, 'idempotency_key_invalid');
});

test('headers that never end are answered once their time is up', async () => {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  let told = '';
  socket.on('data', (chunk) => {
    told += chunk;
  });
  socket.write('GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  await once(socket, 'close');
  assert.match(told, /^HTTP\/1\.1 408 /);
  const problem = JSON.parse(told.slice(told.indexOf('\r\n\r\n') + 4));
  assert.deepEqual([problem.code, problem.retryable], ['request_timeout', true]);
});

test('an account’s standing stops its sends until it is mended', async () => {
  const tenant = await makeTenant(gateway, { name: 'standing' });
  const cases = [
    ['suspended', 403, 'account_suspended', 'operator'],
    ['trial_not_activated', 402, 'trial_not_activated', 'tenant'],
    ['trial_expired', 402, 'trial_expired', 'tenant'],
    ['subscription_expired', 402, 'subscription_expired', 'tenant'],
    ['payment_overdue', 402, 'subscription_expired', 'tenant'],
  ] as const;
  for (const [standing, status, code, by] of cases) {
    assert.equal((await operator('PATCH', `/v1/tenants/${tenant.id}`, { standing })).status, 200);
    const refused = await hello(tenant.agent.call);
    isRefused(refused, status, code);
    assert.deepEqual(refused.body.clears.by, [by]);
    assert.equal((await operator('PATCH', `/v1/tenants/${tenant.id}`, { standing: 'active' })).status, 200);
    isAccepted(await hello(tenant.agent.call, `after-${standing}@example.com`));
  }
});

test('a full store of content stops sends until content is freed', async () => {
  await operator('PUT', '/v1/plans/small', { storage_bytes: 3000 });
  const tenant = await makeTenant(gateway, { name: 'storage', plan: 'small' });
  const text = 'A sentence that takes room. '.repeat(80);
  const first = await hello(tenant.person.call, 'a@example.com', { text });
  isAccepted(first);
  isRefused(await hello(tenant.person.call, 'b@example.com', { text }), 403, 'storage_limit_exceeded');
  const freed = await tenant.person.call('DELETE', `/v1/messages/${first.body.id}/content`);
  assert.ok(freed.status < 300 || freed.status === 409, JSON.stringify(freed.body));
  if (freed.status === 409) await tenant.person.call('POST', `/v1/messages/${first.body.id}/cancel`);
  assert.ok((await tenant.person.call('DELETE', `/v1/messages/${first.body.id}/content`)).status < 500);
  isAccepted(await hello(tenant.person.call, 'b@example.com', { text }));
});

test('an identity that may not send says so, and its cap ends with the UTC day', async () => {
  const tenant = await makeTenant(gateway, { name: 'identities' });
  const { call } = tenant.person;
  const made = await call('POST', '/v1/identities', { handle: 'al', from: 'al@acme.example', daily_cap: 1 });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const path = `/v1/identities/${made.body.id}`;
  assert.equal((await call('PATCH', path, { state: 'inactive' })).status, 200);
  isRefused(await hello(call, 'a@example.com', { identity: 'al' }), 409, 'identity_inactive');
  const within = { 'X-Tenant': tenant.id, 'X-Mode': 'test' };
  assert.equal((await operator('PATCH', path, { state: 'suspended' }, within)).status, 200);
  isRefused(await hello(call, 'a@example.com', { identity: 'al' }), 403, 'identity_suspended');
  assert.equal((await operator('PATCH', path, { state: 'active' }, within)).status, 200);
  await freeze(tenant, NEW_YEAR);
  isAccepted(await hello(call, 'a@example.com', { identity: 'al' }));
  const capped = await hello(call, 'b@example.com', { identity: 'al' });
  isRefused(capped, 429, 'identity_cap_exceeded');
  assert.equal(capped.body.clears.at, '2027-01-02T00:00:00.000Z');
  await freeze(tenant, capped.body.clears.at);
  isAccepted(await hello(call, 'b@example.com', { identity: 'al' }));
});

test('who must not be contacted is refused for good, and a used dedupe key until its time is over', async () => {
  const tenant = await makeTenant(gateway, { name: 'recipients' });
  const { call } = tenant.person;
  await freeze(tenant, NEW_YEAR);
  const marked = await call('PUT', '/v1/contacts/no@example.com', { do_not_contact: true });
  assert.equal(marked.status, 200, JSON.stringify(marked.body));
  const refused = await hello(call, 'no@example.com');
  isRefused(refused, 422, 'do_not_contact');
  assert.deepEqual([refused.body.clears.by, refused.body.retry_at], [['never'], null]);
  // Latin and Cyrillic letters in one name (UTS 39): nobody can tell it from another.
  isRefused(await hello(call, 'bob@p\u0430ypal.example'), 422, 'invalid_recipient');
  const quote = { dedupe_key: 'quote-42', on_duplicate: 'block' };
  isAccepted(await hello(call, 'yes@example.com', quote));
  const again = await hello(call, 'yes@example.com', { ...quote, text: 'Another text.' });
  isRefused(again, 409, 'duplicate');
  assert.equal(again.body.clears.at, '2027-01-31T00:00:00.000Z');
  await freeze(tenant, again.body.clears.at);
  isAccepted(await hello(call, 'yes@example.com', { ...quote, text: 'Another text.' }));
});

test('limits of a month and of a domain say when they clear, and clear then', async () => {
  const tenant = await makeTenant(gateway, { name: 'limits' });
  const { call } = tenant.person;
  const monthly = { name: 'monthly', scope: 'tenant', window: 'calendar_month', max: 2 };
  const domain = { name: 'domain', scope: 'recipient_domain', window: 'calendar_hour', max: 1 };
  assert.equal((await call('PUT', '/v1/policy', { limits: [monthly, domain] })).status, 200);
  await freeze(tenant, NEW_YEAR);
  isAccepted(await hello(call, 'a@one.example'));
  const throttled = await hello(call, 'b@one.example');
  isRefused(throttled, 429, 'recipient_domain_throttled');
  assert.equal(throttled.body.clears.at, '2027-01-01T01:00:00.000Z');
  await freeze(tenant, throttled.body.clears.at);
  isAccepted(await hello(call, 'b@one.example'));
  const full = await hello(call, 'c@two.example');
  isRefused(full, 429, 'monthly_quota_exceeded');
  assert.equal(full.body.clears.at, '2027-02-01T00:00:00.000Z');
  await freeze(tenant, full.body.clears.at);
  isAccepted(await hello(call, 'c@two.example'));
});

async function freeze({ person }: TestTenant, now: string): Promise<void> {
  const moved = await person.call('POST', '/v1/test/clock', { now });
  assert.equal(moved.status, 200, JSON.stringify(moved.body));
}

test('what cannot be read stops the send that needs it, and the look at it, and nothing else', async (context) => {
  const directory = folderOf(context);
  const own = await startTestGateway({ POSTERN_DATA_DIR: directory });
  const send = (to: string) =>
    own.fetchJson('POST', '/v1/messages', { to, subject: 'x', text: 'x', send_at: '2030-01-01T00:00:00Z' });
  const kept = await send('bob@example.com');
  isAccepted(kept);
  await own.stop();
  const database = new DatabaseSync(join(directory, 'postern.db'));
  const damaged = database.prepare("UPDATE ledger SET state = x'ffffffff' WHERE key = 'bob@example.com'").run();
  assert.equal(damaged.changes, 1);
  database.prepare("UPDATE recipient SET facts = x'ffff', verdict = '{'").run();
  database.close();
  const { testKey: key } = own;
  const again = await startTestGateway({ POSTERN_DATA_DIR: directory, POSTERN_LOG: 'silent' });
  try {
    const call = (to: string) => again.fetchJson('POST', '/v1/messages', { to, subject: 'x', text: 'x' }, { key });
    const undecided = await call('bob@example.com');
    isRefused(undecided, 503, 'policy_unavailable');
    assert.ok(Number(undecided.headers.get('retry-after')) > 0);
    isAccepted(await call('eve@example.com'));
    const fault = await again.fetchJson('GET', `/v1/messages/${kept.body.id}`, undefined, { key });
    isRefused(fault, 500, 'internal_error');
    assert.equal(fault.body.request_id, fault.headers.get('x-request-id'));
  } finally {
    await again.stop();
  }
});

test('a key whose first request is still running is answered as in progress', async (context) => {
  const directory = folderOf(context);
  const prepared = await startTestGateway({ POSTERN_DATA_DIR: directory });
  const { testKey } = prepared;
  await prepared.stop();
  const child = spawn(process.execPath, [CLI, 'serve'], {
    env: {
      ...process.env,
      ...{ POSTERN_DATA_DIR: directory, POSTERN_PORT: '0', POSTERN_LOG: 'silent', POSTERN_ROLE: 'api' },
      ...{ POSTERN_SMTP_PORT: 'off', POSTERN_INBOUND_PORT: 'off' },
      ...{ POSTERN_FAILPOINT: 'hold-commit', POSTERN_TESTING: '1' },
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  context.after(() => child.kill('SIGKILL'));
  let told = '';
  for await (const chunk of child.stdout) {
    told += chunk;
    if (told.includes('"listening"')) break;
  }
  const line = told.split('\n').find((one) => one.includes('"listening"'))!;
  const url = (JSON.parse(line) as { http: string }).http;
  const headers = { ...bearer(testKey), 'content-type': 'application/json', 'idempotency-key': 'once' };
  const init = { method: 'POST', headers, body: JSON.stringify({ to: 'a@example.com', subject: 'x', text: 'x' }) };
  // Which of the two comes first over the wire is nobody's to say: the one that is answered came second.
  const both = [0, 1].map(() => fetch(`${url}/v1/messages`, init).catch(() => null));
  const second = (await Promise.race(both))!;
  const problem = (await second.json()) as { code: string };
  assert.deepEqual([second.status, problem.code], [409, 'idempotency_in_progress']);
  assert.equal(second.headers.get('retry-after'), '1');
  child.kill('SIGKILL');
  const answered = (await Promise.all(both)).filter((answer) => answer !== null);
  assert.equal(answered.length, 1, 'the first never got an answer');
});

test('every code of the catalogue whose part stands is provoked by a scenario', () => {
  const folder = import.meta.dirname;
  const told = readdirSync(folder)
    .filter((name) => name !== 'every-reason-can-be-simulated.test.ts')
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  /** Their causes come with domains, mailboxes and providers of tenants. */
  const absent = ['no_active_provider', 'mailboxes_exhausted'];
  const untold = Object.values(REASONS).flatMap(({ code }) => (told.includes(`'${code}'`) ? [] : [code as string]));
  assert.deepEqual(
    untold,
    absent.filter((code) => untold.includes(code)),
  );
});
