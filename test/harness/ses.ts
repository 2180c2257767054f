/** A stand-in for Amazon SES on loopback: takes SendEmail and GetAccount of its API v2, and answers as a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pem } from './deliver.ts';

export type SesSend = {
  to: string[];
  raw: Buffer;
  configurationSet: string | null;
  tags: Record<string, string>;
  /** The Authorization header. */
  signed: string;
};

/** What a request meets: an error of the service, or a break of the line before the answer or within it. */
export type SesTurn =
  | { error: string; status: number; message?: string }
  | 'hang'
  | 'reset'
  | 'cut'
  /** Answers before the request is whole. */
  | 'early';

export type FakeSes = {
  endpoint: string;
  port: number;
  /** Requests that arrived whole. */
  sends: SesSend[];
  connections: () => number;
  /** What the next requests meet; after them all are taken. */
  meet(...turns: SesTurn[]): void;
  account: Record<string, unknown>;
  /** Resolves when an early answer has left. */
  early: Promise<void>;
  close(): Promise<void>;
};

export async function startFakeSes({ isSecure = false } = {}): Promise<FakeSes> {
  const turns: SesTurn[] = [];
  const sends: SesSend[] = [];
  let connections = 0;
  let leave: () => void = () => {};
  const early = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const fake = { account: { SendingEnabled: true, ProductionAccessEnabled: true } as Record<string, unknown> };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const isSend = request.url === '/v2/email/outbound-emails';
    const turn = isSend || request.url === '/v2/email/account' ? turns.shift() : undefined;
    if (turn === 'early') {
      response.on('finish', leave);
      json(response, 503, { message: 'too early' }, { 'x-amzn-errortype': 'ServiceUnavailableException' });
      return;
    }
    const body = await wholeBody(request);
    if (body === null) return;
    if (isSend) sends.push(readSend(request, body));
    if (turn === 'hang') return;
    if (turn === 'reset') {
      request.socket.destroy();
      return;
    }
    if (turn === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"Mess', () => request.socket.destroy());
      return;
    }
    if (turn !== undefined) {
      const { error, status, message = 'as the test says' } = turn;
      json(response, status, { message }, { 'x-amzn-errortype': error });
      return;
    }
    json(response, 200, isSend ? { MessageId: `ses-${sends.length}` } : fake.account);
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch(() => response.destroy());
  };
  const server = isSecure
    ? createSecureServer({ key: pem('mail-key'), cert: pem('mail-cert') }, listener)
    : createServer(listener);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  return Object.assign(fake, {
    endpoint: `${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    sends,
    early,
    connections: () => connections,
    meet: (...more: SesTurn[]) => void turns.push(...more),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** Null where the client went away before the end. */
function wholeBody(request: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('utf8');
    });
    request.on('end', () => resolve(body));
    request.on('close', () => resolve(null));
    request.on('error', () => resolve(null));
  });
}

type SendBody = {
  Destination: { ToAddresses: string[] };
  Content: { Raw: { Data: string } };
  ConfigurationSetName?: string;
  EmailTags?: { Name: string; Value: string }[];
};

function readSend(request: IncomingMessage, body: string): SesSend {
  const read = JSON.parse(body) as SendBody;
  return {
    to: read.Destination.ToAddresses,
    raw: Buffer.from(read.Content.Raw.Data, 'base64'),
    configurationSet: read.ConfigurationSetName ?? null,
    tags: Object.fromEntries((read.EmailTags ?? []).map(({ Name, Value }) => [Name, Value])),
    signed: request.headers.authorization ?? '',
  };
}
