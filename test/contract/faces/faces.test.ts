/** What every face keeps: each reason of the catalogue in its own words, headroom, ids, idempotency, its own errors. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { REASON_CODES, REASONS, type ReasonCode } from '../../../src/core/reasons.ts';
import { FACES, wordsOf } from '../../../src/intake/faces/index.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import type { FaceDriver } from './driver.ts';
import { DRIVERS } from './drivers.ts';

type Answer = { status: number; headers: Headers; body: unknown };

const given = (headers: Record<string, string | undefined> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter((one): one is [string, string] => one[1] !== undefined));

const WITH_STATUS = REASON_CODES.filter((code) => REASONS[code].http !== null);

test('every face has a driver here, and every driver a face', () => {
  assert.deepEqual(DRIVERS.map(({ name }) => name).sort(), FACES.map(({ name }) => name).sort());
});

test(`every reason has a word in every face: ${REASON_CODES.length} x ${FACES.length}`, () => {
  for (const code of REASON_CODES) {
    const words = wordsOf(code);
    for (const { name } of FACES) assert.ok(words[name] !== undefined, `${name} has no word for ${code}`);
  }
});

describe('the faces', () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await startTestGateway();
    const policy = {
      limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 100_000 }],
      quarantine: { mode: 'off' },
    };
    const path = `/v1/tenants/${gateway.tenantId}/policy`;
    const headers = { 'x-mode': 'test' };
    const put = await gateway.fetchJson('PUT', path, policy, { key: gateway.operatorKey, headers });
    assert.ok(put.status < 300, JSON.stringify(put.body));
    for (const driver of DRIVERS) await driver.prepare?.(gateway);
  });
  after(() => gateway.stop());

  async function send(
    driver: FaceDriver,
    to: string,
    more: { idempotencyKey?: string; key?: string } = {},
  ): Promise<Answer> {
    const { method, path, body, headers } = driver.send(to, more);
    const response = await fetch(gateway.url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...driver.authorize(more.key ?? gateway.testKey),
        ...given(headers),
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    };
  }

  for (const driver of DRIVERS) {
    describe(driver.name, () => {
      test('takes a message, names it, and tells headroom', async () => {
        const answer = await send(driver, 'bob@example.com');
        assert.ok(answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`);
        assert.equal(driver.wordIn(answer), null);
        assert.ok(driver.idIn(answer), JSON.stringify(answer.body));
        assert.match(answer.headers.get('ratelimit') ?? '', /"daily";r=/);
        assert.ok(answer.headers.get('x-request-id'));
      });

      for (const code of WITH_STATUS) {
        test(`says ${code} in its own words`, async () => {
          const answer = await send(driver, `blocked+${code}@simulator.postern.test`);
          const { http, word } = wordsOf(code)[driver.name]!;
          assert.equal(answer.status, http, JSON.stringify(answer.body));
          assert.equal(answer.headers.get('x-postern-reason'), code);
          assert.equal(driver.wordIn(answer), String(word), JSON.stringify(answer.body));
        });
      }

      test('advises nothing that its clients have no field for', async () => {
        for (const code of ['send_rate_exceeded', 'hourly_quota_exceeded', 'daily_quota_exceeded', 'cooldown']) {
          const answer = await send(driver, `blocked+${code}@simulator.postern.test`);
          assert.doesNotMatch(JSON.stringify(answer.body), /on_limit|`send_at`/);
        }
      });

      test('tells headroom where there is nothing, by no method, and to a body that is compressed', async () => {
        const { method, path, headers } = driver.send('bob@example.com');
        const base = path.split('/').slice(0, 3).join('/');
        const authorized = { ...driver.authorize(gateway.testKey), ...given(headers) };
        for (const [asked, init] of [
          [`${base}/nothing/here`, { method: 'GET' }],
          [base, { method: 'POST', body: '{' }],
          [path, { method: 'DELETE' }],
          [path, { method, body: '{}', headers: { 'content-encoding': 'gzip' } }],
        ] as const) {
          const said = 'headers' in init ? init.headers : {};
          const response = await fetch(gateway.url + asked, { ...init, headers: { ...authorized, ...said } });
          const told = `${asked} ${response.status}`;
          assert.ok([404, 405, 415, 400, 422, 406].includes(response.status), told);
          assert.match(response.headers.get('ratelimit') ?? '', /"daily";r=/, told);
          assert.ok(response.headers.get('x-postern-reason'), told);
        }
      });

      test('a key that is wrong is refused in its own words', async () => {
        const answer = await send(driver, 'bob@example.com', { key: 'pst_test_wrong' });
        const { http, word } = wordsOf('authentication_required' satisfies ReasonCode)[driver.name]!;
        assert.equal(answer.status, http);
        assert.equal(driver.wordIn(answer), String(word));
      });

      test('a body that is no JSON is refused in its own words', async () => {
        const { method, path, headers } = driver.send('bob@example.com');
        const response = await fetch(gateway.url + path, {
          method,
          headers: { 'content-type': 'application/json', ...driver.authorize(gateway.testKey), ...given(headers) },
          body: '{"to": ',
        });
        const { http, word } = wordsOf('malformed_request' satisfies ReasonCode)[driver.name]!;
        const answer = { status: response.status, headers: response.headers, body: await response.json() };
        assert.equal(answer.status, http);
        assert.equal(driver.wordIn(answer), String(word));
      });

      if (driver.hasIdempotency) {
        test('a repeated key sends once and gives the first answer again', async () => {
          const idempotencyKey = `once-${driver.name}`;
          const first = await send(driver, 'once@example.com', { idempotencyKey });
          const second = await send(driver, 'once@example.com', { idempotencyKey });
          assert.ok(first.status < 300, JSON.stringify(first.body));
          assert.equal(second.status, first.status);
          assert.equal(driver.idIn(second), driver.idIn(first));
        });
      }
    });
  }
});
