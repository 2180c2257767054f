import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { openAddressGuard } from '../../src/base/address-guard.ts';
import type { Dns } from '../../src/base/dns.ts';
import { type GuardedFetch, openGuardedFetch } from '../../src/base/guarded-fetch.ts';

const tlsFile = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');

type Names = Record<string, string[] | 'failed'>;

function names(known: Names): Pick<Dns, 'addresses'> {
  return {
    async addresses(name) {
      const found = known[name];
      if (found === 'failed') return { outcome: 'failed', message: 'the name server failed' };
      if (found === undefined) return { outcome: 'nxdomain' };
      return {
        outcome: 'found',
        records: found.map((address) => ({ address, family: address.includes(':') ? (6 as const) : (4 as const) })),
      };
    },
  };
}

describe('a guarded fetch', () => {
  const asked: string[] = [];
  let plain: Server;
  let tls: Server;
  let fetch: GuardedFetch;
  const at = (server: Server, host: string, path = '/'): URL =>
    new URL(`${server === tls ? 'https' : 'http'}://${host}:${(server.address() as AddressInfo).port}${path}`);

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    asked.push(`${request.headers.host?.split(':')[0]} ${request.url}`);
    if (request.url === '/redirect') response.writeHead(302, { location: '/elsewhere' }).end();
    else if (request.url === '/endless') {
      const part = Buffer.alloc(16_384);
      const write = (): void => {
        while (!response.destroyed && response.write(part));
      };
      response.on('drain', write);
      write();
    } else if (request.url !== '/silent') response.end('hello');
  };
  before(async () => {
    plain = createServer(answer);
    tls = createTlsServer(
      { key: tlsFile('localhost-key.pem'), cert: tlsFile('localhost-cert.pem') },
      answer,
    ) as unknown as Server;
    for (const server of [plain, tls]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const known: Names = {
      localhost: ['127.0.0.1'],
      'other.example': ['127.0.0.1'],
      'inside.example': ['10.0.0.1'],
      'metadata.example': ['169.254.169.254', '::ffff:169.254.169.254'],
      'broken.example': 'failed',
    };
    fetch = openGuardedFetch(names(known), openAddressGuard(['127.0.0.1/32']), { ca: tlsFile('localhost-cert.pem') });
  });
  after(() => {
    for (const server of [plain, tls]) {
      server.closeAllConnections();
      server.close();
    }
  });

  test('connects to the address that was looked up, under the name that was asked for', async () => {
    const got = await fetch(at(plain, 'other.example', '/x'));
    assert.deepEqual(got, { outcome: 'answered', status: 200, body: Buffer.from('hello') });
    assert.equal(asked.at(-1), 'other.example /x');
  });

  test('checks the certificate for that name', async () => {
    assert.equal((await fetch(at(tls, 'localhost'))).outcome, 'answered');
    const before = asked.length;
    const got = await fetch(at(tls, 'other.example'));
    assert.equal(got.outcome, 'failed');
    assert.equal(asked.length, before, 'nothing was asked');
  });

  test('connects to no address that the guard refuses', async () => {
    for (const host of ['inside.example', 'metadata.example']) {
      assert.equal((await fetch(at(plain, host))).outcome, 'refused', host);
    }
    assert.equal((await fetch(at(plain, 'nowhere.example'))).outcome, 'failed');
    assert.equal((await fetch(at(plain, 'broken.example'))).outcome, 'failed');
    const strict = openGuardedFetch(names({ localhost: ['127.0.0.1'] }), openAddressGuard([]));
    assert.equal((await strict(at(plain, 'localhost'))).outcome, 'refused');
  });

  test('follows no redirect', async () => {
    const before = asked.length;
    const got = await fetch(at(plain, 'localhost', '/redirect'));
    assert.equal(got.outcome === 'answered' && got.status, 302);
    assert.equal(asked.length, before + 1);
  });

  test('reads no more than it may, and waits no longer', async () => {
    assert.equal((await fetch(at(plain, 'localhost', '/endless'), { maxBytes: 100_000 })).outcome, 'failed');
    assert.equal((await fetch(at(plain, 'localhost', '/silent'), { timeoutMs: 100 })).outcome, 'failed');
  });
});
