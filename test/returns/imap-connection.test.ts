import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { openAddressGuard } from '../../src/base/address-guard.ts';
import { openDns } from '../../src/base/dns.ts';
import { openImap } from '../../src/returns/imap/connection.ts';

const parts = { dns: openDns([], { hostsFile: null }), guard: openAddressGuard(['127.0.0.1/32']), connectMs: 500 };
const credentials = { user: 'alice', pass: 'secret' };

/** What comes of a server that says these things, one after each line of the client's. */
async function met(said: readonly (string | ((socket: Socket) => void))[]) {
  const heard: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    let next = 0;
    const speak = (): void => {
      const one = said[next];
      next += 1;
      if (typeof one === 'string') socket.write(one);
      else one?.(socket);
    };
    socket.on('error', () => undefined);
    socket.on('data', (octets) => {
      heard.push(octets.toString());
      speak();
    });
    speak();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const opened = await openImap(`imap://127.0.0.1:${port}`, credentials, parts);
  if (opened.outcome === 'open') opened.client.close();
  for (const socket of sockets) socket.destroy();
  server.close();
  return { opened, heard: heard.join('') };
}

describe('a connection to an IMAP server', () => {
  test('that is none, or is broken, ends in words and not in a fault', async () => {
    const servers: (string | ((socket: Socket) => void))[][] = [
      ['220 smtp.example ESMTP\r\n', '500 no\r\n', '500 no\r\n', (socket) => socket.end()],
      [(socket) => socket.destroy()],
      ['* BYE go away\r\n', (socket) => socket.end()],
      [`* OK ${'x'.repeat(3_000_000)}`, (socket) => socket.destroy()],
      ['* OK hi\r\n', '* CAPABILITY {99999999999}\r\n', (socket) => socket.end()],
      ['* OK hi\r\n', '* CAPABILITY IMAP4rev1\r\nA1 OK\r\n* ((((((((((((\r\n', (socket) => socket.destroy()],
      ['* OK hi\r\n', `* ${'('.repeat(100_000)}\r\n`, (socket) => socket.destroy()],
    ];
    for (const [i, server] of servers.entries()) {
      const last = server.at(-1);
      const { opened } = await met(typeof last === 'string' ? [...server, (socket) => socket.destroy()] : server);
      assert.equal(opened.outcome, 'failed', `server ${i}`);
      assert.ok(opened.outcome === 'failed' && opened.why.length > 0 && opened.why.length < 400, `server ${i}`);
      assert.ok(opened.outcome === 'failed' && !opened.why.includes('secret'));
    }
  });

  test('is not made to an address that may not be reached, whatever it is written like', async () => {
    for (const host of ['10.0.0.1', '[::1]', '169.254.169.254', '0x7f.2', '127.2', '[::ffff:10.0.0.5]', '2130706434']) {
      const opened = await openImap(`imap://${host}:143`, credentials, parts);
      assert.equal(opened.outcome, 'failed', host);
    }
  });

  test('is not made to what is no address of a server', async () => {
    for (const url of ['http://127.0.0.1', 'imap://', 'imap://127.0.0.1/INBOX', 'imap://127.0.0.1?x=1']) {
      const opened = await openImap(url, credentials, parts);
      assert.equal(opened.outcome, 'failed', url);
    }
  });
});
