/** Mail through Amazon SES, with the real SDK, against a stand-in for its API. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openAddressGuard, openOnly } from '../../src/base/address-guard.ts';
import { openDns } from '../../src/base/dns.ts';
import { classify } from '../../src/relay/classify.ts';
import { judge } from '../../src/relay/judgement.ts';
import { probeTransport, probeWords } from '../../src/relay/probe.ts';
import { replies } from '../../src/relay/replies.ts';
import { parseSesUrl } from '../../src/relay/ses/ses-url.ts';
import { settlementOf } from '../../src/relay/settlement.ts';
import { TlsResults } from '../../src/relay/tls-results.ts';
import { openTransport, type TransportParts } from '../../src/relay/transports/open-transport.ts';
import { sesTransport } from '../../src/relay/transports/ses.ts';
import type { DeliveryResult, Transport } from '../../src/relay/transports/transport.ts';
import { CONTENT, counting, delivery, pem } from '../harness/deliver.ts';
import { type FakeSes, type SesTurn, startFakeSes } from '../harness/ses.ts';

const FROM = 'b+abcdefghijklmnop0123456789@bounces.gateway.example';

async function ses(t: TestContext): Promise<FakeSes> {
  const fake = await startFakeSes();
  t.after(fake.close);
  return fake;
}

function through(t: TestContext, fake: FakeSes, { answerMs = 5000 } = {}): Transport {
  const read = parseSesUrl(`ses://AKIAEXAMPLE:se%2Fcret@eu-west-1?endpoint=${fake.endpoint}&configuration_set=postern`);
  if ('error' in read) throw new Error(read.error);
  const transport = sesTransport(read.options, { answerMs });
  t.after(() => transport.close(0));
  return transport;
}

const parts = (allow: string[]): TransportParts => ({
  dns: openDns([], { hostsFile: null }),
  guard: openAddressGuard(allow),
  opened: openOnly(allow, 'this port'),
  domain: 'gateway.example',
  tlsResults: new TlsResults(),
});

function settled(result: DeliveryResult) {
  return settlementOf({
    claimed: { recipient: 1, token: 1, attempt: 1 },
    now: 1_000_000,
    way: { provider: 'ses', mailbox: null, why: null },
    result,
    judgement: judge(result, 'ses', replies()),
    isStopping: false,
    random01: 0.5,
  });
}

test('a message arrives whole, signed, tagged with the token of its return path, and is sent but not delivered', async (t) => {
  const fake = await ses(t);
  const looked = counting(true);
  const result = await through(t, fake).deliver(delivery({ from: FROM, beforeDot: looked.beforeDot }));
  assert.deepEqual(result, {
    outcome: 'taken',
    reply: { code: 250, enhanced: '2.0.0', text: 'Ok ses-1' },
    isReported: true,
  });
  assert.equal(looked.calls(), 1);
  const [send] = fake.sends;
  assert.deepEqual(send?.to, ['b@rcpt.example']);
  assert.equal(send?.raw.toString(), CONTENT);
  assert.equal(send?.configurationSet, 'postern');
  assert.deepEqual(send?.tags, { 'postern-recipient': 'abcdefghijklmnop0123456789' });
  assert.match(send?.signed ?? '', /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/eu-west-1\/ses\/aws4_request/);
  assert.equal(settled(result).outcome, 'sent');
});

test('connections are kept between deliveries', async (t) => {
  const fake = await ses(t);
  const transport = through(t, fake);
  for (let i = 0; i < 5; i++) assert.equal((await transport.deliver(delivery())).outcome, 'taken');
  assert.equal(fake.connections(), 1);
});

test('a look that says no leaves nothing behind at SES', async (t) => {
  const fake = await ses(t);
  const transport = through(t, fake);
  assert.deepEqual(await transport.deliver(delivery({ beforeDot: async () => false })), { outcome: 'stopped' });
  await assert.rejects(
    transport.deliver(
      delivery({
        beforeDot: async () => {
          throw new TypeError('a fault of ours');
        },
      }),
    ),
    TypeError,
  );
  assert.equal((await transport.deliver(delivery())).outcome, 'taken');
  assert.equal(fake.sends.length, 1);
});

const turns: [string, SesTurn, string, string | null, { class?: string; settled: string; hard?: boolean }][] = [
  [
    'throttling',
    { error: 'TooManyRequestsException', status: 429, message: 'Maximum sending rate exceeded.' },
    'deferred',
    'mail',
    { class: 'rate_limited', settled: 'deferred' },
  ],
  ['a limit', { error: 'LimitExceededException', status: 400 }, 'deferred', 'mail', { settled: 'deferred' }],
  [
    'a rejected message',
    { error: 'MessageRejected', status: 400, message: 'Message contains a virus' },
    'refused',
    'dot',
    { settled: 'bounced', hard: false },
  ],
  [
    'a sender that is not verified',
    { error: 'MessageRejected', status: 400, message: 'Email address is not verified.' },
    'not_taken',
    'auth',
    { class: 'auth_failure', settled: 'deferred' },
  ],
  [
    'a return path that is not verified',
    { error: 'MailFromDomainNotVerifiedException', status: 400 },
    'not_taken',
    'auth',
    { settled: 'deferred' },
  ],
  ['a paused account', { error: 'SendingPausedException', status: 400 }, 'not_taken', 'auth', { settled: 'deferred' }],
  [
    'a suspended account',
    { error: 'AccountSuspendedException', status: 400 },
    'not_taken',
    'auth',
    { settled: 'deferred' },
  ],
  [
    'an unknown key',
    { error: 'UnrecognizedClientException', status: 403 },
    'not_taken',
    'auth',
    { settled: 'deferred' },
  ],
  ['a bad request', { error: 'BadRequestException', status: 400 }, 'refused', 'mail', { settled: 'failed' }],
  ['an error nobody knows', { error: 'NewException', status: 418 }, 'not_taken', 'mail', { settled: 'deferred' }],
  ['a fault of the server', { error: 'InternalFailure', status: 500 }, 'uncertain', null, { settled: 'uncertain' }],
  ['no answer', 'hang', 'uncertain', null, { settled: 'uncertain' }],
  ['a broken line', 'reset', 'uncertain', null, { settled: 'uncertain' }],
  ['an answer cut off', 'cut', 'uncertain', null, { settled: 'uncertain' }],
];

for (const [what, turn, outcome, stage, expected] of turns) {
  test(`${what} is ${outcome}, and is asked once`, async (t) => {
    const fake = await ses(t);
    fake.meet(turn);
    const result = await through(t, fake, { answerMs: 300 }).deliver(delivery());
    assert.equal(result.outcome, outcome, JSON.stringify(result));
    assert.equal('stage' in result ? result.stage : null, stage);
    assert.equal(fake.sends.length, 1);
    const settlement = settled(result);
    // Whatever lies with the account or the service, another provider may do better.
    const end = settlement.outcome === 'elsewhere' ? settlement.otherwise : settlement.outcome;
    assert.equal(end, expected.settled);
    assert.equal(
      settlement.outcome === 'elsewhere',
      expected.class !== undefined || stage === 'auth' || stage === 'mail',
    );
    if (settlement.outcome === 'bounced') assert.deepEqual([settlement.hard, settlement.suppress], [false, false]);
    if ('stage' in result && expected.class !== undefined) {
      assert.equal(classify(result.reply, result.stage, replies()).class, expected.class);
    }
  });
}

test('an answer before the end of the request is none to the message, which stays half', async (t) => {
  const fake = await ses(t);
  fake.meet('early');
  const beforeDot = async (): Promise<boolean> => {
    await fake.early;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    return true;
  };
  const result = await through(t, fake).deliver(delivery({ beforeDot }));
  assert.equal(result.outcome, 'not_taken');
  assert.equal(fake.sends.length, 0);
});

test('an unknown end waits for three minutes for an event before a second copy', async (t) => {
  const fake = await ses(t);
  fake.meet('reset');
  const result = await through(t, fake).deliver(delivery());
  const settlement = settled(result);
  assert.ok(settlement.outcome === 'uncertain' && settlement.nextAttemptAt >= 1_000_000 + 180_000);
});

test('nobody at the address is not taken', async (t) => {
  const fake = await ses(t);
  const transport = through(t, fake);
  await fake.close();
  const looked = counting(true);
  const result = await transport.deliver(delivery({ beforeDot: looked.beforeDot }));
  assert.deepEqual('stage' in result && [result.outcome, result.stage], ['not_taken', 'connect']);
  assert.equal(looked.calls(), 0);
});

test('an address beyond ASCII is refused without a request, and its domain is written as A-labels', async (t) => {
  const fake = await ses(t);
  const transport = through(t, fake);
  const result = await transport.deliver(delivery({ to: 'käthe@rcpt.example' }));
  assert.equal('reply' in result && result.reply.enhanced, '5.6.7');
  await transport.deliver(delivery({ to: 'b@bücher.example' }));
  assert.deepEqual(fake.sends[0]?.to, ['b@xn--bcher-kva.example']);
});

test('the end of the transport ends what is not out yet, and waits for what is', async (t) => {
  const fake = await ses(t);
  fake.meet('hang');
  const transport = through(t, fake);
  let isLooking: () => void = () => {};
  const looking = new Promise<void>((resolve) => {
    isLooking = resolve;
  });
  const out = transport.deliver(
    delivery({
      beforeDot: async () => {
        isLooking();
        return true;
      },
    }),
  );
  await looking;
  const closed = transport.close(100);
  assert.equal((await out).outcome === 'taken', false);
  await closed;
  assert.equal((await transport.deliver(delivery())).outcome, 'not_taken');
});

test("a tenant's SES needs a key, a public address or one that was opened", async (t) => {
  const fake = await ses(t);
  const settings = { id: 'prv_1', kind: 'ses', credentials: null, ehloName: null, isTenants: true } as const;
  const url = `ses://eu-west-1?endpoint=${fake.endpoint}`;
  assert.match(JSON.stringify(openTransport({ ...settings, url }, parts([]))), /needs a key/);
  const credentials = { user: 'AKIAEXAMPLE', pass: 'secret' };
  for (const [allow, outcome] of [
    [[], 'not_taken'],
    [['127.0.0.0/8'], 'taken'],
  ] as const) {
    const opened = openTransport({ ...settings, url, credentials }, parts([...allow]));
    assert.ok('transport' in opened);
    t.after(() => opened.transport.close(0));
    assert.equal((await opened.transport.deliver(delivery())).outcome, outcome);
  }
  assert.equal(fake.sends.length, 1);
});

test('TLS is spoken, and a certificate that proves nothing sends nothing', async (t) => {
  const fake = await startFakeSes({ isSecure: true });
  t.after(fake.close);
  const read = parseSesUrl(`ses://AKIAEXAMPLE:secret@eu-west-1?endpoint=https://ses.mail.test:${fake.port}`);
  if ('error' in read) throw new Error(read.error);
  const { connect } = await import('node:net');
  const dial = (_host: string, port: number) => connect(port, '127.0.0.1');
  const good = sesTransport(read.options, { dial, ca: pem('authority-cert') });
  const bad = sesTransport(read.options, { dial });
  t.after(() => Promise.all([good.close(0), bad.close(0)]));
  assert.equal((await good.deliver(delivery())).outcome, 'taken');
  const result = await bad.deliver(delivery());
  assert.deepEqual('stage' in result && [result.outcome, result.stage], ['not_taken', 'tls']);
  assert.equal(fake.sends.length, 1);
});

test('a test of the provider says how much the account may send, or why it may not', async (t) => {
  const fake = await ses(t);
  const settings = {
    id: 'prv_1',
    kind: 'ses',
    url: `ses://key:secret@eu-west-1?endpoint=${fake.endpoint}`,
    credentials: null,
    ehloName: null,
    isTenants: false,
  } as const;
  fake.account = {
    SendingEnabled: true,
    ProductionAccessEnabled: false,
    SendQuota: { Max24HourSend: 200, MaxSendRate: 1, SentLast24Hours: 0 },
  };
  const seen = probeWords(await probeTransport(settings, parts([])));
  assert.equal(seen.ok, true);
  assert.match(seen.detail, /at most 200 messages in 24 hours and 1 a second, and in the sandbox only/);
  for (const [quota, said] of [
    [{ SendQuota: { Max24HourSend: -1, MaxSendRate: 14 } }, /takes us: at most 14 a second\.$/],
    [{ SendQuota: { Max24HourSend: -1, MaxSendRate: 0 } }, /takes us\.$/],
    [{}, /takes us\.$/],
  ] as const) {
    fake.account = { SendingEnabled: true, ProductionAccessEnabled: true, ...quota };
    assert.match(probeWords(await probeTransport(settings, parts([]))).detail, said);
  }
  fake.account = { SendingEnabled: false };
  assert.equal(probeWords(await probeTransport(settings, parts([]))).ok, false);
  fake.meet({ error: 'UnrecognizedClientException', status: 403, message: 'The security token is invalid.' });
  const refused = probeWords(await probeTransport(settings, parts([])));
  assert.deepEqual([refused.ok, /signing in/.test(refused.detail)], [false, true]);
});

for (const [url, error] of [
  ['ses://', /region/],
  ['ses://nowhere', /region/],
  ['ses://key@eu-west-1', /both parts/],
  ['ses://k:s%ZZ@eu-west-1', /escape/],
  ['ses://k:s@eu-west-1/path', /Nothing may follow/],
  ['ses://k:s@eu-west-1?endpoint=ftp://x', /endpoint/],
  ['ses://k:s@eu-west-1?configuration_set=a%20b', /configuration_set/],
  ['ses://k:s@eu-west-1?retries=9', /unknown parameter/],
] as const) {
  test(`${url} is answered with a sentence`, () => {
    const read = parseSesUrl(url);
    assert.match('error' in read ? read.error : 'taken', error);
  });
}
