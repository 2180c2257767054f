/** The next hop takes a message and the line breaks before it can say so: it is sent again, the same and marked. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway } from '../harness/gateway.ts';

/** Speaks just enough SMTP to take a message, and drops the line instead of answering the dot. */
async function forgetfulHop(t: TestContext): Promise<{ port: number; taken: string[] }> {
  const taken: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    let isBody = false;
    socket.on('error', () => socket.destroy());
    socket.write('220 hop\r\n');
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (isBody && text.endsWith('\r\n.\r\n')) {
        taken.push(text.slice(0, -3));
        socket.destroy();
      } else if (!isBody) {
        for (let end = text.indexOf('\r\n'); end >= 0 && !isBody; end = text.indexOf('\r\n')) {
          isBody = text.startsWith('DATA');
          text = text.slice(end + 2);
          socket.write(isBody ? '354 go on\r\n' : '250 ok\r\n');
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, taken };
}

test('transactional mail without an answer to its dot is uncertain, and will be sent again', async (t) => {
  const hop = await forgetfulHop(t);
  const gateway = await startTestGateway({ POSTERN_OUTBOUND: `smtp://127.0.0.1:${hop.port}?tls=never` });
  t.after(() => gateway.stop());
  const body = { to: 'bob@example.com', subject: 'x', text: 'y' };
  const { body: sent } = await gateway.fetchJson('POST', '/v1/messages', body, { key: gateway.liveKey });
  const name = { tenantNo: 1, mode: 'live', id: sent.id } as const;
  const message = await messageAfter(gateway.gateway.store, name, 'message.uncertain');
  const [recipient] = message.recipients;
  assert.equal(recipient?.state, 'uncertain');
  assert.equal(recipient.possibleDuplicate, true);
  assert.ok(recipient.nextAttemptAt! > Date.now());
  assert.equal(hop.taken.length, 1);
  assert.doesNotMatch(hop.taken[0]!, /Possible-Duplicate/);
});

test('marketing mail without an answer to its dot stays for a person to decide', async (t) => {
  const hop = await forgetfulHop(t);
  const gateway = await startTestGateway({ POSTERN_OUTBOUND: `smtp://127.0.0.1:${hop.port}?tls=never` });
  t.after(() => gateway.stop());
  const body = { to: 'bob@example.com', subject: 'x', text: 'y', kind: 'marketing' };
  const { body: sent } = await gateway.fetchJson('POST', '/v1/messages', body, { key: gateway.liveKey });
  const name = { tenantNo: 1, mode: 'live', id: sent.id } as const;
  const message = await messageAfter(gateway.gateway.store, name, 'message.uncertain');
  assert.equal(message.recipients[0]?.nextAttemptAt, null);
});
