/** Access tokens: fetched when they are needed, kept while they are good. */
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { openAddressGuard, openOnly } from '../../src/base/address-guard.ts';
import { openDns } from '../../src/base/dns.ts';
import type { Fetched } from '../../src/base/guarded-fetch.ts';
import { accessTokens } from '../../src/relay/smtp/access-token.ts';
import { TlsResults } from '../../src/relay/tls-results.ts';
import { openTransport } from '../../src/relay/transports/open-transport.ts';
import { delivery, pem } from '../harness/deliver.ts';
import { startTestDns } from '../harness/dns.ts';
import { startMailHost } from '../harness/mail-host.ts';

const answer = (body: unknown, status = 200): Fetched => ({
  outcome: 'answered',
  status,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});

function world(first: Fetched) {
  const state = { now: 0, answer: first, forms: [] as (Record<string, string> | undefined)[] };
  const tokens = accessTokens(
    { tokenUrl: 'https://id.example/token', clientId: 'abc', clientSecret: 's3', refreshToken: 'r1', scope: null },
    async (_url, bounds) => {
      state.forms.push(bounds?.form);
      return state.answer;
    },
    () => state.now,
  );
  return { state, tokens };
}

test('one token serves all who ask at once and until shortly before its end', async () => {
  const { state, tokens } = world(answer({ access_token: 'a1', expires_in: 3600, token_type: 'Bearer' }));
  const taken = await Promise.all([tokens.take(), tokens.take(), tokens.take()]);
  assert.deepEqual(taken, [{ token: 'a1' }, { token: 'a1' }, { token: 'a1' }]);
  state.now = 3_400_000;
  assert.deepEqual(await tokens.take(), { token: 'a1' });
  assert.deepEqual(state.forms, [
    { grant_type: 'refresh_token', refresh_token: 'r1', client_id: 'abc', client_secret: 's3' },
  ]);
  state.now = 3_500_000;
  state.answer = answer({ access_token: 'a2', expires_in: 3600 });
  assert.deepEqual(await tokens.take(), { token: 'a2' });
});

test('one that was refused is not used again', async () => {
  const { state, tokens } = world(answer({ access_token: 'a1', expires_in: 3600 }));
  await tokens.take();
  tokens.drop();
  state.answer = answer({ access_token: 'a2', expires_in: 3600 });
  assert.deepEqual(await tokens.take(), { token: 'a2' });
});

for (const [what, given, words] of [
  [
    'a no',
    answer({ error: 'invalid_grant', error_description: 'Token has been revoked.' }, 400),
    /400 invalid_grant: Tok/,
  ],
  ['a page', answer('<html>'), /no access token from id\.example: 200/],
  ['a token that would end the command', answer({ access_token: 'a\r\nMAIL' }), /no access token/],
  ['null', answer('null'), /no access token/],
  ['nobody', { outcome: 'failed', why: 'no answer' }, /no answer/],
] as const) {
  test(`${what} is no token, and says why`, async () => {
    const taken = await world(given).tokens.take();
    assert.match('why' in taken ? taken.why : 'taken', words);
  });
}

test('a transport signs in with a token that it fetched, and anew after a refusal', async (t) => {
  let issued = 0;
  const forms: string[] = [];
  const identity = createServer({ key: pem('mail-key'), cert: pem('mail-cert') }, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      forms.push(body);
      issued += 1;
      response.end(JSON.stringify({ access_token: `token-${issued}`, expires_in: 3600 }));
    });
  });
  await new Promise<void>((resolve) => identity.listen(0, '127.0.0.1', () => resolve()));
  const { port } = identity.address() as AddressInfo;
  const host = await startMailHost({
    authOptional: false,
    allowInsecureAuth: true,
    authMethods: ['XOAUTH2'],
    onAuth: (given, _session, callback) =>
      given.accessToken === 'token-2'
        ? callback(null, { user: 'bob' })
        : callback(null, { data: { status: '401', schemes: 'bearer' } }),
  });
  const dns = await startTestDns({ 'id.mail.test': { A: ['127.0.0.1'] } });
  t.after(() => Promise.all([host.close(), dns.close(), new Promise((resolve) => void identity.close(resolve))]));
  const url = `https://id.mail.test:${port}/token`;
  const ca = new URL('../fixtures/tls/authority-cert.pem', import.meta.url).pathname;
  const opened = openTransport(
    {
      ...{ id: 'default', kind: 'smtp', ehloName: null, isTenants: false },
      url: `smtp://127.0.0.1:${host.port}?auth=xoauth2&tls=never&token_url=${url}&client_id=abc&ca=${ca}`,
      credentials: { user: 'bob@x.example', pass: 's3 r1' },
    },
    {
      dns: openDns([dns.address], { hostsFile: null }),
      guard: openAddressGuard(['127.0.0.0/8']),
      opened: openOnly(['127.0.0.0/8'], 'this port'),
      domain: 'gateway.example',
      tlsResults: new TlsResults(),
    },
  );
  assert.ok('transport' in opened, JSON.stringify(opened));
  t.after(() => opened.transport.close(0));
  const refused = await opened.transport.deliver(delivery());
  assert.deepEqual('stage' in refused && [refused.outcome, refused.stage], ['not_taken', 'auth']);
  assert.equal((await opened.transport.deliver(delivery())).outcome, 'taken');
  assert.deepEqual(forms, [
    'grant_type=refresh_token&refresh_token=r1&client_id=abc&client_secret=s3',
    'grant_type=refresh_token&refresh_token=r1&client_id=abc&client_secret=s3',
  ]);
});
