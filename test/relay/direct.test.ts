/** Mail straight to the mail hosts of a domain, found through a real name server on loopback. */
import assert from 'node:assert/strict';
import { createServer as createHttps, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { openAddressGuard, openOnly } from '../../src/base/address-guard.ts';
import { openDns } from '../../src/base/dns.ts';
import { classify } from '../../src/relay/classify.ts';
import { judge } from '../../src/relay/judgement.ts';
import { replies } from '../../src/relay/replies.ts';
import { settlementOf } from '../../src/relay/settlement.ts';
import { TlsResults } from '../../src/relay/tls-results.ts';
import { openTransport } from '../../src/relay/transports/open-transport.ts';
import type { DeliveryResult, Transport } from '../../src/relay/transports/transport.ts';
import { delivery, pem } from '../harness/deliver.ts';
import { type DnsRecords, startTestDns, type TestDns } from '../harness/dns.ts';
import { type MailHost, startMailHost } from '../harness/mail-host.ts';

const AUTHORITY = new URL('../fixtures/tls/authority-cert.pem', import.meta.url).pathname;

let dns: TestDns;
let first: MailHost;
/** At the same port of another address. */
let second: MailHost;
const policies: Record<string, { status?: number; text: string; asked?: number }> = {};
let policyHost: Server;

before(async () => {
  dns = await startTestDns();
  first = await startMailHost({ address: '127.0.0.2' });
  second = await startMailHost({ address: '127.0.0.3', port: first.port });
  policyHost = createHttps({ key: pem('mail-key'), cert: pem('mail-cert') }, (request, response) => {
    const policy = policies[String(request.headers.host).split(':')[0]!];
    if (policy !== undefined) policy.asked = (policy.asked ?? 0) + 1;
    response.writeHead(policy?.status ?? (policy === undefined ? 404 : 200), { 'content-type': 'text/plain' });
    response.end(request.url === '/.well-known/mta-sts.txt' ? (policy?.text ?? '') : '');
  });
  await new Promise<void>((resolve) => policyHost.listen(0, '127.0.0.1', () => resolve()));
  dns.setAll({
    'mx1.mail.test': { A: ['127.0.0.2'] },
    'mx2.mail.test': { A: ['127.0.0.3'] },
    'dead.mail.test': { A: ['127.0.0.4'] },
  });
});
after(async () => {
  policyHost.close();
  policyHost.closeAllConnections();
  await Promise.all([dns.close(), first.close(), second.close()]);
});

type Setting = { query?: string; allow?: string[]; isTenants?: boolean };
type Opened = { transport: Transport; tls: TlsResults };

function direct(t: TestContext, { query = '', allow = ['127.0.0.0/8'], isTenants = false }: Setting = {}): Opened {
  const tlsResults = new TlsResults();
  const { port: stsPort } = policyHost.address() as AddressInfo;
  const ca = isTenants ? '' : `&ca=${encodeURIComponent(AUTHORITY)}`;
  const opened = openTransport(
    {
      id: 'prv_1',
      kind: 'direct',
      url: `direct:?port=${first.port}&sts_port=${stsPort}${ca}${query}`,
      credentials: null,
      ehloName: null,
      isTenants,
    },
    {
      dns: openDns([dns.address], { hostsFile: null, tryMs: 300 }),
      guard: openAddressGuard(allow),
      opened: openOnly(allow, 'this port'),
      domain: 'gateway.example',
      tlsResults,
      timeouts: { connectMs: 3000, idleMs: 5000 },
    },
  );
  if ('error' in opened) throw new Error(opened.error);
  t.after(() => opened.transport.close(0));
  return { transport: opened.transport, tls: tlsResults };
}

function domain(t: TestContext, name: string, records: DnsRecords): string {
  dns.set(name, records);
  t.after(() => dns.set(name, null));
  return name;
}

const to = (name: string) => delivery({ to: `b@${name}` });

/** What a recipient's end is, and whether its address is to be mailed again. */
function endOf(result: DeliveryResult): { end: string; suppress: boolean } {
  const settlement = settlementOf({
    claimed: { recipient: 1, token: 1, attempt: 1 },
    now: 0,
    way: { provider: 'direct', mailbox: null, why: null },
    result,
    judgement: judge(result, 'direct', replies()),
    isStopping: false,
    random01: 0,
  });
  return { end: settlement.outcome, suppress: settlement.outcome === 'bounced' && settlement.suppress };
}

function classOf(result: DeliveryResult): { class: string; hard: boolean; suppress: boolean; retry: string } {
  if (!('stage' in result)) throw new Error(`no class: ${result.outcome}`);
  const { class: name, hard, suppress, retry } = classify(result.reply, result.stage, replies());
  return { class: name, hard, suppress, retry };
}

test('mail goes to the host of the lowest preference, and says whose it is', async (t) => {
  const name = domain(t, 'preferred.test', {
    MX: [
      { exchange: 'mx2.mail.test', preference: 5 },
      { exchange: 'mx1.mail.test', preference: 20 },
    ],
  });
  const before = { first: first.taken.length, second: second.taken.length };
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'taken');
  assert.equal(result.destination, 'mail.test');
  assert.equal(first.taken.length, before.first);
  assert.equal(second.taken.length, before.second + 1);
  assert.deepEqual(second.taken.at(-1)!.to, ['b@preferred.test']);
});

test('hosts of equal preference all get some', async (t) => {
  const name = domain(t, 'equal.test', {
    MX: [
      { exchange: 'mx1.mail.test', preference: 10 },
      { exchange: 'mx2.mail.test', preference: 10 },
    ],
  });
  const before = { first: first.connections(), second: second.connections() };
  for (let i = 0; i < 40 && (first.connections() === before.first || second.connections() === before.second); i++) {
    const { transport } = direct(t);
    await transport.deliver(to(name));
    await transport.close(0);
  }
  assert.ok(first.connections() > before.first);
  assert.ok(second.connections() > before.second);
});

test('a host that cannot be reached, and one that greets with a no, leave the mail to the next', async (t) => {
  const busy = await startMailHost({
    address: '127.0.0.5',
    port: first.port,
    onConnect: (_session, callback) => callback(Object.assign(new Error('busy'), { responseCode: 421 })),
  });
  t.after(busy.close);
  domain(t, 'busy.mail.test', { A: ['127.0.0.5'] });
  const name = domain(t, 'fallback.test', {
    MX: [
      { exchange: 'dead.mail.test', preference: 1 },
      { exchange: 'busy.mail.test', preference: 2 },
      { exchange: 'mx1.mail.test', preference: 3 },
    ],
  });
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'taken');
  assert.deepEqual(first.taken.at(-1)!.to, ['b@fallback.test']);
});

test('when no host takes us, the one that came farthest is told of', async (t) => {
  const name = domain(t, 'unreached.test', { MX: ['dead.mail.test'] });
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'not_taken');
  assert.match('reply' in result ? result.reply.text : '', /^dead\.mail\.test: connect ECONNREFUSED/);
  assert.equal(result.destination, 'mail.test');
  assert.equal(classOf(result).retry, 'normal');
});

test('of the addresses of a mail host those that may not be reached are passed over', async (t) => {
  domain(t, 'both.mail.test', { AAAA: ['fd00::1'], A: ['10.0.0.1', '127.0.0.2'] });
  const name = domain(t, 'both.test', { MX: ['both.mail.test'] });
  assert.equal((await direct(t).transport.deliver(to(name))).outcome, 'taken');
});

test('a domain without MX records is its own mail host', async (t) => {
  const name = domain(t, 'bare.test', { A: ['127.0.0.2'] });
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'taken');
  assert.equal(result.destination, 'bare.test');
});

test('a domain that takes no mail (null MX) refuses for good', async (t) => {
  const name = domain(t, 'null.test', { MX: [{ exchange: '', preference: 0 }], A: ['127.0.0.2'] });
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'refused');
  assert.deepEqual('stage' in result && [result.stage, result.reply.enhanced], ['lookup', '5.1.10']);
  assert.deepEqual(endOf(result), { end: 'bounced', suppress: true });
  assert.deepEqual(classOf(result), { class: 'domain_not_found', hard: true, suppress: true, retry: 'none' });
});

test('a domain that does not exist, or leads nowhere, refuses for good', async (t) => {
  const nowhere = domain(t, 'nowhere.test', { TXT: ['x'] });
  for (const name of ['absent.test', nowhere]) {
    const result = await direct(t).transport.deliver(to(name));
    assert.equal(result.outcome, 'refused', name);
    assert.deepEqual(endOf(result), { end: 'bounced', suppress: true }, name);
    assert.deepEqual(classOf(result), { class: 'domain_not_found', hard: true, suppress: true, retry: 'none' }, name);
  }
});

test('name servers that fail, refuse or are silent end nothing, and are asked again by the next', async (t) => {
  const { transport } = direct(t);
  const name = domain(t, 'unsure.test', { MX: ['mx1.mail.test'] });
  for (const how of ['servfail', 'refused', 'silent'] as const) {
    dns.fail(name, how);
    const result = await transport.deliver(to(name));
    assert.equal(result.outcome, 'not_taken', how);
    assert.equal(endOf(result).end, 'deferred', how);
    assert.equal('stage' in result && result.stage, 'lookup');
    const { hard, suppress, retry } = classOf(result);
    assert.deepEqual([hard, suppress, retry], [false, false, 'normal'], how);
  }
  dns.fail(name, null);
  assert.equal((await transport.deliver(to(name))).outcome, 'taken');
});

test('mail hosts whose own names cannot be looked up end nothing either', async (t) => {
  domain(t, 'broken.mail.test', {});
  dns.fail('broken.mail.test', 'servfail');
  t.after(() => dns.fail('broken.mail.test', null));
  const name = domain(t, 'halfway.test', { MX: ['broken.mail.test', 'absent.mail.test'] });
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'not_taken');
  assert.equal(classOf(result).retry, 'normal');
});

test('a ring of aliases ends nothing', async (t) => {
  domain(t, 'ring-b.test', { CNAME: 'ring-a.test' });
  const name = domain(t, 'ring-a.test', { CNAME: 'ring-b.test' });
  const result = await direct(t).transport.deliver(to(name));
  assert.deepEqual('stage' in result && [result.outcome, result.stage], ['not_taken', 'lookup']);
});

test('MX records that lead to private addresses are not followed unless the operator opened them', async (t) => {
  const name = domain(t, 'private.test', { MX: ['mx1.mail.test'] });
  const before = first.connections();
  const result = await direct(t, { allow: [] }).transport.deliver(to(name));
  assert.equal(result.outcome, 'not_taken');
  assert.match('reply' in result ? result.reply.text : '', /the address 127\.0\.0\.2 is this machine itself/);
  assert.deepEqual(endOf(result), { end: 'deferred', suppress: false });
  assert.equal(first.connections(), before);
});

test('a tenant may name another port only where the operator opened addresses', async (t) => {
  const name = domain(t, 'port.test', { MX: ['mx1.mail.test'] });
  assert.equal((await direct(t, { isTenants: true }).transport.deliver(to(name))).outcome, 'taken');
  const result = await direct(t, { isTenants: true, allow: ['10.0.0.0/8'] }).transport.deliver(to(name));
  assert.equal(result.outcome, 'not_taken');
});

test('of a hundred mail hosts a few are tried', async (t) => {
  const MX = Array.from({ length: 100 }, (_, i) => ({ exchange: `h${i}.mail.test`, preference: i }));
  const name = domain(t, 'hundred.test', { MX });
  const before = dns.queries();
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'not_taken');
  assert.ok(dns.queries() - before < 30, `${dns.queries() - before} queries`);
});

test('domains at the same mail hosts share their connections, and are looked up once', async (t) => {
  const names = ['shared-a.test', 'shared-b.test', 'shared-c.test'].map((name) =>
    domain(t, name, { MX: ['mx1.mail.test'] }),
  );
  const { transport } = direct(t, { query: '&connections=1&sts=no' });
  const before = first.connections();
  const results = await Promise.all([...names, ...names, ...names].map((name) => transport.deliver(to(name))));
  assert.ok(results.every(({ outcome }) => outcome === 'taken'));
  assert.equal(first.connections(), before + 1);
  assert.equal(dns.queries('shared-a.test', 'MX'), 1);
});

test('TLS is used where it is offered, and what it came to is kept', async (t) => {
  const name = domain(t, 'tls.test', { MX: ['mx1.mail.test'] });
  const { transport, tls } = direct(t);
  await transport.deliver(to(name));
  assert.equal(first.taken.at(-1)!.isSecure, true);
  const [seen] = tls.of('prv_1');
  assert.deepEqual(
    [seen?.host, seen?.outcome, seen?.protocol, seen?.why, seen?.requiredBy, seen?.counts.verified],
    ['mx1.mail.test', 'verified', 'TLSv1.3', null, null, 1],
  );
});

test('without a requirement a certificate that proves nothing is taken, and said', async (t) => {
  const odd = await startMailHost({
    address: '127.0.0.6',
    port: first.port,
    key: pem('elsewhere-key'),
    cert: pem('elsewhere-cert'),
  });
  t.after(odd.close);
  domain(t, 'odd.mail.test', { A: ['127.0.0.6'] });
  const name = domain(t, 'odd.test', { MX: ['odd.mail.test'] });
  const easy = direct(t);
  assert.equal((await easy.transport.deliver(to(name))).outcome, 'taken');
  assert.deepEqual(
    easy.tls.of('prv_1').map(({ outcome, why }) => [outcome, why]),
    [['unverified', 'the certificate of odd.mail.test is self-signed']],
  );
  const strict = direct(t, { query: '&tls=required' });
  const result = await strict.transport.deliver(to(name));
  assert.deepEqual('stage' in result && [result.outcome, result.stage], ['not_taken', 'tls']);
  assert.equal(odd.taken.length, 1);
  assert.equal(strict.tls.of('prv_1')[0]?.outcome, 'failed');
  assert.equal(classOf(result).class, 'tls_failure');
});

test('required TLS is spoken, with a certificate for the name of the mail host', async (t) => {
  const name = domain(t, 'strict.test', { MX: ['mx1.mail.test'] });
  const { transport, tls } = direct(t, { query: '&tls=required' });
  assert.equal((await transport.deliver(to(name))).outcome, 'taken');
  assert.equal(first.taken.at(-1)!.isSecure, true);
  assert.equal(tls.of('prv_1')[0]?.requiredBy, 'settings');
});

test('required TLS and a host without it: nothing is sent', async (t) => {
  const plain = await startMailHost({ address: '127.0.0.7', port: first.port, disabledCommands: ['STARTTLS'] });
  t.after(plain.close);
  domain(t, 'plain.mail.test', { A: ['127.0.0.7'] });
  const name = domain(t, 'plain.test', { MX: ['plain.mail.test'] });
  const result = await direct(t, { query: '&tls=required' }).transport.deliver(to(name));
  assert.equal('stage' in result && result.stage, 'tls');
  const easy = direct(t);
  assert.equal((await easy.transport.deliver(to(name))).outcome, 'taken');
  assert.deepEqual(
    easy.tls.of('prv_1').map(({ outcome, why }) => [outcome, why]),
    [['plain', 'the host does not offer STARTTLS']],
  );
});

function policy(t: TestContext, name: string, text: string | null, id = 'one'): void {
  domain(t, `_mta-sts.${name}`, { TXT: [`v=STSv1; id=${id};`] });
  domain(t, `mta-sts.${name}`, { A: ['127.0.0.1'] });
  if (text !== null) policies[`mta-sts.${name}`] = { text };
  t.after(() => delete policies[`mta-sts.${name}`]);
}

test('a policy that is enforced asks for TLS of the hosts it names, and leaves the others out', async (t) => {
  const name = domain(t, 'enforced.test', {
    MX: [
      { exchange: 'plain2.mail.test', preference: 1 },
      { exchange: 'mx1.mail.test', preference: 2 },
    ],
  });
  domain(t, 'plain2.mail.test', { A: ['127.0.0.3'] });
  policy(t, name, 'version: STSv1\r\nmode: enforce\r\nmx: mx1.mail.test\r\nmax_age: 86400\r\n');
  const before = second.taken.length;
  const { transport, tls } = direct(t);
  assert.equal((await transport.deliver(to(name))).outcome, 'taken');
  assert.equal(second.taken.length, before);
  assert.deepEqual(first.taken.at(-1)!.to, ['b@enforced.test']);
  assert.equal(tls.of('prv_1')[0]?.requiredBy, 'mta-sts');
});

test('a policy that is enforced lets nothing go to a host without TLS or with a wrong certificate', async (t) => {
  const plain = await startMailHost({ address: '127.0.0.7', port: first.port, disabledCommands: ['STARTTLS'] });
  t.after(plain.close);
  domain(t, 'noname.test', { A: ['127.0.0.2'] });
  domain(t, 'plain3.mail.test', { A: ['127.0.0.7'] });
  const name = domain(t, 'enforced.test', { MX: ['noname.test', 'plain3.mail.test'] });
  policy(t, name, 'version: STSv1\nmode: enforce\nmx: noname.test\nmx: *.mail.test\nmax_age: 86400\n');
  const before = first.taken.length;
  const result = await direct(t).transport.deliver(to(name));
  assert.deepEqual('stage' in result && [result.outcome, result.stage], ['not_taken', 'tls']);
  assert.equal(first.taken.length + plain.taken.length, before);
});

test('a policy that names none of the mail hosts keeps the mail here', async (t) => {
  const name = domain(t, 'enforced.test', { MX: ['mx1.mail.test'] });
  policy(t, name, 'version: STSv1\nmode: enforce\nmx: mx9.mail.test\nmax_age: 86400\n');
  const result = await direct(t).transport.deliver(to(name));
  assert.equal(result.outcome, 'not_taken');
  assert.match('reply' in result ? result.reply.text : '', /names none of its mail hosts/);
});

test('a policy in testing, or one that cannot be fetched with a valid certificate, asks for nothing', async (t) => {
  const testing = domain(t, 'testing.test', { MX: ['mx1.mail.test'] });
  policy(t, testing, 'version: STSv1\nmode: testing\nmx: mx9.mail.test\nmax_age: 86400\n');
  assert.equal((await direct(t).transport.deliver(to(testing))).outcome, 'taken');
  // The policy host has no certificate for this name.
  const unproved = domain(t, 'unproved.test', { MX: ['mx1.mail.test'] });
  policy(t, unproved, 'version: STSv1\nmode: enforce\nmx: mx9.mail.test\nmax_age: 86400\n');
  assert.equal((await direct(t).transport.deliver(to(unproved))).outcome, 'taken');
  assert.equal(policies['mta-sts.unproved.test']?.asked, undefined);
});

test('after its end a transport sends nothing any more', async (t) => {
  const name = domain(t, 'late.test', { MX: ['mx1.mail.test'] });
  const { transport } = direct(t);
  await transport.close(0);
  assert.equal((await transport.deliver(to(name))).outcome, 'not_taken');
});
