import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { DnsAnswer, HostAddress } from '../../src/base/dns.ts';
import { makeSelfSigned } from '../../src/base/self-signed.ts';
import { openAddresses } from '../../src/webhooks/address.ts';
import { Link, type LinkOptions } from '../../src/webhooks/deliver.ts';

const POSTING = { body: Buffer.from('{}'), headers: {} };
const local = (): DnsAnswer<HostAddress> => ({ outcome: 'found', records: [{ address: '127.0.0.1', family: 4 }] });
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const serving = (answer: RequestListener): Promise<number> => listening(createServer(answer));

function linkTo(
  url: string,
  options: LinkOptions = {},
  look: () => DnsAnswer<HostAddress> = local,
  allow = ['127.0.0.0/8'],
) {
  const link = new Link(new URL(url), openAddresses({ addresses: async () => look() }, allow), options);
  open.push(() => link.close());
  return link;
}

test('a body that never ends is read up to 64 kB and no further', async () => {
  let sent = 0;
  const ended = Promise.withResolvers<void>();
  const port = await serving((_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384, 'a'))) sent += 16_384;
    };
    response.on('drain', more).on('close', ended.resolve);
    more();
  });
  const told = await linkTo(`http://hook.test:${port}/`).post(POSTING);
  assert.equal(told.failure, null);
  assert.equal(told.excerpt, 'a'.repeat(500));
  await ended.promise;
  assert.ok(sent < 16 * 1024 * 1024, `${sent} octets were taken`);
});

for (const [name, head, more] of [
  ['interim answers', '', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'.repeat(100)],
  ['chunk extensions', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;', 'a'.repeat(16_384)],
] as const) {
  test(`${name} without end are cut off long before the time is up`, async () => {
    const ended = Promise.withResolvers<number>();
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined).on('close', () => ended.resolve(socket.bytesWritten));
      const write = (): void => {
        while (!socket.destroyed && socket.write(more));
      };
      socket.once('data', () => {
        socket.write(head);
        socket.on('drain', write);
        write();
      });
    });
    const told = await linkTo(`http://hook.test:${await listening(server)}/`).post(POSTING);
    assert.equal(told.failure, 'link');
    assert.match(told.error!, /without end/);
    const sent = await ended.promise;
    assert.ok(sent < 64 * 1024 * 1024, `${sent} octets were sent`);
  });
}

test('a look-up that breaks is a failure of the link and harms nothing else', async () => {
  const told = await linkTo('http://hook.test/', {}, () => {
    throw new Error('no resolver');
  }).post(POSTING);
  assert.deepEqual([told.failure, told.error], ['link', 'no resolver']);
});

test('a compressed answer is not inflated', async () => {
  const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024));
  const port = await serving((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
  });
  const told = await linkTo(`http://hook.test:${port}/`).post(POSTING);
  assert.equal(told.failure, null);
  assert.ok(!told.excerpt.includes('\u0000\u0000'));
});

test('a redirect is a failure and is not followed', async () => {
  let asked = 0;
  const port = await serving((_request, response) => {
    asked += 1;
    response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end();
  });
  const told = await linkTo(`http://hook.test:${port}/`).post(POSTING);
  assert.equal(told.failure, 'status');
  assert.equal(told.status, 307);
  assert.match(told.error!, /not followed/);
  assert.equal(asked, 1);
});

test('an endpoint that never answers, or drips, fails when its time is up', async () => {
  const hangs = await serving(() => undefined);
  const drips = await serving((_request, response) => {
    response.writeHead(200);
    response.write('a');
  });
  for (const port of [hangs, drips]) {
    const told = await linkTo(`http://hook.test:${port}/`, { attemptMs: 300 }).post(POSTING);
    assert.equal(told.failure, 'link');
    assert.match(told.error!, /no whole answer within/);
    assert.ok(told.durationMs < 3000, `${told.durationMs} ms`);
  }
});

test('a name that leads to an internal address by the time of the connection is not connected to', async () => {
  let asked = 0;
  const port = await serving((_request, response) => {
    asked += 1;
    response.end();
  });
  const told = await linkTo(`https://rebind.test:8443/`, {}, local, []).post(POSTING);
  assert.equal(told.failure, 'address');
  assert.match(told.error!, /this machine itself/);
  const closed = await linkTo(`http://hook.test:${port}/`, {}, local, []).post(POSTING);
  assert.equal(closed.failure, 'address');
  assert.equal(asked, 0);
});

test('the address is looked at for each new connection, so that a later answer of the DNS gains nothing', async () => {
  const port = await serving((_request, response) => {
    response.writeHead(200, { connection: 'close' }).end();
  });
  let looks = 0;
  const look = (): DnsAnswer<HostAddress> => {
    looks += 1;
    return looks === 1 ? local() : { outcome: 'found', records: [{ address: '10.0.0.1', family: 4 }] };
  };
  const link = linkTo(`http://hook.test:${port}/`, {}, look);
  assert.equal((await link.post(POSTING)).failure, null);
  assert.equal((await link.post(POSTING)).failure, 'address');
});

test('failures of the DNS and of TLS are told apart from those of the link', async () => {
  const gone = linkTo('http://hook.test/', {}, () => ({ outcome: 'nxdomain' }));
  assert.equal((await gone.post(POSTING)).failure, 'dns');
  const failing = linkTo('http://hook.test/', {}, () => ({ outcome: 'failed', message: 'SERVFAIL' }));
  assert.equal((await failing.post(POSTING)).failure, 'dns');
  const { certificate: cert, key } = makeSelfSigned('other.test', Date.now());
  const port = await listening(createTlsServer({ cert, key }, (_request, response) => response.end()));
  const untrusted = await linkTo(`https://hook.test:${port}/`).post(POSTING);
  assert.deepEqual([untrusted.failure, untrusted.error], ['tls', 'TLS: self-signed certificate']);
  const wrongName = await linkTo(`https://hook.test:${port}/`, { tls: { ca: cert } }).post(POSTING);
  assert.equal(wrongName.failure, 'tls', wrongName.error!);
  const trusted = await linkTo(`https://other.test:${port}/`, { tls: { ca: cert } }).post(POSTING);
  assert.equal(trusted.failure, null, trusted.error!);
  const plain = await serving((_request, response) => response.end());
  const noTls = await linkTo(`https://hook.test:${plain}/`).post(POSTING);
  assert.deepEqual([noTls.failure, noTls.error], ['tls', 'TLS: wrong version number']);
});

test('a connection that was refused or cut is a failure of the link', async () => {
  const cuts = await listening(createTcpServer((socket) => socket.destroy()));
  const told = await linkTo(`http://hook.test:${cuts}/`).post(POSTING);
  assert.equal(told.failure, 'link');
  assert.equal(told.status, null);
});

test('a kept connection that the other end closed meanwhile costs no attempt', async () => {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    let requests = 0;
    socket.on('error', () => undefined);
    // Each request fits into one segment; the second one on a connection is answered by cutting it.
    socket.on('data', () => {
      requests += 1;
      if (requests > 1) socket.destroy();
      else socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    });
  });
  const port = await listening(server);
  const link = linkTo(`http://hook.test:${port}/`);
  const posting = { body: Buffer.from(''), headers: {} };
  assert.equal((await link.post(posting)).failure, null);
  assert.equal((await link.post(posting)).failure, null);
  assert.equal(connections, 2);
});

test('what an endpoint answers is shown without characters that control anything', async () => {
  const port = await serving((_request, response) => response.writeHead(500).end('\u001b[2J\u0000kaputt\u202e'));
  const told = await linkTo(`http://hook.test:${port}/`).post(POSTING);
  assert.doesNotMatch(told.excerpt, /[\u0000\u001b\u202e]/);
  assert.match(told.excerpt, /kaputt/);
});
