/** Each code of ServiceM8's messaging API by a real cause. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

const BASE = '/compat/servicem8';
const EMAIL = `${BASE}/platform_service_email`;
const TEXT = `${BASE}/platform_service_sms`;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const STAFF = '0f4c7c1e-1b1a-4f0e-9a55-2f2a2c5d9b10';
const DAILY = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 3 };
const RATE = { name: 'rate', scope: 'installation', window: 'rate', per: 'minute', max: 1, burst: 1 };

let gateway: TestGateway;
let operator: Call;

before(async () => {
  gateway = await startTestGateway();
  operator = asOperator(gateway);
});
after(() => gateway.stop());

async function tenantWith(policy: Record<string, unknown>, body: Record<string, unknown> = {}): Promise<TestTenant> {
  const tenant = await makeTenant(gateway, body);
  const set = await operator('PUT', `/v1/tenants/${tenant.id}/policy`, policy, { 'X-Mode': 'test' });
  assert.equal(set.status, 200, JSON.stringify(set.body));
  return tenant;
}

const mail = (call: Call, more: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  call('POST', EMAIL, { to: 'pat@client.example', subject: 'Visit', textBody: 'See you.', ...more }, headers);
const text = (call: Call, more: Record<string, unknown> = {}): Promise<Answer> =>
  call('POST', TEXT, { to: '+61400000001', message: 'On my way.', ...more });

/** One shape for every status. */
function isResult({ body }: Answer): void {
  assert.equal(typeof body.errorCode, 'number');
  assert.equal(typeof body.message, 'string');
  assert.match(body.messageID, UUID);
  assert.match(body.submittedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
}

function isRefused(answer: Answer, http: number, errorCode: number, message: string | RegExp): void {
  isResult(answer);
  const { body } = answer;
  assert.deepEqual([answer.status, body.errorCode], [http, errorCode], JSON.stringify(body));
  if (typeof message === 'string') assert.equal(body.message, message);
  else assert.match(body.message, message);
  assert.equal(answer.headers.get('x-postern-reason'), body.reason);
  assert.ok(Array.isArray(body.clears.by));
  assert.ok(body.customer_message.length > 0);
  assert.equal(typeof body.evidence, 'object');
}

function isTaken(answer: Answer): void {
  isResult(answer);
  assert.deepEqual(
    [answer.status, answer.body.errorCode, answer.body.message],
    [200, 0, 'OK'],
    JSON.stringify(answer.body),
  );
}

describe('429', () => {
  test('a full rolling quota, and the number that is told on every answer', async () => {
    const { agent } = await tenantWith({ limits: [DAILY], quarantine: { mode: 'off' } });
    for (let n = 1; n <= 3; n += 1) {
      const taken = await mail(agent.call, { to: `pat${n}@client.example` });
      isTaken(taken);
      assert.deepEqual(
        [taken.body.quota.limit, taken.body.quota.remaining, taken.body.quota.scope],
        [3, 3 - n, 'tenant'],
      );
      assert.equal(taken.headers.get('x-sm8-quota-remaining'), String(3 - n));
    }
    const refused = await mail(agent.call);
    isRefused(refused, 429, 429, 'Daily message quota exceeded');
    assert.ok(Number(refused.headers.get('retry-after')) > 86_000);
    assert.deepEqual(refused.body.quota, {
      limit: 3,
      remaining: 0,
      reset: refused.headers.get('x-sm8-quota-reset'),
      scope: 'tenant',
    });
    assert.match(refused.body.quota.reset, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    for (const answer of [
      await agent.call('GET', `${BASE}/nothing`),
      await agent.call('POST', BASE),
      await agent.call('GET', EMAIL),
      await agent.call('OPTIONS', TEXT),
      await mail(agent.call, {}, { 'content-encoding': 'gzip' }),
      await agent.call('GET', `${BASE}/error_codes`),
      await mail(agent.call, { to: '' }),
      await agent.call('POST', EMAIL, '{"to":'),
    ]) {
      assert.equal(answer.headers.get('x-sm8-quota-limit'), '3', JSON.stringify(answer.body));
      assert.equal(answer.headers.get('x-sm8-quota-remaining'), '0');
    }
    // Text messages have a quota of the same size, apart.
    for (let n = 1; n <= 3; n += 1) isTaken(await text(agent.call, { to: `+6140000000${n}` }));
    const full = await text(agent.call);
    isRefused(full, 429, 429, 'Daily message quota exceeded');
    assert.equal(full.headers.get('x-sm8-quota-remaining'), '0');
  });

  test('a rate of the account, and of one person', async () => {
    const { agent } = await tenantWith({ limits: [RATE], quarantine: { mode: 'off' } });
    isTaken(await mail(agent.call));
    const refused = await mail(agent.call, { to: 'lee@client.example' });
    isRefused(refused, 429, 429, 'Maximum sending rate exceeded');
    assert.ok(Number(refused.headers.get('retry-after')) <= 60);
    isTaken(await text(agent.call));
    isRefused(await text(agent.call), 429, 429, 'Maximum sending rate exceeded');

    const one = await tenantWith({ limits: [{ ...RATE, scope: 'recipient' }], quarantine: { mode: 'off' } });
    isTaken(await mail(one.agent.call));
    isRefused(await mail(one.agent.call), 429, 429, 'Maximum sending rate exceeded');
    isTaken(await mail(one.agent.call, { to: 'lee@client.example' }));
  });

  test('too many to one person, whose number counts like an address', async () => {
    const limit = { name: 'to_one', scope: 'recipient', window: 'rolling_24h', max: 1 };
    const { agent } = await tenantWith({ limits: [limit], quarantine: { mode: 'off' } });
    isTaken(await text(agent.call));
    isRefused(await text(agent.call), 429, 429, 'Daily message quota exceeded');
    isTaken(await text(agent.call, { to: '+61400000002' }));
  });

  test('a second message to one person before the cooldown is over', async () => {
    const { agent } = await tenantWith({ cooldown: { per: 'recipient', seconds: 600 } });
    isTaken(await mail(agent.call));
    const refused = await mail(agent.call);
    isRefused(refused, 429, 429, 'Daily message quota exceeded');
    assert.ok(Number(refused.headers.get('retry-after')) <= 600);
  });

  test('too many requests', async () => {
    const request_rate = [{ name: 'api', scope: 'tenant', window: 'rate', per: 'minute', max: 2, burst: 2 }];
    const { agent } = await tenantWith({ request_rate, limits: [DAILY] });
    await mail(agent.call);
    await text(agent.call);
    for (const refused of [await mail(agent.call), await text(agent.call)]) {
      isRefused(refused, 429, 429, 'Number of allowed API requests per minute exceeded');
      const { reset } = refused.body.quota;
      assert.deepEqual(refused.body.quota, { limit: 3, remaining: 2, reset, scope: 'tenant' });
      assert.equal(refused.headers.get('x-sm8-quota-reset'), reset);
    }
  });
});

describe('402', () => {
  for (const [standing, reason] of [
    ['trial_not_activated', 'trial_not_activated'],
    ['trial_expired', 'trial_expired'],
    ['subscription_expired', 'subscription_expired'],
    ['payment_overdue', 'subscription_expired'],
  ] as const) {
    test(`the account is ${standing}`, async () => {
      const { agent } = await makeTenant(gateway, { standing });
      for (const answer of [await mail(agent.call), await text(agent.call)]) {
        isRefused(answer, 402, 402, /^Sending rejected/);
        assert.equal(answer.body.reason, reason);
        assert.deepEqual(answer.body.clears.by, ['tenant']);
      }
    });
  }

  test('there are no credits left, of which a text message costs one', async () => {
    const { agent } = await makeTenant(gateway, { billing: 'credits', credits: 2 });
    isTaken(await mail(agent.call));
    isTaken(await text(agent.call));
    const refused = await mail(agent.call);
    isRefused(refused, 402, 402, 'Sending rejected: not enough credits');
    assert.equal(refused.body.reason, 'insufficient_credits');
  });
});

describe('400, 401, 403, 404', () => {
  let tenant: TestTenant;
  before(async () => {
    tenant = await makeTenant(gateway);
  });

  test('an address or a number that is none', async () => {
    const { call } = tenant.agent;
    for (const to of ['pat', 'pat@', 'a@b.example,c@d.example', '', undefined]) {
      isRefused(await mail(call, { to }), 400, 400, 'Invalid email address');
    }
    isRefused(await mail(call, { cc: 'lee' }), 400, 400, 'Invalid email address');
    for (const to of ['0400000001', '+0400000001', '+61 400 000 001', 'pat@client.example', '', undefined]) {
      isRefused(await text(call, { to }), 400, 400, 'Invalid phone number');
    }
  });

  test('fields that are missing or wrong, named as its clients know them', async () => {
    const { call } = tenant.agent;
    isRefused(await mail(call, { textBody: undefined }), 400, 400, /^Invalid request; htmlBody: /);
    isRefused(await mail(call, { subject: undefined }), 400, 400, /^Invalid request; subject: /);
    isRefused(await mail(call, { replyTo: 'nobody' }), 400, 400, /^Invalid request; replyTo/);
    isRefused(await mail(call, { attachments: 'x,y' }), 400, 400, /attachments\[0\]: .*attachments\[1\]: /);
    const direction = await mail(call, { replyTo: 'nobody', textBody: '\0' });
    isRefused(direction, 400, 400, /; textBody: /);
    assert.doesNotMatch(JSON.stringify(direction.body), /reply_to|"text"|`text`/);
    isRefused(await text(call, { message: '' }), 400, 400, /^Invalid request; message: /);
    isRefused(await text(call, { message: 'x'.repeat(1601) }), 400, 400, /1600/);
    isTaken(await text(call, { message: '😀'.repeat(1600), regardingJobUUID: STAFF }));
    isRefused(await call('POST', EMAIL, '{"to":'), 400, 400, 'The body is not valid JSON');
  });

  test('what is of another type is refused, since left out it would be lost in silence', async () => {
    const { call } = tenant.agent;
    for (const value of [['lee@client.example'], { email: 'lee@client.example' }, 7, true]) {
      isRefused(await mail(call, { cc: value }), 400, 400, 'Invalid email address');
      isRefused(await mail(call, { replyTo: value }), 400, 400, /^Invalid request; replyTo: /);
      isRefused(await mail(call, { htmlBody: value }), 400, 400, /^Invalid request; htmlBody: /);
      isRefused(await mail(call, { regardingJobUUID: value }), 400, 400, /^Invalid request; regardingJobUUID: /);
      isRefused(await text(call, { regardingJobUUID: value }), 400, 400, /^Invalid request; regardingJobUUID: /);
    }
    for (const cc of [null, '', undefined]) isTaken(await mail(call, { cc, replyTo: cc, htmlBody: cc }));
  });

  test('a signature is asked for without saying whose', async () => {
    const { call } = tenant.agent;
    const htmlBody = '<p>Bye</p><Platform-User-Signature />';
    isRefused(await mail(call, { htmlBody }), 400, 400, /x-impersonate-uuid/);
    isTaken(await mail(call, { htmlBody }, { 'x-impersonate-uuid': STAFF }));
    isRefused(await mail(call, { htmlBody }, { 'x-impersonate-uuid': 'me' }), 403, 403, 'Insufficient scope');
  });

  test('a key that is none, or may not send; a path that is none', async () => {
    const wrong = await gateway.fetchJson('POST', EMAIL, {}, { key: 'pst_test_wrong' });
    isRefused(wrong, 401, 401, 'Unauthorized');
    const reader = await makeTestKey(gateway, tenant.id, { scopes: ['read'] });
    isRefused(await mail(reader.call), 403, 403, 'Insufficient scope');
    isRefused(await tenant.agent.call('POST', `${BASE}/platform_service_fax`), 404, 404, 'Not found');
    const method = await tenant.agent.call('PUT', TEXT);
    isRefused(method, 405, 405, 'Method not allowed');
    assert.equal(method.headers.get('allow'), 'POST');
  });

  test('the key may stand in X-Api-Key', async () => {
    const headers = { 'x-api-key': tenant.agent.key, 'content-type': 'application/json' };
    const body = JSON.stringify({ to: 'pat@client.example', subject: 'Visit', textBody: 'See you.' });
    const answer = await fetch(gateway.url + EMAIL, { method: 'POST', headers, body });
    assert.equal(answer.status, 200);
  });
});

describe('numbers of our own', () => {
  test('accounts that are paused or suspended', async () => {
    const paused = await makeTenant(gateway);
    assert.equal((await paused.agent.call('POST', '/v1/account/pause', {})).status, 200);
    isRefused(await mail(paused.agent.call), 400, 10_011, 'Sending rejected: the account is paused');
    const suspended = await makeTenant(gateway, { standing: 'suspended' });
    isRefused(await text(suspended.agent.call), 400, 10_010, 'Sending rejected: the account is suspended');
  });

  test('people who must not be written to, by address or by number', async () => {
    const { agent } = await makeTenant(gateway);
    const number = '+61400000001@sms.postern.invalid';
    for (const email of ['pat@client.example', number]) {
      const made = await agent.call('POST', '/v1/suppressions', { email, reason: 'manual_dnc' });
      assert.equal(made.status, 201, JSON.stringify(made.body));
    }
    isRefused(await mail(agent.call), 400, 10_041, 'Sending rejected: the recipient is suppressed');
    isRefused(await text(agent.call), 400, 10_041, 'Sending rejected: the recipient is suppressed');
    const marked = await agent.call('PUT', '/v1/contacts/lee@client.example', { do_not_contact: true });
    assert.equal(marked.status, 200, JSON.stringify(marked.body));
    isRefused(await mail(agent.call, { to: 'lee@client.example' }), 400, 10_040, /must not be contacted$/);
  });

  test('a fault of ours', async () => {
    const { agent } = await makeTenant(gateway);
    const { store } = gateway.gateway;
    const admit = store.admit.bind(store);
    store.admit = () => Promise.reject(new Error('a fault'));
    const refused = await mail(agent.call);
    store.admit = admit;
    isRefused(refused, 500, 500, 'Internal error');
    assert.doesNotMatch(JSON.stringify(refused.body), /a fault/);
  });

  test('a platform that is paused', async () => {
    const { agent } = await makeTenant(gateway);
    assert.equal((await operator('POST', '/v1/platform/pause', { note: 'a test' })).status, 200);
    const refused = await mail(agent.call);
    assert.equal((await operator('POST', '/v1/platform/resume', { note: 'over' })).status, 200);
    isRefused(refused, 503, 503, 'Service unavailable');
    assert.ok(refused.headers.get('retry-after'));
  });
});

test('the list of codes needs no key, and has every code that an answer can hold', async () => {
  const answer = await fetch(`${gateway.url}${BASE}/error_codes`);
  assert.equal(answer.status, 200);
  const { data } = (await answer.json()) as { data: { errorCode: number; reason: string; doc_url: string }[] };
  const own = data.map(({ errorCode }) => errorCode).filter((code) => code >= 10_000);
  assert.equal(new Set(own).size, own.length, 'no number stands for two reasons');
  for (const code of [0, 400, 401, 402, 403, 404, 429, 440, 500, 503]) {
    assert.ok(
      data.some(({ errorCode }) => errorCode === code),
      `${code}`,
    );
  }
  const page = await fetch(data.find(({ errorCode }) => errorCode === 440)!.doc_url);
  assert.equal(page.status, 200);
  const unknown = await fetch(`${gateway.url}${BASE}/error_codes`, { headers: { authorization: 'Bearer pst_test_x' } });
  assert.equal(unknown.status, 401);
});
