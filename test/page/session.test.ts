import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Sessions, sessionIdOf } from '../../src/admin/page/sessions.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

type Options = { origin?: string | null; cookie?: string };

function post(path: string, fields: Record<string, string>, { origin = gateway.url, cookie }: Options = {}) {
  const headers: Record<string, string> = {};
  if (origin !== null) headers['origin'] = origin;
  if (cookie !== undefined) headers['cookie'] = cookie;
  const body = new URLSearchParams(fields);
  return fetch(gateway.url + path, { method: 'POST', headers, body, redirect: 'manual' });
}

const get = (path: string, cookie = '') => fetch(gateway.url + path, { headers: { cookie }, redirect: 'manual' });

async function signIn(fields: Record<string, string>, options?: Options): Promise<string> {
  const answer = await post('/page/login', fields, options);
  assert.equal(answer.status, 303, await answer.text());
  return answer.headers.get('set-cookie')!.split(';')[0]!;
}

const CLOSED = ['/page/mail', '/page/verdicts', '/page/mail/cap_1', '/page/mail/cap_1/preview', '/page/mail/cap_1/raw'];

test('without a session every view leads to the form', async () => {
  const start = await get('/');
  assert.equal(start.status, 200);
  assert.match(await start.text(), /<form[^>]+action="\/page\/login"/);
  for (const path of CLOSED) {
    const answer = await get(path, 'postern_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    assert.equal(answer.status, 303, path);
    assert.equal(answer.headers.get('location'), '/');
  }
});

test('forms of another origin, of none and of a hidden one neither sign in nor out', async () => {
  const cookie = await signIn({ key: gateway.testKey });
  const { port } = new URL(gateway.url);
  for (const origin of ['https://evil.example', `http://localhost.evil.example:${port}`, 'null', null]) {
    const login = await post('/page/login', { key: gateway.testKey }, { origin });
    assert.equal(login.status, 403, String(origin));
    assert.equal(login.headers.get('set-cookie'), null);
    assert.equal((await post('/page/logout', {}, { origin, cookie })).status, 403);
  }
  assert.match(await (await get('/', cookie)).text(), /Sign out/);
  const out = await post('/page/logout', {}, { cookie });
  assert.match(out.headers.get('set-cookie') ?? '', /^postern_session=; .*Max-Age=0/);
  assert.doesNotMatch(await (await get('/', cookie)).text(), /Sign out/);
});

test('every view forbids scripts, framing, sniffing and storing', async () => {
  const cookie = await signIn({ key: gateway.testKey });
  for (const path of ['/', '/page/mail', '/page/verdicts', '/page/mail/cap_none']) {
    const { headers } = await get(path, cookie);
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; style-src 'self';/, path);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /script-src|unsafe/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'same-origin');
    assert.equal(headers.get('cache-control'), 'no-store');
  }
});

test('the operator looks at one tenant in one mode', async () => {
  const key = gateway.operatorKey;
  const bare = await post('/page/login', { key });
  assert.equal(bare.status, 401);
  assert.match(await bare.text(), /give its id/);
  assert.equal((await post('/page/login', { key, tenant: 'ten_none', mode: 'test' })).status, 401);
  assert.equal((await post('/page/login', { key, tenant: gateway.tenantId, mode: 'odd' })).status, 401);
  const cookie = await signIn({ key, tenant: gateway.tenantId, mode: 'test' });
  assert.match(await (await get('/', cookie)).text(), /test mode/);
});

test('a revoked key ends its sessions at once', async () => {
  const made = await gateway.fetchJson('POST', '/v1/keys', { name: 'for a while', scopes: ['read'] });
  assert.equal(made.status, 201);
  const cookie = await signIn({ key: made.body.key });
  assert.match(await (await get('/', cookie)).text(), /for a while/);
  assert.ok((await gateway.fetchJson('DELETE', `/v1/keys/${made.body.id}`)).status < 300);
  assert.doesNotMatch(await (await get('/', cookie)).text(), /Sign out/);
  assert.equal((await get('/page/mail', cookie)).status, 303);
});

test('the given key is never shown again, nor markup in the other fields run', async () => {
  const answer = await post('/page/login', { key: '<b>key</b>', tenant: '"><script>1</script>', mode: 'live' });
  const text = await answer.text();
  assert.equal(answer.status, 401);
  assert.doesNotMatch(text, /<b>key|<script/);
  assert.match(text, /value="&quot;&gt;&lt;script&gt;/);
});

test('a form that is too large, or none, is refused', async () => {
  assert.equal((await post('/page/login', { key: 'x'.repeat(5000) })).status, 413);
  const json = await fetch(`${gateway.url}/page/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: gateway.url },
    body: JSON.stringify({ key: gateway.testKey }),
  });
  assert.equal(json.status, 401);
});

test('a session lasts eight hours and no longer, and the oldest gives way to the thousand-and-first', () => {
  const sessions = new Sessions();
  const signIn = { key: 'k', tenant: null, mode: null };
  const first = sessions.start(signIn, 0);
  assert.equal(sessions.find(first, 8 * 3_600_000 - 1), signIn);
  assert.equal(sessions.find(first, 8 * 3_600_000), null);
  const second = sessions.start(signIn, 1);
  for (let n = 0; n < 999; n += 1) sessions.start(signIn, 2);
  assert.equal(sessions.find(first, 3), null);
  assert.equal(sessions.find(second, 3), signIn);
});

test('a cookie header holds one session id or none', () => {
  const id = 'A'.repeat(43);
  assert.equal(sessionIdOf(`a=b; postern_session=${id}; c=d`), id);
  for (const header of [
    undefined,
    '',
    'postern_session=',
    `postern_session=${id}A`,
    `xpostern_session=${id}`,
    ';'.repeat(100_000),
  ]) {
    assert.equal(sessionIdOf(header), null);
  }
});
