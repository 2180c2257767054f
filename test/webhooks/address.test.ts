import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { DnsAnswer, HostAddress } from '../../src/base/dns.ts';
import { openAddresses, readUrl } from '../../src/webhooks/address.ts';

type Vector = { url: string; expect: string; why: string; resolver?: (string | string[])[] };
const vectors: Vector[] = readFileSync(new URL('../fixtures/vectors/ssrf.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const hostAddress = (address: string): HostAddress => ({ address, family: address.includes(':') ? 6 : 4 });

/** Every name has a public address, unless the vector has others; an address is itself. */
function answering(vector: Partial<Vector>) {
  return {
    async addresses(name: string): Promise<DnsAnswer<HostAddress>> {
      if (/^[\d.]+$|:/.test(name)) return { outcome: 'found', records: [hostAddress(name)] };
      const first = vector.resolver?.[0] ?? '93.184.216.34';
      return { outcome: 'found', records: [first].flat().map(hostAddress) };
    },
  };
}

async function outcomeOf(text: string, vector: Partial<Vector> = {}, allow: string[] = []): Promise<string> {
  const url = readUrl(text);
  if (!(url instanceof URL)) return 'wrong';
  return (await openAddresses(answering(vector), allow).reach(url)).outcome;
}

for (const vector of vectors.filter(({ expect }) => expect === 'allow' || expect === 'deny')) {
  test(`a webhook at ${JSON.stringify(vector.url)} is ${vector.expect === 'allow' ? 'taken' : 'refused'}: ${vector.why}`, async () => {
    const outcome = await outcomeOf(vector.url, vector);
    assert.equal(outcome === 'ok', vector.expect === 'allow', outcome);
  });
}

test('what a parser of URLs would mend without a word is refused', async () => {
  for (const { url } of vectors.filter(({ expect, why }) => expect === 'check' && !why.includes('path'))) {
    assert.equal(await outcomeOf(url), 'wrong', url);
  }
  for (const url of [
    'https://a.example/ ',
    'https:\\\\a.example/',
    'https://a.example\t/',
    'https:a.example',
    '//a.example',
  ]) {
    assert.equal(await outcomeOf(url), 'wrong', url);
  }
});

test('what is escaped in a path stays escaped', () => {
  const url = readUrl('https://example.com/%0d%0aHost:%20evil') as URL;
  assert.equal(url.pathname, '/%0d%0aHost:%20evil');
});

test('user names, fragments, other schemes and long addresses are refused', async () => {
  const long = `https://example.com/${'a'.repeat(2048)}`;
  for (const url of [
    'https://a:b@example.com/',
    'https://a@example.com/',
    'https://example.com/#x',
    'ftp://example.com/',
    long,
  ]) {
    assert.equal(await outcomeOf(url), 'wrong', url);
  }
});

test('plain http and other ports are refused, but not where the operator has opened the address', async () => {
  for (const url of ['http://example.com/', 'https://example.com:8080/', 'http://example.com:443/']) {
    assert.equal(await outcomeOf(url), 'refused', url);
    assert.equal(await outcomeOf(url, {}, ['93.184.216.0/24']), 'ok', url);
  }
  assert.equal(await outcomeOf('https://example.com:443/'), 'ok');
  assert.equal(await outcomeOf('https://example.com:8443/'), 'ok');
});

test('a local name leads to nothing but what the operator has opened, whatever the DNS says', async () => {
  for (const url of ['https://db/', 'https://db.internal/', 'https://x.localhost/', 'https://printer.local./']) {
    assert.equal(await outcomeOf(url), 'refused', url);
    assert.equal(await outcomeOf(url, { resolver: ['10.1.2.3'] }, ['10.1.0.0/16']), 'ok', url);
  }
});
