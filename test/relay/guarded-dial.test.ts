/** Connecting to hosts that others name. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type AddressGuard, openAddressGuard, openOnly } from '../../src/base/address-guard.ts';
import { type Dns, openDns } from '../../src/base/dns.ts';
import { probeTransport, probeWords } from '../../src/relay/probe.ts';
import { connectFirst, guardedDial } from '../../src/relay/smtp/dial.ts';
import { TlsResults } from '../../src/relay/tls-results.ts';
import {
  openTransport,
  type TransportParts,
  type TransportSettings,
  withCredentials,
} from '../../src/relay/transports/open-transport.ts';
import { smtpTransport } from '../../src/relay/transports/smtp.ts';
import { delivery, pem } from '../harness/deliver.ts';
import { startTestDns } from '../harness/dns.ts';
import { startMailHost } from '../harness/mail-host.ts';

const never = new AbortController().signal;
const opened = openAddressGuard(['127.0.0.0/8']);

async function listener(t: TestContext, address: string, port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  await new Promise<void>((resolve) => server.listen(port, address, () => resolve()));
  t.after(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return { server, port: bound.port };
}

const answering = (...addresses: string[]): Pick<Dns, 'addresses'> => ({
  addresses: async () => ({
    outcome: 'found',
    records: addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  }),
});

test('connects to the next address where the first refuses', async (t) => {
  const { port } = await listener(t, '127.0.0.3');
  const socket = await guardedDial(answering('127.0.0.2', '127.0.0.3'), opened)('a.test', port, never);
  assert.equal(socket.remoteAddress, '127.0.0.3');
  socket.destroy();
});

/** An address at which the system answers no more: somebody listens, accepts nobody, and all places to wait are taken. */
async function silence(t: TestContext, address: string, port: number): Promise<void> {
  const listen = `
    const { parentPort, workerData } = require('node:worker_threads');
    require('node:net').createServer().listen({ ...workerData, backlog: 1 }, () => {
      parentPort.postMessage('listening');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const worker = new Worker(listen, { eval: true, workerData: { host: address, port } });
  await once(worker, 'message');
  const waiting = Array.from({ length: 8 }, () => connect(port, address).on('error', () => undefined));
  t.after(async () => {
    for (const socket of waiting) socket.destroy();
    await worker.terminate();
  });
  await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')));
}

test('an address that keeps silent costs a second: the next one is tried beside it', async (t) => {
  const { port } = await listener(t, '127.0.0.3');
  await silence(t, '127.0.0.2', port);
  const startedAt = performance.now();
  const socket = await guardedDial(answering('127.0.0.2', '127.0.0.3'), opened)('a.test', port, never);
  assert.equal(socket.remoteAddress, '127.0.0.3');
  assert.ok(performance.now() - startedAt > 900, 'the first was given its time');
  socket.destroy();
});

test('an address that is refused is never connected to, wherever it stands', async (t) => {
  const { server, port } = await listener(t, '127.0.0.2');
  let connections = 0;
  server.on('connection', () => connections++);
  const strict = openAddressGuard(['127.0.0.3/32']);
  await assert.rejects(async () => guardedDial(answering('127.0.0.2'), strict)('a.test', port, never), {
    message: 'the address 127.0.0.2 is this machine itself',
  });
  await assert.rejects(connectFirst(['127.0.0.2'], port, strict, never), /127\.0\.0\.2 is this machine itself/);
  await assert.rejects(async () => guardedDial(answering('127.0.0.2', '127.0.0.3'), strict)('a.test', port, never));
  assert.equal(connections, 0);
});

test('the address of the connected socket is looked at once more', async (t) => {
  const { port } = await listener(t, '127.0.0.2');
  // What the name was resolved to passes, what the socket says it is connected to does not.
  let looks = 0;
  const turning: AddressGuard = {
    refusal: () => (looks++ === 0 ? null : 'it turned out to be another address'),
    allows: () => true,
  };
  await assert.rejects(connectFirst(['127.0.0.2'], port, turning, never), /turned out to be another/);
  assert.equal(looks, 2);
});

test('gives up when nobody waits any more, and closes what it was opening', async (t) => {
  const { port } = await listener(t, '127.0.0.2');
  const abort = new AbortController();
  const dialling = connectFirst(['127.0.0.2'], port, opened, abort.signal);
  abort.abort();
  await assert.rejects(dialling, /given up/);
  await assert.rejects(connectFirst(['127.0.0.2'], port, opened, abort.signal), /given up/);
});

test('a name that does not exist, and one nobody could ask about, say so', async (t) => {
  const server = await startTestDns({ 'broken.test': {} });
  t.after(server.close);
  server.fail('broken.test', 'servfail');
  const dial = guardedDial(openDns([server.address], { hostsFile: null, tryMs: 300 }), opened);
  await assert.rejects(async () => dial('absent.test', 25, never), { message: 'there is no host absent.test' });
  await assert.rejects(async () => dial('broken.test', 25, never), /SERVFAIL/);
});

test('a delivery through a dialler that throws is not taken', async (t) => {
  const transport = smtpTransport({
    host: 'a.test',
    port: 25,
    connect: () => Promise.reject(new Error('there is no host a.test')),
  });
  t.after(() => transport.close(0));
  const result = await transport.deliver(delivery());
  assert.deepEqual('stage' in result && [result.outcome, result.stage, result.reply.text], [
    'not_taken',
    'connect',
    'there is no host a.test',
  ]);
});

test('a transport that closes gives up the dialling that is under way', async () => {
  const socket = new Socket();
  let isGivenUp = false;
  const transport = smtpTransport({
    host: 'a.test',
    port: 25,
    connect: (_host, _port, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isGivenUp = true;
          reject(new Error('aborted'));
        });
        setImmediate(() => void transport.close(0));
      }),
  });
  assert.equal((await transport.deliver(delivery())).outcome, 'not_taken');
  assert.equal(isGivenUp, true);
  socket.destroy();
});

function parts(change: Partial<TransportParts> = {}): TransportParts {
  return {
    dns: openDns(['127.0.0.1:1'], { hostsFile: null, tryMs: 100 }),
    guard: opened,
    opened: openOnly(['127.0.0.0/8'], 'other ports'),
    domain: 'gateway.example',
    tlsResults: new TlsResults(),
    ...change,
  };
}

const settings = (url: string, change: Partial<TransportSettings> = {}): TransportSettings => ({
  ...{ id: 'prv_1', kind: 'smtp', url, credentials: null, ehloName: null, isTenants: true },
  ...change,
});

test("a tenant's host is asked of our name servers, the gateway's own next hop of the system", async (t) => {
  const host = await startMailHost({ key: pem('localhost-key'), cert: pem('localhost-cert') });
  t.after(host.close);
  const url = `smtp://localhost.:${host.port}`;
  const named = `smtp://relay.test:${host.port}`;
  for (const [given, isTenants, outcome] of [
    [url, true, 'taken'],
    [named, true, 'not_taken'],
    [`smtp://localhost:${host.port}`, false, 'taken'],
  ] as const) {
    const made = openTransport(settings(given, { isTenants }), parts());
    assert.ok('transport' in made, JSON.stringify(made));
    t.after(() => made.transport.close(0));
    assert.equal((await made.transport.deliver(delivery())).outcome, outcome, `${given} ${isTenants}`);
  }
});

test('credentials that are kept apart take their place in the address, whatever they hold', async (t) => {
  const user = 'ü@x.example';
  const pass = 'p%4ä/?#@:"<>';
  const url = new URL(withCredentials('smtp://mail.example?auth=login', { user, pass }));
  assert.deepEqual([decodeURIComponent(url.username), decodeURIComponent(url.password)], [user, pass]);
  const host = await startMailHost({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (given, _session, callback) =>
      given.username === user && given.password === pass ? callback(null, { user }) : callback(new Error('no')),
  });
  t.after(host.close);
  const made = openTransport(
    settings(`smtp://127.0.0.1:${host.port}?tls=never`, { credentials: { user, pass } }),
    parts(),
  );
  assert.ok('transport' in made);
  t.after(() => made.transport.close(0));
  assert.equal((await made.transport.deliver(delivery())).outcome, 'taken');
  assert.equal(host.taken[0]?.user, user);
});

for (const [given, words] of [
  [settings('smtp://'), /./],
  [settings('smtp://h.example?ca=/etc/passwd'), /not for providers of tenants/],
  [settings('smtp://h.example?ca=/nowhere', { isTenants: false }), /cannot be read/],
  [settings('direct:?tls=perhaps', { kind: 'direct' }), /tls must be/],
  [settings('direct:?port=0', { kind: 'direct' }), /port/],
  [settings('direct:relay', { kind: 'direct' }), /nothing but parameters/],
  [settings('direct:?retries=3', { kind: 'direct' }), /unknown parameter/],
  [settings('direct:?__proto__=3', { kind: 'direct' }), /unknown parameter/],
  [settings('sink:', { kind: 'sink' }), /needs no transport/],
] as const) {
  test(`${given.url} is answered with a sentence`, () => {
    const made = openTransport(given, parts());
    assert.match('error' in made ? made.error : 'made', words);
  });
}

test('a test of a provider says what it found, and what is wrong', async (t) => {
  const host = await startMailHost({ size: 10_000_000 });
  t.after(host.close);
  const dns = await startTestDns({
    'far.test': { MX: ['mx1.mail.test'] },
    'mx1.mail.test': { A: ['127.0.0.1'] },
    'none.test': { MX: [{ exchange: '', preference: 0 }] },
  });
  t.after(dns.close);
  const asking = parts({ dns: openDns([dns.address], { hostsFile: null, tryMs: 300 }) });
  const say = async (given: TransportSettings, probeDomain = 'far.test') =>
    probeWords(await probeTransport(given, { ...asking, probeDomain }));
  const good = await say(settings(`smtp://127.0.0.1:${host.port}`));
  assert.deepEqual(good, {
    ok: true,
    detail: `127.0.0.1:${host.port} takes us, messages up to 10 MB, addresses in any script.`,
  });
  const direct = await say(settings(`direct:?port=${host.port}`, { kind: 'direct' }));
  assert.match(direct.detail, /^mx1\.mail\.test:\d+ takes us/);
  const verified = await say(settings(`direct:?port=${host.port}&tls=required`, { kind: 'direct' }));
  assert.deepEqual([verified.ok, /certificate of mx1\.mail\.test/.test(verified.detail)], [false, true]);
  const none = await say(settings(`direct:?port=${host.port}`, { kind: 'direct' }), 'none.test');
  assert.equal(none.ok, false);
  const secret = await say(settings(`smtps://u:geheim@127.0.0.1:${host.port}`));
  assert.equal(secret.ok, false);
  assert.equal(secret.detail.includes('geheim'), false);
});
