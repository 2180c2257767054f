import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { guardedAddresses, openAddressGuard } from '../../src/base/address-guard.ts';
import type { Dns, DnsAnswer, HostAddress } from '../../src/base/dns.ts';

const guard = openAddressGuard([]);

type Vector = { url: string; expect: string; why: string; resolver?: (string | string[])[] };
const vectors: Vector[] = readFileSync(new URL('../fixtures/vectors/ssrf.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

/** The address that a URL of the vectors names; null where it names none. */
function addressIn(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? null : host;
}

function answering(answer: DnsAnswer<HostAddress>): Pick<Dns, 'addresses'> {
  return { addresses: async () => answer };
}

const named = vectors.map((vector) => ({ ...vector, address: addressIn(vector.url) }));

for (const { url, expect, why, address } of named.filter((vector) => vector.address !== null)) {
  test(`${expect === 'allow' ? 'lets' : 'does not let'} ${url} through (${why})`, () => {
    assert.equal(guard.allows(address!), expect === 'allow');
  });
}

test('the vectors name enough addresses to say something', () => {
  assert.ok(named.filter(({ address }) => address !== null).length >= 25);
});

const RANGES: [string, string, string][] = [
  ['0.0.0.0', '0.255.255.255', '1.0.0.0'],
  ['10.0.0.0', '10.255.255.255', '11.0.0.0'],
  ['100.64.0.0', '100.127.255.255', '100.128.0.0'],
  ['127.0.0.0', '127.255.255.255', '128.0.0.0'],
  ['169.254.0.0', '169.254.255.255', '169.255.0.0'],
  ['172.16.0.0', '172.31.255.255', '172.32.0.0'],
  ['192.0.0.0', '192.0.0.255', '192.0.1.0'],
  ['192.168.0.0', '192.168.255.255', '192.169.0.0'],
  ['198.18.0.0', '198.19.255.255', '198.20.0.0'],
  ['203.0.113.0', '203.0.113.255', '203.0.114.0'],
  ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:200::'],
  ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db9::'],
  ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', '3ffe::'],
];
for (const [first, last, outside] of RANGES) {
  test(`refuses ${first} to ${last} and not ${outside}`, () => {
    assert.equal(guard.allows(first), false);
    assert.equal(guard.allows(last), false);
    assert.equal(guard.allows(outside), true);
  });
}

test('judges an IPv6 form that carries an IPv4 address as that address', () => {
  for (const form of ['::ffff:10.1.2.3', '::ffff:0:10.1.2.3', '64:ff9b::10.1.2.3', '2002:a01:203::1']) {
    assert.equal(guard.allows(form), false, form);
  }
  for (const form of ['::ffff:1.1.1.1', '64:ff9b::1.1.1.1', '2002:101:101::1']) {
    assert.equal(guard.allows(form), true, form);
  }
  assert.equal(guard.allows('::1.1.1.1'), false);
});

test('refuses all of IPv6 that is not global unicast, also what nobody named', () => {
  for (const address of ['::', '::1', '::2', '1::', '4000::1', '5f00::1', 'e000::1', 'fc00::1', 'fdff::1', 'ff02::1'])
    assert.equal(guard.allows(address), false, address);
});

test('takes nothing for an address that is none in the usual form', () => {
  for (const text of ['', 'example.com', '1.1.1', '0x01010101', '01.1.1.1', '1.1.1.1 ', '2606:4700::1%eth0', '[::1]'])
    assert.equal(guard.allows(text), false, text);
});

test('an allowed range opens itself and its IPv6 form, and nothing else', () => {
  const opened = openAddressGuard(['127.0.0.0/8', '10.1.2.3', 'fd00::/8']);
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '10.1.2.3', 'fd12::1'])
    assert.equal(opened.allows(address), true, address);
  for (const address of ['10.1.2.4', '::1', 'fc00::1', '192.168.0.1'])
    assert.equal(opened.allows(address), false, address);
  assert.throws(() => openAddressGuard(['localhost']), RangeError);
  assert.throws(() => openAddressGuard(['10.0.0.0/33']), RangeError);
});

test('says in words why an address is refused', () => {
  assert.equal(guard.refusal('127.0.0.1'), 'the address 127.0.0.1 is this machine itself');
  assert.equal(guard.refusal('4000::1'), 'the address 4000::1 is in no public range');
  assert.equal(guard.refusal('1.1.1.1'), null);
});

test('a host whose addresses are all refused is refused, and one of several public ones is kept', async () => {
  const vector = vectors.find(({ url }) => url.includes('v6only'))!;
  const [address] = vector.resolver![0]!;
  const mapped = answering({ outcome: 'found', records: [{ address: address!, family: 6 }] });
  assert.equal((await guardedAddresses('v6only.test', mapped, guard)).outcome, 'refused');
  const both = answering({
    outcome: 'found',
    records: [
      { address: '10.0.0.1', family: 4 },
      { address: '1.1.1.1', family: 4 },
    ],
  });
  assert.deepEqual(await guardedAddresses('both.test', both, guard), {
    outcome: 'ok',
    addresses: [{ address: '1.1.1.1', family: 4 }],
  });
});

test('a host that does not exist is told from one nobody could ask about', async () => {
  const { outcome } = await guardedAddresses('a.test', answering({ outcome: 'nxdomain' }), guard);
  assert.equal(outcome, 'unresolved');
  assert.equal((await guardedAddresses('a.test', answering({ outcome: 'none' }), guard)).outcome, 'unresolved');
  assert.deepEqual(await guardedAddresses('a.test', answering({ outcome: 'failed', message: 'SERVFAIL' }), guard), {
    outcome: 'failed',
    why: 'SERVFAIL',
  });
});
