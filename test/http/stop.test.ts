import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { mock, type TestContext, test } from 'node:test';
import type { AdmitRequest } from '../../src/data/store.ts';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { until } from '../harness/until.ts';

type Way = 'straight' | 'round';

/** A gateway whose store takes sends only once it is told so, by their subjects. */
async function holding(t: TestContext) {
  const gateway = await startTestGateway({ POSTERN_ROLE: 'api', POSTERN_GRACE: '20' });
  // Key and limits are known from then on.
  await gateway.fetchJson('POST', '/v1/messages', mail('first@one.example'));
  const { store } = gateway.gateway;
  const admit = store.admit.bind(store);
  const held = new Map<string, () => void>();
  mock.method(store, 'admit', async (request: AdmitRequest) => {
    await new Promise<void>((resolve) => held.set(request.requestId, resolve));
    return admit(request);
  });
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopped ??= gateway.stop();
    return stopped;
  };
  t.after(() => {
    for (const release of held.values()) release();
    return stop();
  });
  return { gateway, held, stop };
}

function open(t: TestContext, gateway: TestGateway) {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  let text = '';
  let isOver = false;
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('close', () => {
    isOver = true;
  });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return {
    send: (id: string, way: Way): void => {
      const body = JSON.stringify(mail('a@two.example'));
      // What says how it is coded is not for the straight road.
      const coding = way === 'round' ? 'Content-Encoding: identity\r\n' : '';
      socket.write(
        `POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nAuthorization: Bearer ${gateway.testKey}\r\n` +
          `${coding}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    },
    /** The heads of what was answered, each as its status, its id and what it says of the connection. */
    heads: (): string[] =>
      [...text.matchAll(/HTTP\/1\.1 (\d+).*?\r\n\r\n/gs)].map(
        ([head, status]) =>
          `${status} ${/x-request-id: (\S+)/i.exec(head)?.[1]} ${/connection: (\S+)/i.exec(head)?.[1]}`,
      ),
    over: (): Promise<void> => until(() => isOver, 5000, 'the end of the connection'),
  };
}

const WAIT_MS = 5000;

/** Until nobody else is let in any more. */
async function shut({ url }: TestGateway): Promise<void> {
  const isLetIn = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  while (await isLetIn());
}

for (const way of ['straight', 'round'] as const) {
  test(`a stop is told with the answer of what is still stored, and nothing behind it is stored (${way})`, async (t) => {
    const { gateway, held, stop } = await holding(t);
    const client = open(t, gateway);
    client.send('one', way);
    await until(() => held.has('one'), WAIT_MS, 'the send');
    const stopping = stop();
    await shut(gateway);
    held.get('one')!();
    await until(() => client.heads().length === 1, WAIT_MS, 'the answer');
    client.send('late', way);
    await client.over();
    await stopping;
    assert.deepEqual(client.heads(), ['202 one close']);
    assert.equal(held.has('late'), false);
  });

  test(`all that was sent ahead of a stop is answered (${way})`, async (t) => {
    const { gateway, held, stop } = await holding(t);
    const client = open(t, gateway);
    client.send('one', way);
    client.send('two', way);
    await until(() => held.size === 2, WAIT_MS, 'both sends');
    const stopping = stop();
    await shut(gateway);
    held.get('one')!();
    await until(() => client.heads().length === 1, WAIT_MS, 'the first answer');
    held.get('two')!();
    await client.over();
    await stopping;
    assert.deepEqual(client.heads(), ['202 one keep-alive', '202 two close']);
  });
}
