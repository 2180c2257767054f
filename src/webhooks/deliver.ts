/**
 * One attempt: an event posted to an endpoint, and what became of it as a value.
 *
 * What holds: the name is looked up for every connection, only addresses that the guard lets through are connected to, and the
 * socket's own address is looked at again; no redirect is followed and no proxy of the environment used; all of it, the look-up
 * included, ends within `ATTEMPT_MS`; no more than `MOST_BYTES` of an answer are read, as they come and never inflated. A 2xx counts
 * when it is whole, or as much of it as is read. What is no body (interim answers, chunk extensions) ends with the connection, over
 * which no more than `MOST_WIRE_BYTES` come for all its attempts.
 *
 * A connection is kept for the next event of the same run. Where the other end closed it meanwhile, the attempt is made on a new one.
 */
import { isIP, type Socket } from 'node:net';
import { Agent, buildConnector, request } from 'undici';
import type { Addresses, Reachable } from './address.ts';
import type { Failure } from './schedule.ts';

const ATTEMPT_MS = 15_000;
const MOST_BYTES = 64 * 1024;
const MOST_WIRE_BYTES = 8 * 1024 * 1024;
/** To the first address, before the next one is tried. */
const CONNECT_MS = 5000;
const EXCERPT_BYTES = 500;
const KEEP_ALIVE_MS = 4000;

export type Answered = {
  /** Null: it was taken. */
  failure: Failure | null;
  status: number | null;
  /** Why not, in words. */
  error: string | null;
  excerpt: string;
  durationMs: number;
};

export type Posting = { body: Uint8Array; headers: Record<string, string> };

/** Attempts at one endpoint that may share connections. `tls`: for tests, whom to trust. */
export class Link {
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #attemptMs: number;
  #connects = 0;

  constructor(url: URL, addresses: Addresses, { tls = {}, attemptMs = ATTEMPT_MS, connections = 1 }: LinkOptions = {}) {
    this.#url = url;
    this.#attemptMs = attemptMs;
    const connect = connectorTo(url, addresses, { tls, attemptMs });
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: attemptMs,
      bodyTimeout: attemptMs,
      connect: (options, callback) => {
        this.#connects += 1;
        connect(options, callback);
      },
    });
  }

  async post(posting: Posting, signal?: AbortSignal): Promise<Answered> {
    const startedAt = performance.now();
    const late = AbortSignal.timeout(this.#attemptMs);
    const ends = signal === undefined ? late : AbortSignal.any([late, signal]);
    const connects = this.#connects;
    let told = await this.#attempt(posting, ends);
    const wasKept = this.#connects === connects;
    if (told.failure === 'link' && told.isCut && wasKept && !ends.aborted) told = await this.#attempt(posting, ends);
    const { isCut: _isCut, ...answered } = told;
    if (late.aborted && answered.failure === 'link') {
      answered.error = `no whole answer within ${this.#attemptMs / 1000} seconds`;
    }
    return { ...answered, durationMs: Math.round(performance.now() - startedAt) };
  }

  async #attempt({ body, headers }: Posting, signal: AbortSignal): Promise<Told> {
    let status: number | null = null;
    let excerpt = Buffer.alloc(0);
    try {
      const answer = await request(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'Postern', accept: '*/*', ...headers },
        body,
        dispatcher: this.#agent,
        signal,
      });
      status = answer.statusCode;
      let read = 0;
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        if (excerpt.length < EXCERPT_BYTES) {
          excerpt = Buffer.concat([excerpt, chunk.subarray(0, EXCERPT_BYTES - excerpt.length)]);
        }
        read += chunk.length;
        // Leaving the loop ends the connection.
        if (read >= MOST_BYTES) break;
      }
      return { ...judged(status), status, excerpt: readable(excerpt), isCut: false };
    } catch (fault) {
      return { ...judgedFault(fault), status, excerpt: readable(excerpt) };
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

export type LinkOptions = { tls?: { ca?: string | Buffer }; attemptMs?: number; connections?: number };

/** `isCut`: the other end closed the connection. */
type Told = Omit<Answered, 'durationMs'> & { isCut: boolean };

function judged(status: number): Pick<Answered, 'failure' | 'error'> {
  if (status >= 200 && status < 300) return { failure: null, error: null };
  if (status === 410) return { failure: 'gone', error: 'it answered 410 Gone' };
  const more = status >= 300 && status < 400 ? ', and redirects are not followed' : '';
  return { failure: 'status', error: `it answered ${status}${more}` };
}

/** A fault that already knows what it means. */
class Unreached extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, message: string) {
    super(message);
    this.failure = failure;
  }
}

const CUT_CODES: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
/** As Node and OpenSSL name what is wrong with a certificate or a handshake. */
const TLS_CODE = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

function judgedFault(fault: unknown): Pick<Told, 'failure' | 'error' | 'isCut'> {
  const known = fault instanceof Error ? fault : new Error(String(fault));
  if (known instanceof Unreached) return { failure: known.failure, error: known.message, isCut: false };
  const code = (known as { code?: unknown }).code;
  const name = typeof code === 'string' ? code : '';
  if (TLS_CODE.test(name)) {
    // OpenSSL's own word, where there is one; what Node adds behind a semicolon is advice for who runs it.
    const { reason } = known as { reason?: unknown };
    const said = typeof reason === 'string' ? reason : known.message.split(';', 1)[0];
    return { failure: 'tls', error: `TLS: ${said}`, isCut: false };
  }
  return { failure: 'link', error: known.message, isCut: CUT_CODES.has(name) };
}

/** Text of what another program sent: what is no UTF-8, or controls a terminal or the direction of writing, is replaced. */
function readable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('utf8')
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** Looks the name up and connects to the first address that takes the connection, whatever name the certificate is checked for. */
function connectorTo(
  url: URL,
  addresses: Addresses,
  { tls, attemptMs }: { tls: { ca?: string | Buffer }; attemptMs: number },
): buildConnector.connector {
  const connect = buildConnector({ ...tls, timeout: Math.min(attemptMs, CONNECT_MS), allowH2: false });
  return (options, callback) => {
    const fails = (fault: unknown): void => callback(fault instanceof Error ? fault : new Error(String(fault)), null);
    const connectTo = ({ addresses: all, guard }: Found): void => {
      const servername = options.servername || (isAddress(url.hostname) ? '' : url.hostname);
      const names = servername === '' ? {} : { servername };
      const tryFrom = (i: number): void => {
        const { address } = all[i]!;
        connect({ ...options, hostname: address, host: address, ...names }, (fault, socket) => {
          if (fault !== null) {
            if (i + 1 < Math.min(all.length, MOST_ADDRESSES)) tryFrom(i + 1);
            else callback(fault, null);
            return;
          }
          const why = guard.refusal(socket.remoteAddress ?? '');
          if (why === null) {
            callback(null, bounded(socket));
            return;
          }
          socket.destroy();
          callback(new Unreached('address', why), null);
        });
      };
      tryFrom(0);
    };
    const look = async (): Promise<void> => {
      const found = await addresses.reach(url);
      if (found.outcome === 'ok') connectTo(found);
      else fails(new Unreached(found.outcome === 'refused' ? 'address' : 'dns', found.why));
    };
    look().catch(fails);
  };
}

type Found = Extract<Reachable, { outcome: 'ok' }>;

function bounded(socket: Socket): Socket {
  return socket.on('readable', () => {
    if (socket.bytesRead <= MOST_WIRE_BYTES) return;
    socket.destroy(new Unreached('link', 'it sends without end, and no whole answer'));
  });
}

const MOST_ADDRESSES = 4;

function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || isIP(hostname) !== 0;
}
