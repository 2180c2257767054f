import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Finding, within } from '../../src/commands/doctor/finding.ts';
import { lookAtClock, lookAtData, lookAtDisk } from '../../src/commands/doctor/machine.ts';
import { type DnsQuestion, lookAtRecords } from '../../src/commands/doctor/records.ts';
import { firstMail } from '../../src/commands/doctor/way-out.ts';
import { readSettings, type Settings } from '../../src/config/settings.ts';
import { runCommand, startServing } from '../harness/command.ts';
import { startTestDns, type TestDns } from '../harness/dns.ts';
import { startSink } from '../harness/smtp-sink.ts';

const DOMAIN = 'mail.acme.example';
const DKIM = { name: `postern._domainkey.${DOMAIN}`, value: 'v=DKIM1; k=rsa; p=MIIBkey' };

const states = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ name, state }) => [name, state]));

function settings(): Settings {
  const read = readSettings({ POSTERN_DOMAIN: DOMAIN, POSTERN_OUTBOUND: 'smtp://relay.example:587' });
  if (!read.ok) throw new Error(read.message);
  return read.settings;
}

type Zone = Record<string, { A?: string[]; MX?: string[]; TXT?: string[]; PTR?: string[] }>;

const WHOLE: Zone = {
  [DOMAIN]: { A: ['192.0.2.10'], MX: ['mx.acme.example'], TXT: ['other text'] },
  [`bounces.${DOMAIN}`]: { MX: ['mx.acme.example'], TXT: ['v=spf1 ip4:192.0.2.10 -all'] },
  [DKIM.name]: { TXT: [DKIM.value] },
  [`_dmarc.${DOMAIN}`]: { TXT: ['v=DMARC1; p=quarantine'] },
  '10.2.0.192.in-addr.arpa': { PTR: [DOMAIN] },
};

async function recordsOf(change: Zone = {}, more: Partial<DnsQuestion> = {}): Promise<Record<string, string>> {
  const zone = { ...WHOLE, ...change };
  const of = (name: string, kind: 'A' | 'MX' | 'TXT' | 'PTR') => Promise.resolve(zone[name]?.[kind] ?? []);
  const lookups = {
    addresses: (name: string) => of(name, 'A'),
    mx: (name: string) => of(name, 'MX'),
    txt: (name: string) => of(name, 'TXT'),
    ptr: (address: string) => of(`${address.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR'),
  };
  return states(await lookAtRecords({ domain: DOMAIN, dkim: DKIM, isDirect: true, lookups, ...more }));
}

describe('the records of the gateway’s domain', () => {
  it('are well when all are there', async () => {
    const all = ['dns.a', 'dns.mx', 'dns.spf', 'dns.dkim', 'dns.dmarc', 'dns.ptr'];
    assert.deepEqual(await recordsOf(), Object.fromEntries(all.map((name) => [name, 'ok'])));
  });

  it('are each missed with what to publish, and wrong where everybody takes them for wrong', async () => {
    const bounces = `bounces.${DOMAIN}`;
    const cases: [Zone, string, string][] = [
      [{ [bounces]: { MX: ['mx.acme.example'] } }, 'dns.spf', 'warn'],
      [{ [bounces]: { TXT: ['v=spf1 -all', 'v=spf1 mx -all'] } }, 'dns.spf', 'fail'],
      [{ [bounces]: { TXT: ['v=spf1 +all'] } }, 'dns.spf', 'fail'],
      [{ [DKIM.name]: {} }, 'dns.dkim', 'warn'],
      [{ [DKIM.name]: { TXT: ['v=DKIM1; p='] } }, 'dns.dkim', 'fail'],
      [{ [DKIM.name]: { TXT: ['v=DKIM1; k=rsa; p=MIIBother'] } }, 'dns.dkim', 'fail'],
      [{ [DKIM.name]: { TXT: ['k=rsa; p=MIIB key'] } }, 'dns.dkim', 'ok'],
      [{ [`_dmarc.${DOMAIN}`]: {} }, 'dns.dmarc', 'warn'],
      [{ [`_dmarc.${DOMAIN}`]: { TXT: ['v=DMARC1; rua=mailto:x@y.example'] } }, 'dns.dmarc', 'fail'],
      [{ '10.2.0.192.in-addr.arpa': {} }, 'dns.ptr', 'fail'],
      [{ '10.2.0.192.in-addr.arpa': { PTR: ['other.example'] } }, 'dns.ptr', 'fail'],
      [{ [DOMAIN]: {} }, 'dns.a', 'warn'],
      [{ [bounces]: { TXT: ['v=spf1 mx -all'] } }, 'dns.mx', 'warn'],
    ];
    for (const [change, name, state] of cases) {
      assert.equal((await recordsOf(change))[name], state, JSON.stringify(change));
    }
    assert.equal((await recordsOf({}, { isDirect: false }))['dns.ptr'], 'skip');
    assert.equal((await recordsOf({}, { dkim: null }))['dns.dkim'], 'warn');
  });
});

describe('what a first mail would meet', () => {
  const found = (name: string, state: Finding['state']): Finding => ({ name, state, detail: '', remedy: 'Do it.' });

  it('follows from what was found', () => {
    const cases: [Partial<Settings>, Finding[], string][] = [
      [{ outbound: 'sink:' }, [], 'ok'],
      [{ domain: 'postern.localhost' }, [], 'fail'],
      [{}, [found('provider', 'fail')], 'fail'],
      [{}, [found('dns.spf', 'warn'), found('dns.dkim', 'warn')], 'fail'],
      [{}, [found('dns.dkim', 'fail')], 'warn'],
      [{}, [found('dns.spf', 'ok'), found('dns.ptr', 'skip')], 'ok'],
      [{ outbound: 'direct:' }, [found('dns.ptr', 'fail')], 'fail'],
    ];
    for (const [more, findings, state] of cases)
      assert.equal(firstMail({ ...settings(), ...more }, findings).state, state);
  });
});

describe('the machine', () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-doctor-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('fails where the clock is behind what was written', async () => {
    const path = join(directory, 'postern.db');
    writeFileSync(path, '');
    const now = Date.UTC(2026, 10, 22);
    utimesSync(path, now / 1000 - 10, now / 1000 - 10);
    assert.notEqual((await lookAtClock(directory, now))[0]?.state, 'fail');
    utimesSync(path, now / 1000 + 3600, now / 1000 + 3600);
    assert.equal((await lookAtClock(directory, now))[0]?.state, 'fail');
    assert.equal((await lookAtClock(directory, Date.UTC(2019, 0, 1)))[0]?.state, 'fail');
  });

  it('leaves nothing behind on the disk that it measures, a folder that is not there yet included', async () => {
    const findings = await lookAtDisk(join(directory, 'not', 'yet'));
    assert.deepEqual(
      findings.map(({ name }) => name),
      ['disk', 'flush'],
    );
    assert.equal((await lookAtData(join(directory, 'not', 'yet'), false))[0]?.state, 'ok');
  });

  it('warns where others can read the keys', async () => {
    const open = join(directory, 'open');
    mkdirSync(open, { mode: 0o755 });
    writeFileSync(join(open, 'master.secret'), 'x', { mode: 0o644 });
    chmodSync(join(open, 'master.secret'), 0o644);
    const [finding] = await lookAtData(open, false);
    assert.equal(finding?.state, 'warn');
    assert.match(finding?.remedy ?? '', /chmod/);
    chmodSync(open, 0o700);
    assert.equal((await lookAtData(open, false))[0]?.state, 'ok');
  });

  it('is a failure of the look where that takes too long or breaks', async () => {
    const never = new Promise<Finding[]>(() => undefined);
    assert.equal((await within('disk', 10, () => never))[0]?.state, 'fail');
    const [broken] = await within('tls', 1000, () => {
      throw new Error('no such file');
    });
    assert.deepEqual([broken?.state, broken?.name], ['fail', 'tls']);
  });
});

describe('postern doctor', () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-doctor-'));
  let dns: TestDns;
  before(async () => {
    dns = await startTestDns(WHOLE);
  });
  after(async () => {
    await dns.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('looks through the resolvers that are set, compares the running gateway’s key, and signs on at the relay', async () => {
    const relay = await startSink();
    const environment = {
      POSTERN_DOMAIN: DOMAIN,
      POSTERN_DNS_SERVERS: dns.address,
      POSTERN_OUTBOUND: `smtp://127.0.0.1:${relay.port}`,
    };
    const serving = await startServing(directory, environment);
    try {
      const first = await runCommand(directory, ['doctor', '--json'], environment);
      const report = JSON.parse(first.out);
      assert.deepEqual([first.code, report.ok], [1, false], first.error);
      const found = states(report.checks);
      assert.deepEqual([found['gateway'], found['provider'], found['dns.spf']], ['ok', 'ok', 'ok']);
      const dkim = report.checks.find(({ name }: Finding) => name === 'dns.dkim');
      assert.equal(dkim.state, 'fail', 'another key is published');
      dns.set(DKIM.name, { TXT: [/"([^"]+)"$/.exec(dkim.remedy)![1]!] });
      const second = await runCommand(directory, ['doctor'], environment);
      assert.equal(second.code, 0, second.out);
      assert.match(second.out, /ok {4}dns\.dkim/);
      assert.match(second.out, /ok {4}first mail {2}A first mail from mail\.acme\.example would arrive signed/);
    } finally {
      await serving.stop();
      await relay.close();
    }
  });

  it('fails with the remedy where nothing listens at the relay, and on a bad setting', async () => {
    const closed = await runCommand(directory, ['doctor'], { POSTERN_OUTBOUND: 'smtp://127.0.0.1:9' });
    assert.equal(closed.code, 1);
    assert.match(closed.out, /fail {2}provider .*ECONNREFUSED.*→ Check host and port/s);
    const bad = await runCommand(directory, ['doctor', '--json'], { POSTERN_PORT: 'x' });
    assert.equal(bad.code, 1);
    assert.equal(JSON.parse(bad.out).checks[0].name, 'settings');
  });
});
