import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Dns, openDns } from '../../src/base/dns.ts';
import { startTestDns, type TestDns } from '../harness/dns.ts';

let server: TestDns;
let dns: Dns;
const folder = mkdtempSync(join(tmpdir(), 'postern-dns-'));

before(async () => {
  const hostsFile = join(folder, 'hosts');
  writeFileSync(hostsFile, '::2 named.test\n127.0.0.9\tnamed.test other # asked.test\nnonsense named.test\n');
  server = await startTestDns({
    'example.test': {
      A: ['192.0.2.1', '192.0.2.2'],
      AAAA: ['2001:db8::1'],
      MX: [
        { exchange: 'B.example.test', preference: 20 },
        { exchange: 'a.example.test', preference: 10 },
      ],
      TXT: ['v=spf1 -all', ['one ', 'two'], 'x'.repeat(600)],
    },
    'nomail.test': { MX: [{ exchange: '', preference: 0 }] },
    'bare.test': { TXT: ['x'] },
    'alias.test': { CNAME: 'example.test' },
    'ring-a.test': { CNAME: 'ring-b.test' },
    'ring-b.test': { CNAME: 'ring-a.test' },
    'six.test': { AAAA: ['2001:db8::6'] },
    'broken.test': { A: ['192.0.2.9'] },
  });
  server.fail('broken.test', 'servfail');
  server.fail('refused.test', 'refused');
  server.fail('silent.test', 'silent');
  dns = openDns([server.address], { hostsFile, tryMs: 250 });
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test('finds mail exchangers with their preference, in lower case', async () => {
  const answer = await dns.mx('example.test');
  assert.equal(answer.outcome, 'found');
  const records = answer.outcome === 'found' ? answer.records : [];
  assert.deepEqual(
    records.toSorted((one, other) => one.preference - other.preference),
    [
      { exchange: 'a.example.test', preference: 10 },
      { exchange: 'b.example.test', preference: 20 },
    ],
  );
});

test('a null MX is an exchanger without a name', async () => {
  assert.deepEqual(await dns.mx('nomail.test'), { outcome: 'found', records: [{ exchange: '', preference: 0 }] });
});

test('joins the strings of a TXT record, also of one too long for a datagram', async () => {
  const answer = await dns.txt('example.test.');
  assert.deepEqual(answer, { outcome: 'found', records: ['v=spf1 -all', 'one two', 'x'.repeat(600)] });
});

test('finds addresses of both families, and of one where there is no other', async () => {
  assert.deepEqual(await dns.addresses('example.test'), {
    outcome: 'found',
    records: [
      { address: '192.0.2.1', family: 4 },
      { address: '192.0.2.2', family: 4 },
      { address: '2001:db8::1', family: 6 },
    ],
  });
  assert.deepEqual(await dns.addresses('six.test'), {
    outcome: 'found',
    records: [{ address: '2001:db8::6', family: 6 }],
  });
});

test('a name without the record is told from a name that is not there', async () => {
  assert.deepEqual(await dns.mx('bare.test'), { outcome: 'none' });
  assert.deepEqual(await dns.addresses('bare.test'), { outcome: 'none' });
  assert.deepEqual(await dns.mx('absent.test'), { outcome: 'nxdomain' });
  assert.deepEqual(await dns.addresses('absent.test'), { outcome: 'nxdomain' });
  assert.deepEqual(await dns.txt(''), { outcome: 'nxdomain' });
  assert.deepEqual(await dns.txt(`${'a'.repeat(64)}.test`), { outcome: 'nxdomain' });
});

test('follows an alias and gives up on a ring of them without a statement', async () => {
  assert.deepEqual(await dns.cname('alias.test'), { outcome: 'found', records: ['example.test'] });
  assert.equal((await dns.addresses('alias.test')).outcome, 'found');
  assert.equal((await dns.mx('alias.test')).outcome, 'found');
  assert.equal((await dns.mx('ring-a.test')).outcome, 'failed');
  assert.equal((await dns.addresses('ring-b.test')).outcome, 'failed');
});

test('a name server that fails, refuses or is silent says nothing of the name', async () => {
  for (const name of ['broken.test', 'refused.test', 'silent.test']) {
    for (const answer of [dns.mx(name), dns.txt(name), dns.cname(name), dns.addresses(name)]) {
      const { outcome } = await answer;
      assert.equal(outcome, 'failed', name);
    }
  }
  const nobody = openDns(['127.0.0.1:1'], { hostsFile: null, tryMs: 100 });
  assert.equal((await nobody.mx('example.test')).outcome, 'failed');
});

test('takes addresses, the hosts file and localhost without asking', async () => {
  assert.deepEqual(await dns.addresses('NAMED.test'), {
    outcome: 'found',
    records: [
      { address: '127.0.0.9', family: 4 },
      { address: '::2', family: 6 },
    ],
  });
  assert.deepEqual(await dns.addresses('203.0.113.7'), {
    outcome: 'found',
    records: [{ address: '203.0.113.7', family: 4 }],
  });
  assert.equal((await dns.addresses('mail.localhost')).outcome, 'found');
  assert.equal((await dns.addresses('asked.test')).outcome, 'nxdomain');
  assert.equal(server.queries('named.test') + server.queries('mail.localhost'), 0);
});
