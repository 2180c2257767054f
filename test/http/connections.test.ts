import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Connections } from '../../src/http/connections.ts';
import { startTestGateway } from '../harness/gateway.ts';
import { until } from '../harness/until.ts';

const LONG_MS = 3_600_000;

async function listening(t: TestContext, connections: Connections) {
  const server = createServer((request, response) => {
    if (request.url === '/known') connections.know(request.socket);
    response.end('ok', () => connections.end(request.socket));
  });
  connections.watch(server, false);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.after(() => server.close().closeAllConnections());
  const open = async (from = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const ask = async (socket: Socket, path: string): Promise<void> => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, 'data');
  };
  return { open, ask };
}

const gone = (socket: Socket): Promise<void> =>
  until(() => socket.destroyed || socket.readableEnded, 5000, 'the end of a connection');

/** Where a socket is ended by the other side, whoever reads it hears of it. */
function reading(socket: Socket): Socket {
  return socket.resume();
}

test('where an address has no more room its idlest stranger makes some, and no other address pays', async (t) => {
  const connections = new Connections([], { perNetwork: 2, idleMs: 0 });
  const { open, ask } = await listening(t, connections);
  const elsewhere = reading(await open('127.0.0.9'));
  const [first, second] = [reading(await open()), reading(await open())];
  await ask(first, '/');
  reading(await open());
  await gone(second);
  assert.deepEqual([first.destroyed, elsewhere.destroyed], [false, false], 'it was answered later, and it is another');
  assert.equal(connections.strangers, 3);
});

test('where nobody has been idle for long more are let in, up to a hard cap', async (t) => {
  const connections = new Connections([], { perNetwork: 2, idleMs: LONG_MS });
  const { open } = await listening(t, connections);
  const all = [];
  for (let n = 0; n < 8; n += 1) all.push(reading(await open()));
  await gone(reading(await open()));
  assert.equal(all.filter(({ destroyed }) => destroyed).length, 0);
  await until(() => connections.strangers === 8, 5000, 'the cap');
});

test('the whole has a cap too', async (t) => {
  const connections = new Connections([], { perNetwork: 100, inAll: 3, idleMs: 0 });
  const { open } = await listening(t, connections);
  const first = reading(await open('127.0.0.2'));
  for (const from of ['127.0.0.3', '127.0.0.4', '127.0.0.5']) reading(await open(from));
  await gone(first);
  assert.equal(connections.strangers, 3);
});

test('over whose connection a right key came is no stranger, and neither is a trusted proxy', async (t) => {
  const connections = new Connections(['127.0.0.7/32'], { perNetwork: 1, idleMs: LONG_MS });
  const { open, ask } = await listening(t, connections);
  for (let n = 0; n < 10; n += 1) await ask(await open(), '/known');
  assert.equal(connections.strangers, 0);
  for (let n = 0; n < 10; n += 1) await ask(await open('127.0.0.7'), '/');
  assert.equal(connections.strangers, 0);
});

test('a connection that ends is forgotten', async (t) => {
  const connections = new Connections([], { perNetwork: 1, idleMs: LONG_MS });
  const { open, ask } = await listening(t, connections);
  for (let n = 0; n < 20; n += 1) {
    const socket = await open();
    await ask(socket, '/');
    socket.destroy();
    await until(() => connections.strangers === 0, 5000, 'nobody');
  }
});

test('a client may send requests ahead of their answers, and not without end', async (t) => {
  const gateway = await startTestGateway();
  t.after(() => gateway.stop());
  const { port } = new URL(gateway.url);
  const ask = `GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.testKey}\r\n\r\n`;
  const send = (requests: number): { socket: Socket; answers: () => number } => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' }, () => socket.write(ask.repeat(requests)));
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    t.after(() => socket.destroy());
    return { socket, answers: () => text.match(/HTTP\/1\.1 200/g)?.length ?? 0 };
  };
  const some = send(150);
  await until(() => some.answers() === 150, 10_000, 'every answer');
  assert.equal(some.socket.destroyed, false);
  const many = send(5000);
  await gone(many.socket);
  assert.ok(many.answers() < 5000);
  assert.equal((await gateway.fetchJson('GET', '/v1/me')).status, 200);
});

test('a body that goes on behind its answer does not hold the connection', async (t) => {
  const gateway = await startTestGateway();
  t.after(() => gateway.stop());
  const { port } = new URL(gateway.url);
  const socket = reading(connect({ port: Number(port), host: '127.0.0.1' }));
  t.after(() => socket.destroy());
  socket.write(
    'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{',
  );
  await until(() => socket.destroyed || socket.readableEnded, 15_000, 'its end');
});

test('a gateway takes hundreds of clients from one address at once', async (t) => {
  const gateway = await startTestGateway();
  t.after(() => gateway.stop());
  const answers = await Promise.all(Array.from({ length: 600 }, () => gateway.fetchJson('GET', '/v1/me')));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
});
