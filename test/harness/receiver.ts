/** A receiver of webhooks: keeps what comes, and answers as it is told. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export type Received = {
  path: string;
  headers: IncomingHttpHeaders;
  /** The body as it came. */
  raw: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of any shape
  event: any;
  status: number;
};

/** A status, with a body if there is one; or what is done with the request by hand. */
export type Answering =
  | number
  | { status: number; body?: string; headers?: Record<string, string> }
  | ((request: Received, response: ServerResponse) => void);

export type Receiver = {
  url: string;
  received: Received[];
  /** For every path, or for one. */
  answer(answering: Answering, path?: string): void;
  /** Resolves once this many requests (that match) have come. */
  came(count: number, matches?: (one: Received) => boolean): Promise<Received[]>;
  close(): Promise<void>;
};

const WAIT_MS = 60_000;

export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const answers = new Map<string, Answering>();
  let waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    void take(request, response);
  });
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks).toString();
    const path = request.url ?? '/';
    const one: Received = { path, headers: request.headers, raw, event: JSON.parse(raw), status: 0 };
    const answering = answers.get(path) ?? answers.get('*') ?? 200;
    if (typeof answering === 'function') answering(one, response);
    else {
      const { status, body = '', headers = {} } = typeof answering === 'number' ? { status: answering } : answering;
      one.status = status;
      response.writeHead(status, headers).end(body);
    }
    received.push(one);
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer: (answering, path = '*') => answers.set(path, answering),
    async came(count, matches = () => true) {
      const until = performance.now() + WAIT_MS;
      for (;;) {
        const found = received.filter(matches);
        if (found.length >= count) return found;
        const left = until - performance.now();
        if (left <= 0)
          throw new Error(
            `only ${found.length} of ${count} came: ${JSON.stringify(found.map((one) => one.event.seq))}`,
          );
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          waiting.push(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Throws where the signature is not good, as a receiver's own code would. */
export function verify(secret: string, { raw, headers }: Received): unknown {
  return new Webhook(secret).verify(raw, headers as Record<string, string>);
}

export const seqs = (received: readonly Received[]): number[] => received.map(({ event }) => event.seq);
