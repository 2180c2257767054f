import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { after, before, test } from 'node:test';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { startTestDns, type TestDns } from '../harness/dns.ts';
import { type Domains, domainsOf, recordOf, zoneOf } from '../harness/domains.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Sink, type SinkMessage, startSink } from '../harness/smtp-sink.ts';
import { makeTenant } from '../harness/tenants.ts';
import { until } from '../harness/until.ts';

const GATEWAY = 'mail.gateway.example';
const received: SinkMessage[] = [];
const resolver = new Resolver();
let dns: TestDns;
let sink: Sink;
let gate: TestGateway;
let domains: Domains;

before(async () => {
  dns = await startTestDns();
  resolver.setServers([dns.address]);
  sink = await startSink({ onMessage: (message) => received.push(message) });
  gate = await startTestGateway({
    POSTERN_DNS_SERVERS: dns.address,
    POSTERN_DOMAIN: GATEWAY,
    POSTERN_OUTBOUND: `smtp://127.0.0.1:${sink.port}`,
  });
  domains = domainsOf(gate, gate.liveKey);
});
after(async () => {
  await gate.stop();
  await sink.close();
  await dns.close();
});

type Signed = { from: string; signatures: { domain: string; selector: string; algorithm: string; result: string }[] };

/** Sends one message and answers with who signed what arrived, as a receiver with this DNS finds it. */
async function send(from: string, key = gate.liveKey): Promise<Signed> {
  const subject = `from ${from} ${received.length}`;
  const sent = await gate.fetchJson(
    'POST',
    '/v1/messages',
    { from, to: 'bob@example.com', subject, text: 'Hi' },
    { key },
  );
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const arrived = () => received.find(({ content }) => content.includes(subject));
  await until(() => arrived() !== undefined, 20_000, 'the message arrives');
  const { content, from: envelope } = arrived()!;
  const { results } = await dkimVerify(content, {
    resolver: (name, type) => resolver.resolve(name, type) as Promise<string[][]>,
  });
  return {
    from: envelope,
    signatures: results.map((result) => ({
      domain: result.signingDomain,
      selector: result.selector ?? '',
      algorithm: String(Reflect.get(result, 'algo')),
      result: result.status.result,
    })),
  };
}

test('mail of a verified domain is signed by both its keys, and its reports come back below it', async () => {
  const { records } = await domains.verified(dns, 'acme.example');
  const selectors = ['dkim_rsa', 'dkim_ed25519'].map((purpose) => records.find((one) => one.purpose === purpose)!.host);
  const { from, signatures } = await send('Alice <alice@acme.example>');
  assert.deepEqual(
    signatures.map(({ domain, algorithm, result }) => [domain, algorithm, result]),
    [
      ['acme.example', 'rsa-sha256', 'pass'],
      ['acme.example', 'ed25519-sha256', 'pass'],
    ],
  );
  assert.deepEqual(
    signatures.map(({ selector }) => `${selector}._domainkey`),
    selectors,
  );
  assert.match(from, /^b\+.*@bounces\.acme\.example$/);
  const below = await send('alice@news.acme.example');
  assert.deepEqual(
    below.signatures.map(({ domain, result }) => [domain, result]),
    [
      ['acme.example', 'pass'],
      ['acme.example', 'pass'],
    ],
  );
});

test('another tenant that writes in its name is never signed as it', async () => {
  const other = await makeTenant(gate, {}, 'live');
  const { from, signatures } = await send('ceo@acme.example', other.agent.key);
  assert.deepEqual(
    signatures.map(({ domain }) => domain),
    [GATEWAY],
  );
  assert.match(from, new RegExp(`@bounces\\.${GATEWAY}$`));
});

test('an Ed25519 key that nobody published signs nothing, and a return path that leads elsewhere is not used', async () => {
  const { id, records } = await domains.add('plain.example');
  const zone = zoneOf(records.filter(({ purpose }) => ['ownership', 'dkim_rsa'].includes(purpose)));
  dns.setAll({ ...zone, 'bounces.plain.example': { MX: ['mx.other.example'] } });
  assert.equal((await domains.verify(id)).state, 'verified');
  const { from, signatures } = await send('a@plain.example');
  assert.deepEqual(
    signatures.map(({ domain, algorithm, result }) => [domain, algorithm, result]),
    [['plain.example', 'rsa-sha256', 'pass']],
  );
  assert.match(from, new RegExp(`@bounces\\.${GATEWAY}$`));
});

test('new keys sign once their records are found, and the old ones stay listed for a week', async () => {
  const { id } = await domains.verified(dns, 'rotates.example');
  const before = await send('a@rotates.example');
  const rotated = await domains.rotate(id);
  const announced = rotated.keys.filter(({ state }) => state === 'announced');
  assert.equal(announced.length, 2);
  assert.equal(rotated.state, 'verified', 'an announced key that is not found yet takes nothing away');
  const again = await gate.fetchJson('POST', `/v1/domains/${id}/rotate-keys`, undefined, { key: gate.liveKey });
  assert.deepEqual([again.status, again.body.code], [409, 'state_conflict']);
  assert.equal((await domains.verify(id)).state, 'verified');
  const selectorsOf = ({ signatures }: Signed) => signatures.map(({ selector }) => selector);
  assert.deepEqual(selectorsOf(await send('a@rotates.example')), selectorsOf(before));

  dns.setAll(zoneOf(rotated.records));
  const switched = await domains.verify(id);
  assert.equal(switched.state, 'verified');
  const retiring = switched.keys.filter(({ state }) => state === 'retiring');
  assert.deepEqual(
    retiring.map(({ selector }) => selector),
    selectorsOf(before),
  );
  const week = 7 * 86_400_000;
  for (const { retires_at } of retiring) assert.ok(Math.abs(Date.parse(retires_at!) - Date.now() - week) < 60_000);
  const now = await send('a@rotates.example');
  assert.deepEqual(
    selectorsOf(now),
    announced.map(({ selector }) => selector),
  );
  assert.deepEqual([...new Set(now.signatures.map(({ result }) => result))], ['pass']);
  const { body } = await gate.fetchJson('GET', '/v1/events?types=domain.key_rotated', undefined, { key: gate.liveKey });
  assert.deepEqual(
    body.data.map(({ data }: { data: { phase: string } }) => data.phase),
    ['announced', 'switched'],
  );
});

test('mail that waits through two changes of keys is signed by the newest, and both old pairs are shown till their week ends', async () => {
  const { id } = await domains.verified(dns, 'twice.example');
  const first = (await send('a@twice.example')).signatures.map(({ selector }) => selector);
  const body = {
    ...{ from: 'a@twice.example', to: 'bob@example.com', subject: 'it waits through both', text: 'Hi' },
    send_at: new Date(Date.now() + 3_600_000).toISOString(),
  };
  const waiting = await gate.fetchJson('POST', '/v1/messages', body, { key: gate.liveKey });
  assert.equal(waiting.status, 202, JSON.stringify(waiting.body));
  const made: string[][] = [];
  for (let n = 0; n < 2; n += 1) {
    const { keys, records } = await domains.rotate(id);
    made.push(keys.filter(({ state }) => state === 'announced').map(({ selector }) => selector));
    dns.setAll(zoneOf(records));
    assert.equal((await domains.verify(id)).state, 'verified');
  }
  const { keys, records } = await domains.verify(id);
  const retiring = keys.filter(({ state }) => state === 'retiring').map(({ selector }) => selector);
  assert.deepEqual(new Set(retiring), new Set([...first, ...made[0]!]));
  for (const selector of retiring) {
    assert.ok(
      records.some(({ name }) => name.startsWith(`${selector}._domainkey.`)),
      `${selector} is still to be published`,
    );
  }
  const now = await gate.fetchJson(
    'PATCH',
    `/v1/messages/${waiting.body.id}`,
    { send_at: new Date(Date.now() + 500).toISOString() },
    { key: gate.liveKey },
  );
  assert.equal(now.status, 200, JSON.stringify(now.body));
  const arrived = () => received.find(({ content }) => content.includes(body.subject));
  await until(() => arrived() !== undefined, 20_000, 'the message arrives');
  const { results } = await dkimVerify(arrived()!.content, {
    resolver: (name, type) => resolver.resolve(name, type) as Promise<string[][]>,
  });
  assert.deepEqual(
    results.map(({ selector, status }) => [selector, status.result]),
    made[1]!.map((selector) => [selector, 'pass']),
  );
});

test('of two tenants the first that is verified has the domain, as long as its own record stands', async () => {
  const first = await domains.verified(dns, 'shared.example');
  const tenant = await makeTenant(gate, {}, 'live');
  const second = domainsOf(gate, tenant.agent.key);
  const added = await second.add('SHARED.example');
  const [one, two] = [recordOf(first, 'ownership'), recordOf(added, 'ownership')];
  assert.equal(one.name, two.name);
  assert.notEqual(one.value, two.value);
  const bounces = zoneOf(first.records)['bounces.shared.example']!;
  dns.setAll({
    ...zoneOf(added.records),
    'bounces.shared.example': bounces,
    [one.name]: { TXT: [one.value, two.value] },
  });
  const waiting = await second.verify(added.id);
  assert.equal(waiting.state, 'pending');
  assert.match(waiting.problem ?? '', /Another account/);
  assert.equal((await domains.verify(first.id)).state, 'verified');

  dns.set(one.name, { TXT: [two.value] });
  assert.equal((await second.verify(added.id)).state, 'verified');
  const lost = await gate.fetchJson('GET', `/v1/domains/${first.id}`, undefined, { key: gate.liveKey });
  assert.equal(lost.body.state, 'failing');
  assert.ok(Date.parse(lost.body.blocks_at) <= Date.now(), 'its grace is over');
  assert.deepEqual(
    (await send('a@shared.example')).signatures.map(({ domain }) => domain),
    [GATEWAY],
  );
  assert.equal((await send('a@shared.example', tenant.agent.key)).signatures[0]?.domain, 'shared.example');
  dns.set(one.name, { TXT: [one.value, two.value] });
  assert.equal((await domains.verify(first.id)).state, 'failing', 'it does not come back by itself');
});

test('a domain whose record is gone goes on for three days, on the test clock too, and is refused then', async () => {
  const inTest = domainsOf(gate, gate.testKey);
  const policy = { senders: { require_verified_domain: 'always' } };
  const headers = { 'X-Mode': 'test' };
  const put = await gate.fetchJson('PUT', `/v1/tenants/${gate.tenantId}/policy`, policy, {
    key: gate.operatorKey,
    headers,
  });
  assert.equal(put.status, 200);
  const { id, records } = await inTest.verified(dns, 'fades.example');
  const message = { from: 'a@fades.example', to: 'bob@example.com', subject: 'Hello', text: 'Hi' };
  const scheduled = { ...message, send_at: new Date(Date.now() + 74 * 3_600_000).toISOString() };
  const waiting = await gate.fetchJson('POST', '/v1/messages', scheduled);
  assert.equal(waiting.status, 202);
  dns.set(records.find(({ purpose }) => purpose === 'dkim_rsa')!.name, null);
  const failing = await inTest.verify(id);
  assert.equal(failing.state, 'failing');
  const { body: notices } = await gate.fetchJson('GET', '/v1/notices', undefined, {
    headers: { 'X-Tenant': gate.tenantId, 'X-Mode': 'test' },
    key: gate.operatorKey,
  });
  const told = notices.data.find(({ kind }: { kind: string }) => kind === 'domain');
  assert.match(JSON.stringify(told), /fades\.example are gone/);
  assert.match(JSON.stringify(told), /There is no TXT record at .*_domainkey\.fades\.example/);
  assert.equal((await gate.fetchJson('POST', '/v1/messages', message)).status, 202, 'within the grace');
  await gate.fetchJson('POST', '/v1/test/clock', { advance: 'PT72H' });
  const refused = await gate.fetchJson('POST', '/v1/messages', message);
  assert.deepEqual([refused.status, refused.body.code], [403, 'domain_not_verified']);
  assert.equal(refused.body.reasons[0].evidence.state, 'failing');
  await gate.fetchJson('POST', '/v1/test/clock', { advance: 'PT2H' });
  await until(
    async () => (await gate.fetchJson('GET', `/v1/messages/${waiting.body.id}`)).body.status === 'blocked',
    20_000,
    'what waited is looked at once more',
  );
});

test('a name that is nobody’s to verify is not added', async () => {
  for (const domain of [
    'co.uk',
    'github.io',
    GATEWAY,
    `x.${GATEWAY}`,
    'a.localhost',
    'plain',
    'a_b.example',
    '10.0.0.1',
  ]) {
    const { status, body } = await gate.fetchJson('POST', '/v1/domains', { domain }, { key: gate.liveKey });
    assert.deepEqual([status, body.errors?.[0]?.param], [422, 'domain'], domain);
  }
  const first = await domains.add('bücher.example');
  assert.equal(first.domain, 'xn--bcher-kva.example');
  const again = await gate.fetchJson('POST', '/v1/domains', { domain: 'XN--bcher-kva.example' }, { key: gate.liveKey });
  assert.deepEqual([again.status, again.body.code], [409, 'state_conflict']);
});
