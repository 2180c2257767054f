import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type DnsRecords, startTestDns, type TestDns } from '../harness/dns.ts';
import { type Domains, domainsOf, recordOf as of, type ShownDomain, zoneOf } from '../harness/domains.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

const GATEWAY = 'mail.gateway.example';
let dns: TestDns;
let gate: TestGateway;
let domains: Domains;

before(async () => {
  dns = await startTestDns({ [`bounces.${GATEWAY}`]: { MX: [`in.${GATEWAY}`], TXT: ['v=spf1 ip4:192.0.2.1 -all'] } });
  gate = await startTestGateway({ POSTERN_DNS_SERVERS: dns.address, POSTERN_DOMAIN: GATEWAY });
  domains = domainsOf(gate, gate.liveKey);
});
after(async () => {
  await gate.stop();
  await dns.close();
});

const call = async (method: string, path: string, body?: unknown, key = gate.liveKey) =>
  gate.fetchJson(method, path, body, { key });

const states = ({ records }: ShownDomain): Record<string, string> =>
  Object.fromEntries(records.map(({ purpose, state }) => [purpose, state]));

test('a domain whose records are published as they are shown is verified, and nothing is wrong with any of them', async () => {
  const added = await domains.add('whole.example');
  assert.equal(added.state, 'pending');
  assert.deepEqual([...new Set(Object.values(states(added)))], ['unchecked']);
  dns.setAll(zoneOf(added.records));
  const verified = await domains.verify(added.id);
  assert.equal(verified.state, 'verified', JSON.stringify(verified.records, null, 1));
  for (const { state, problem, found } of verified.records) {
    assert.deepEqual([state, problem], ['found', null]);
    assert.notEqual(found, null);
  }
  const { body: events } = await call('GET', '/v1/events?types=domain.created,domain.verified');
  const told = events.data.filter(({ data }: { data: { domain: string } }) => data.domain === 'whole.example');
  assert.deepEqual(
    told.map(({ type }: { type: string }) => type),
    ['domain.created', 'domain.verified'],
  );
});

test('each kind of mistake is told for what it is, and the domain is verified once all are mended', async () => {
  const domain = 'mistakes.example';
  const added = await domains.add(domain, { selector: 'news' });
  assert.equal(of(added, 'dkim_rsa').name, `news._domainkey.${domain}`);
  const right = zoneOf(added.records);
  const rsa = of(added, 'dkim_rsa');
  const ed = of(added, 'dkim_ed25519');
  const ownership = of(added, 'ownership');
  const key = rsa.value;
  const bounces = `bounces.${domain}`;
  const dmarc = `_dmarc.${domain}`;
  const mistakes: [
    what: string,
    purpose: string,
    wrong: Record<string, DnsRecords | null>,
    state: string,
    told: RegExp,
  ][] = [
    ['nothing there', 'ownership', { [ownership.name]: null }, 'missing', /no TXT record at _postern/],
    [
      'the domain doubled',
      'ownership',
      { [ownership.name]: null, [`${ownership.name}.${domain}`]: { TXT: [ownership.value] } },
      'missing',
      /adds "\.mistakes\.example" by itself: enter "_postern"/,
    ],
    [
      'the underscore left out',
      'ownership',
      { [ownership.name]: null, [`postern.${domain}`]: { TXT: [ownership.value] } },
      'missing',
      /underscore included/,
    ],
    [
      'a stale value',
      'ownership',
      { [ownership.name]: { TXT: ['postern-verification=old'] } },
      'mismatch',
      /earlier one/,
    ],
    ['quotes', 'ownership', { [ownership.name]: { TXT: [`"${ownership.value}"`] } }, 'mismatch', /quotation marks/],
    ['cut', 'ownership', { [ownership.name]: { TXT: [ownership.value.slice(0, -4)] } }, 'mismatch', /cut off/],
    ['quotes in a key', 'dkim_rsa', { [rsa.name]: { TXT: [`"${key}"`] } }, 'mismatch', /quotation marks/],
    [
      'split in text',
      'dkim_rsa',
      { [rsa.name]: { TXT: [`${key.slice(0, 200)}" "${key.slice(200)}`] } },
      'mismatch',
      /quotation/,
    ],
    [
      'split in records',
      'dkim_rsa',
      { [rsa.name]: { TXT: [key.slice(200), key.slice(0, 200)] } },
      'mismatch',
      /split into several records/,
    ],
    ['truncated', 'dkim_rsa', { [rsa.name]: { TXT: [key.slice(0, 255)] } }, 'mismatch', /cut off after/],
    ['the wrong selector', 'dkim_rsa', { [rsa.name]: { TXT: [ed.value] } }, 'mismatch', /key of the selector news-ed/],
    ['another key', 'dkim_rsa', { [rsa.name]: { TXT: ['v=DKIM1; p=MIIBother'] } }, 'mismatch', /another key/],
    ['revoked', 'dkim_rsa', { [rsa.name]: { TXT: ['v=DKIM1; p='] } }, 'mismatch', /revoked/],
    ['two keys', 'dkim_rsa', { [rsa.name]: { TXT: [key, 'v=DKIM1; p=abc'] } }, 'mismatch', /2 DKIM records/],
    [
      'the wrong kind',
      'dkim_ed25519',
      { [ed.name]: { TXT: [ed.value.replace('k=ed25519; ', '')] } },
      'mismatch',
      /k=rsa/,
    ],
    [
      '_domainkey left out',
      'dkim_rsa',
      { [rsa.name]: null, [`news.${domain}`]: { TXT: [key] } },
      'missing',
      /"\._domainkey" included/,
    ],
    [
      'at the domain itself',
      'dkim_rsa',
      { [rsa.name]: null, [domain]: { TXT: [key] } },
      'missing',
      /not at the domain itself/,
    ],
    [
      'a CNAME',
      'dkim_rsa',
      { [rsa.name]: { CNAME: 'other.example' }, 'other.example': { TXT: [] } },
      'mismatch',
      /CNAME leads from .* to other\.example/,
    ],
    [
      'two SPF records',
      'spf',
      { [bounces]: { ...right[bounces], TXT: [of(added, 'spf').value, 'v=spf1 -all'] } },
      'mismatch',
      /2 SPF records/,
    ],
    [
      'SPF without us',
      'spf',
      { [bounces]: { ...right[bounces], TXT: ['v=spf1 mx -all'] } },
      'mismatch',
      /does not hold "include:/,
    ],
    ['SPF open to all', 'spf', { [bounces]: { ...right[bounces], TXT: ['v=spf1 +all'] } }, 'mismatch', /everybody/],
    [
      'DMARC without policy',
      'dmarc',
      { [dmarc]: { TXT: ['v=DMARC1; rua=mailto:a@b.example'] } },
      'mismatch',
      /no policy/,
    ],
    [
      'two DMARC records',
      'dmarc',
      { [dmarc]: { TXT: ['v=DMARC1; p=none', 'v=DMARC1; p=reject'] } },
      'mismatch',
      /2 DMARC/,
    ],
    [
      'MX elsewhere',
      'return_path',
      { [bounces]: { ...right[bounces], MX: ['mx.other.example'] } },
      'mismatch',
      /mx\.other\.example/,
    ],
    [
      'MX with the domain added',
      'return_path',
      { [bounces]: { ...right[bounces], MX: [`${GATEWAY}.${domain}`] } },
      'mismatch',
      /dot at its end/,
    ],
  ];
  for (const [what, purpose, wrong, state, told] of mistakes) {
    dns.setAll(right);
    dns.setAll(wrong);
    const looked = await domains.verify(added.id);
    const record = of(looked, purpose);
    assert.equal(record.state, state, `${what}: ${JSON.stringify(record)}`);
    assert.match(record.problem ?? '', told, what);
    for (const name of Object.keys(wrong)) dns.set(name, right[name] ?? null);
    if (record.required) assert.notEqual(looked.state, 'verified', what);
  }
  assert.equal((await domains.verify(added.id)).state, 'verified');
});

test('a DNS that does not answer is never taken for missing records', async () => {
  const added = await domains.add('silent.example');
  dns.setAll(zoneOf(added.records));
  const name = of(added, 'dkim_rsa').name;
  dns.fail(name, 'servfail');
  const unanswered = await domains.verify(added.id);
  assert.deepEqual([unanswered.state, of(unanswered, 'dkim_rsa').state], ['pending', 'unanswered']);
  assert.match(of(unanswered, 'dkim_rsa').problem ?? '', /SERVFAIL/);
  dns.fail(name, null);
  assert.equal((await domains.verify(added.id)).state, 'verified');
  dns.fail(name, 'servfail');
  assert.equal((await domains.verify(added.id)).state, 'verified');
  dns.fail(name, null);
  dns.set(name, null);
  const failing = await domains.verify(added.id);
  assert.equal(failing.state, 'failing');
  dns.setAll(zoneOf(added.records));
  assert.equal((await domains.verify(added.id)).state, 'verified');
});

test('a send from a domain that is not verified is refused with the record that is missing, where one is asked for', async () => {
  const message = { from: 'a@strict.example', to: 'bob@example.com', subject: 'Hello', text: 'Hi' };
  assert.equal((await call('POST', '/v1/messages', message)).status, 202, 'the sink takes any');
  const policy = { senders: { require_verified_domain: 'always' } };
  const operator = (method: string, path: string, body: unknown) =>
    gate.fetchJson(method, path, body, { key: gate.operatorKey });
  const put = await operator('PUT', `/v1/tenants/${gate.tenantId}/policy`, policy);
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const unknown = await call('POST', '/v1/messages', message);
  assert.deepEqual([unknown.status, unknown.body.code], [403, 'domain_not_verified']);
  assert.equal(unknown.body.reasons[0].evidence.state, 'absent');

  const added = await domains.add('strict.example');
  const ownership = of(added, 'ownership');
  const zone = zoneOf(added.records);
  dns.setAll({ ...zone, [ownership.name]: null });
  await domains.verify(added.id);
  const refused = await call('POST', '/v1/messages', message);
  assert.deepEqual([refused.status, refused.body.code], [403, 'domain_not_verified']);
  const { evidence, scope } = refused.body.reasons[0];
  assert.deepEqual(evidence, { domain: 'strict.example', state: 'pending', missing: [`${ownership.name} TXT`] });
  assert.deepEqual(scope, { kind: 'domain', id: added.id });
  assert.match(refused.body.detail, /_postern\.strict\.example TXT/);

  dns.setAll(zone);
  await domains.verify(added.id);
  assert.equal((await call('POST', '/v1/messages', message)).status, 202);
  const below = { ...message, from: 'a@news.strict.example' };
  assert.equal((await call('POST', '/v1/messages', below)).status, 202, 'names below a verified domain');
  const beside = { ...message, from: { email: 'a@strict.example', name: 'ceo@bank.example' } };
  const spoofed = await call('POST', '/v1/messages', beside);
  assert.deepEqual([spoofed.status, spoofed.body.code], [403, 'sender_not_authorized']);
  assert.equal(spoofed.body.reasons[0].evidence.cause, 'display_name');
  const own = { ...message, from: `news@${GATEWAY}` };
  assert.equal((await call('POST', '/v1/messages', own)).status, 202, "the gateway's own domain");
  await call('DELETE', `/v1/domains/${added.id}`);
  assert.equal((await call('POST', '/v1/messages', message)).body.code, 'domain_not_verified');
  await operator('PUT', `/v1/tenants/${gate.tenantId}/policy`, {});
});
