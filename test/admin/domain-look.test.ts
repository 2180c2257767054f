import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lookAtDomain } from '../../src/admin/domain-look.ts';
import { type Dns, openDns } from '../../src/base/dns.ts';
import type { ManagedDomain } from '../../src/data/port/domains.ts';
import { startTestDns, type TestDns } from '../harness/dns.ts';

const GATEWAY = 'gateway.example';
const NAME = 'mail.acme.example';
const DOMAIN: ManagedDomain = {
  no: 1,
  id: 'dom_1',
  name: NAME,
  selector: 'one',
  token: 'token',
  state: 'pending',
  problem: null,
  keys: [],
  findings: {},
  verifiedAt: null,
  failingSince: null,
  blocksAt: null,
  checkedAt: null,
  nextCheckAt: 0,
  awaitedSince: 0,
  createdAt: 0,
  updatedAt: 0,
};
let zone: TestDns;
let dns: Dns;
before(async () => {
  zone = await startTestDns();
  dns = openDns([zone.address], { tryMs: 300 });
});
after(() => zone.close());

const look = async () => (await lookAtDomain(dns, DOMAIN, GATEWAY)).findings;

test('one alias to the gateway stands for return path and SPF, whatever the gateway publishes there', async () => {
  zone.setAll({
    [`bounces.${GATEWAY}`]: { MX: ['in.gateway.example'], TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
    [`bounces.${NAME}`]: { CNAME: `bounces.${GATEWAY}` },
  });
  const { return_path: path, spf } = await look();
  assert.deepEqual([path?.state, spf?.state], ['found', 'found']);
});

test('the MX of the gateway is what is to be published, and one that leads there is right', async () => {
  zone.setAll({ [`bounces.${NAME}`]: { MX: ['in.gateway.example'] } });
  const { findings, bounceHosts } = await lookAtDomain(dns, DOMAIN, GATEWAY);
  assert.deepEqual(bounceHosts, ['in.gateway.example', GATEWAY]);
  assert.equal(findings['return_path']?.state, 'found');
});

test('while the gateway’s own hosts cannot be looked up, no host is called a wrong one', async () => {
  zone.set(`bounces.${NAME}`, { MX: ['in.gateway.example'] });
  zone.fail(`bounces.${GATEWAY}`, 'servfail');
  assert.equal((await look())['return_path']?.state, 'unanswered');
  zone.fail(`bounces.${GATEWAY}`, null);
  zone.set(`bounces.${NAME}`, { MX: ['mx.other.example'] });
  assert.equal((await look())['return_path']?.state, 'mismatch');
});

test('the policy of the registered domain holds below it, and its failure is no absence', async () => {
  assert.equal((await look())['dmarc']?.state, 'missing');
  zone.set('_dmarc.acme.example', { TXT: ['v=DMARC1; p=reject'] });
  const { dmarc } = await look();
  assert.deepEqual([dmarc?.state, dmarc?.found], ['found', 'v=DMARC1; p=reject (at _dmarc.acme.example)']);
  zone.fail('_dmarc.acme.example', 'servfail');
  assert.equal((await look())['dmarc']?.state, 'unanswered');
  zone.fail('_dmarc.acme.example', null);
});

test('a domain that the DNS does not know is said to be none', async () => {
  zone.set(`bounces.${NAME}`, null);
  assert.match((await look())['ownership']?.problem ?? '', /knows no domain mail\.acme\.example/);
  zone.set(NAME, { A: ['192.0.2.1'] });
  assert.doesNotMatch((await look())['ownership']?.problem ?? '', /knows no domain/);
});

test('name servers that stay silent end a look in bounded time, with nothing missing', async () => {
  zone.fail('*', 'silent');
  const began = performance.now();
  const findings = await look();
  assert.deepEqual([...new Set(Object.values(findings).map(({ state }) => state))], ['unanswered']);
  assert.ok(performance.now() - began < 20_000);
});
