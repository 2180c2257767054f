import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { REASON_CODES, REASONS, type ReasonEntry } from '../../src/core/reasons.ts';
import { SIMULATOR_DOMAIN } from '../../src/core/simulator.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const send = (to: string | string[], key = gateway.testKey) =>
  gateway.fetchJson('POST', '/v1/messages', { to, subject: 'Simulated', text: 'x' }, { key });

for (const code of REASON_CODES) {
  const entry: ReasonEntry = REASONS[code];
  if (entry.http === null) continue;
  test(`the simulator refuses with ${code} as the real thing does`, async () => {
    const { status, headers, body } = await send(`blocked+${code}@${SIMULATOR_DOMAIN}`);
    assert.equal(status, entry.http);
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
    assert.equal(body.code, code);
    assert.equal(body.status, entry.http);
    assert.equal(body.retryable, entry.retryable);
    assert.equal(body.type, `${gateway.url}/docs/reasons/${code}`);
    assert.equal(body.reasons[0].code, code);
    assert.deepEqual(body.clears, body.reasons[0].clears);
    assert.equal(body.request_id, headers.get('x-request-id'));
    const aboutRequest = entry.category === 'access' || entry.category === 'platform';
    assert.equal(body.message_id === null, aboutRequest, 'refusals by the policy can be looked up');
    for (const text of [body.title, body.detail, body.fix, body.customer_message])
      assert.match(text, /^(?!.*(undefined|null|\{time\}|\{limit\})).{8,}$/s);
    if (entry.retryable && body.retry_at !== null && [408, 409, 429, 503].includes(status)) {
      assert.ok(Number(headers.get('retry-after')) >= 1);
    }
    if (status === 401) assert.equal(headers.get('www-authenticate'), 'Bearer');
    if (status === 405) assert.notEqual(headers.get('allow'), null);
  });
}

test('a simulated recipient is refused alone, the others of the message are accepted', async () => {
  const { status, body } = await send(['bob@example.com', `blocked+suppressed@${SIMULATOR_DOMAIN}`]);
  assert.equal(status, 202);
  assert.deepEqual(
    body.recipients.map((one: { status: string }) => one.status),
    ['accepted', 'blocked'],
  );
  assert.equal(body.status, 'partial');
  assert.equal(body.recipients[1].reasons[0].code, 'suppressed');
});

test('live mode takes simulator addresses for what they are: addresses that reach nobody', async () => {
  const { status, body } = await send(`delivered@${SIMULATOR_DOMAIN}`, gateway.liveKey);
  assert.equal(status, 422);
  assert.equal(body.code, 'invalid_recipient');
});

test('an unknown simulator address is refused in test mode too', async () => {
  const { status, body } = await send(`nonsense@${SIMULATOR_DOMAIN}`);
  assert.equal(status, 422);
  assert.equal(body.code, 'invalid_recipient');
});
