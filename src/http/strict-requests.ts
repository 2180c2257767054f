/**
 * Requests as HTTP has them (RFC 9112), beyond what Node's parser asks for: none that two servers in a row could read as two
 * different ones. And the answers to those that are so broken that no route is found, on the bare socket.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { newId } from '../base/ids.ts';
import type { Connections } from './connections.ts';
import { type Problems, type Refusal, refusal } from './problems.ts';

/** What makes a request ambiguous, in words; null: nothing. */
export function flawOf({ rawHeaders, httpVersionMinor, httpVersionMajor, headers }: IncomingMessage): string | null {
  // Node keeps the first of these, and another server may keep the last.
  let hosts = 0;
  let keys = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') keys += 1;
  }
  if (hosts > 1 || keys > 1) return `The header ${hosts > 1 ? 'Host' : 'Authorization'} stands in it twice.`;
  if (hosts === 0 && httpVersionMajor === 1 && httpVersionMinor === 1) return 'The header Host is missing.';
  const coding = headers['transfer-encoding'];
  return coding === undefined || coding.toLowerCase() === 'chunked'
    ? null
    : 'Its Transfer-Encoding is none that is read here: send the body whole or in plain chunks.';
}

type Broken = { status: string; code: 'malformed_request' | 'request_timeout' | 'method_not_allowed' } & Refusal;

/** What Node answers by itself, or with silence, is answered as everything else is. */
export function answerAll(server: Server, problems: Problems): void {
  // Whatever is expected beyond 100-continue: the request is served all the same (RFC 9110 §10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    const evidence = { method: 'CONNECT', allowed: '' };
    const detail = 'CONNECT is for proxies, and Postern is none.';
    answerBare(socket, problems, { status: '405 Method Not Allowed', code: 'method_not_allowed', evidence, detail });
  });
}

/** The last answer to a request with a body, by the connection: the body may prove broken when it is answered already. */
const answers = new WeakMap<Socket, FastifyReply>();

export function expectBody(request: FastifyRequest, reply: FastifyReply): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (length !== undefined || coding !== undefined) answers.set(request.raw.socket, reply);
}

type Parts = {
  problems: Problems;
  connections: Pick<Connections, 'writeBehind'>;
  log: { error(fields: object, message: string): void };
};

/** Answers what is broken behind all that was sent ahead of it on its connection. */
export function answerBroken(
  error: Error & { code?: string },
  socket: Socket,
  { problems, connections, log }: Parts,
): void {
  const answer = (): void => {
    try {
      answerNow(error, socket, problems);
    } catch (fault) {
      // Beyond the reach of the handler of errors: here it would end the process.
      log.error({ error: (fault as Error).stack ?? String(fault) }, 'a broken request could not be answered');
      socket.destroy();
    }
  };
  // Once all that came at once is begun.
  process.nextTick(() => connections.writeBehind(socket, breaksBody(socket) ? 1 : 0, answer));
}

/** Whether what is broken is the body of a request that is not answered yet. */
function breaksBody(socket: Socket): boolean {
  const last = answers.get(socket);
  return last !== undefined && !last.sent && !last.request.raw.complete;
}

function answerNow(error: Error & { code?: string }, socket: Socket, problems: Problems): void {
  const earlier = answers.get(socket);
  if (earlier?.sent === true && !earlier.request.raw.complete) socket.end();
  else answerBare(socket, problems, brokenOf(error));
}

function brokenOf({ code }: { code?: string }): Broken {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: '408 Request Timeout', code: 'request_timeout', retryAfterSeconds: 1 };
  }
  if (code !== 'HPE_HEADER_OVERFLOW') return { status: '400 Bad Request', code: 'malformed_request' };
  const detail = 'The request line and the headers are larger than 16 kB together.';
  const fix = 'Send fewer or shorter headers, and long values in the body.';
  return { status: '431 Request Header Fields Too Large', code: 'malformed_request', detail, fix };
}

function answerBare(socket: Socket, problems: Problems, { status, code, ...more }: Broken): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const id = newId('req');
  const asked = { id, url: '', headers: {}, caller: null };
  const problem = { ...problems.body(asked, refusal(code, more)), status: Number(status.slice(0, 3)) };
  const body = JSON.stringify(problem);
  const retryAfter = more.retryAfterSeconds === undefined ? '' : `Retry-After: ${more.retryAfterSeconds}\r\n`;
  const allow = code === 'method_not_allowed' ? 'Allow: \r\n' : '';
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json; charset=utf-8\r\nX-Request-Id: ${id}\r\n` +
      `${retryAfter}${allow}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
