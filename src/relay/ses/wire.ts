/**
 * The road of the AWS SDK's requests: HTTP with the last octet held back.
 *
 * What holds: a watched request is whole, and may thus be acted on, only once `beforeEnd` has said yes; whatever goes wrong before then
 * is certain, and after it only a whole answer is. A connection goes where the dialler lets it. Nothing is tried twice.
 */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { Dial } from '../smtp/settings.ts';

export type WireOptions = {
  maxConnections: number;
  connectMs: number;
  /** Until a whole answer, once the request is whole. */
  answerMs: number;
  /** Null: as the system connects. */
  dial: Dial | null;
  ca?: string;
};

/** What one request is watched by. */
export type Watch = {
  beforeEnd: () => Promise<boolean>;
  /** Set when the request is whole. */
  isOut: boolean;
  /** Set when `beforeEnd` said no. */
  isStopped: boolean;
};

/** What the SDK asks for, as far as it is looked at. */
type WireRequest = {
  protocol: string;
  hostname: string;
  port?: number;
  method: string;
  path: string;
  query?: Record<string, unknown> | null;
  headers: Record<string, string>;
  body?: unknown;
};

type Answer = { statusCode: number; headers: Record<string, string>; body: Uint8Array };
type WireAnswer = { response: Answer };

/** Idle connections are closed before the other end does so. */
const IDLE_MS = 5000;
const MAX_ANSWER_BYTES = 256 * 1024;

export class Wire {
  readonly #options: WireOptions;
  readonly #watches = new WeakMap<AbortSignal, Watch>();
  #agents: { http: HttpAgent; https: HttpsAgent } | null = null;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** The request that is sent with this signal is watched. */
  watch(signal: AbortSignal, watch: Watch): void {
    this.#watches.set(signal, watch);
  }

  close(): void {
    this.#agents?.http.destroy();
    this.#agents?.https.destroy();
  }

  // What follows is what the SDK calls.

  async handle(request: WireRequest, options: { abortSignal?: unknown } = {}): Promise<WireAnswer> {
    const signal = options.abortSignal;
    const watch = signal instanceof AbortSignal ? this.#watches.get(signal) : undefined;
    if (!(signal instanceof AbortSignal)) throw new Error('a request that cannot be ended');
    const body = bodyOf(request.body);
    let { open, answered } = this.#begin(request, body.length, signal);
    let early: Answer | null;
    try {
      early = await this.#sendMost(open, answered, body);
    } catch (fault) {
      // A kept connection was dead: the request was not whole, and goes once more on another one.
      if (!open.reusedSocket || signal.aborted) throw fault;
      ({ open, answered } = this.#begin(request, body.length, signal));
      early = await this.#sendMost(open, answered, body);
    }
    // An answer to half a request is none to the message.
    if (early !== null) return { response: early };
    let isAnswered = false;
    const noteAnswer = (): void => {
      isAnswered = true;
    };
    answered.then(noteAnswer, noteAnswer);
    if (watch !== undefined) {
      const mayGo = await watch.beforeEnd();
      watch.isStopped = !mayGo;
      if (!mayGo || signal.aborted || isAnswered) {
        open.destroy(new Error('stopped'));
        return { response: await answered };
      }
      watch.isOut = true;
    }
    open.end(body.subarray(-1));
    const late = setTimeout(() => open.destroy(new Error('no answer in time')), this.#options.answerMs);
    try {
      return { response: await answered };
    } finally {
      clearTimeout(late);
    }
  }

  #begin(
    request: WireRequest,
    length: number,
    signal: AbortSignal,
  ): { open: ClientRequest; answered: Promise<Answer> } {
    const open = this.#open(request, length, signal);
    const answered = answerTo(open);
    // Whoever waits for it may have gone.
    answered.catch(() => undefined);
    return { open, answered };
  }

  /** All but the last octet. An answer that comes meanwhile is given back. */
  async #sendMost(open: ClientRequest, answered: Promise<Answer>, body: Buffer): Promise<Answer | null> {
    if (body.length === 0) return null;
    const late = setTimeout(() => open.destroy(new Error('no connection in time')), this.#options.connectMs);
    try {
      return await Promise.race([written(open, body.subarray(0, -1)), answered]);
    } finally {
      clearTimeout(late);
    }
  }

  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }

  #open(request: WireRequest, length: number, signal: AbortSignal): ClientRequest {
    const { protocol, hostname, method, path, headers } = request;
    const { http, https } = this.#agentsNow();
    const port = request.port ?? (protocol === 'http:' ? 80 : 443);
    const host = hostname.replace(/^\[|\]$/g, '');
    const sized = length === 0 ? headers : { ...headers, 'content-length': String(length) };
    const given = { host, port, method, path, headers: sized, signal };
    return protocol === 'http:' ? httpRequest({ ...given, agent: http }) : httpsRequest({ ...given, agent: https });
  }

  #agentsNow(): { http: HttpAgent; https: HttpsAgent } {
    if (this.#agents !== null) return this.#agents;
    const { maxConnections, dial, ca } = this.#options;
    const kept = { keepAlive: true, maxSockets: maxConnections, timeout: IDLE_MS };
    const http = new HttpAgent(kept);
    const https = new HttpsAgent({ ...kept, ...(ca === undefined ? {} : { ca }) });
    if (dial !== null) {
      http.createConnection = (options, done) => {
        this.#dialled(dial, options).then((socket) => done?.(null, socket), fails(done));
        return undefined;
      };
      https.createConnection = (options, done) => {
        const servername = isIP(options.host ?? '') === 0 ? { servername: options.host ?? '' } : {};
        this.#dialled(dial, options).then(
          (socket) => done?.(null, tlsConnect({ ...servername, host: options.host ?? '', socket, ca })),
          fails(done),
        );
        return undefined;
      };
    }
    this.#agents = { http, https };
    return this.#agents;
  }

  async #dialled(dial: Dial, options: { host?: string | null; port?: number | string | null }): Promise<Socket> {
    return dial(options.host ?? '', Number(options.port), AbortSignal.timeout(this.#options.connectMs));
  }
}

type Done = ((fault: Error | null, stream: never) => void) | undefined;

const fails =
  (done: Done) =>
  (fault: unknown): void =>
    done?.(fault instanceof Error ? fault : new Error(String(fault)), undefined as never);

function bodyOf(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  throw new TypeError('a request without a body of known length');
}

/** Resolves when the system has taken the octets. */
function written(open: ClientRequest, octets: Buffer): Promise<null> {
  return new Promise((resolve, reject) => {
    open.write(octets, (fault) => (fault ? reject(fault) : resolve(null)));
  });
}

/** The whole answer; rejects when it does not come, or not whole. */
function answerTo(open: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    open.on('error', reject);
    open.on('close', () => reject(new Error('the connection was closed')));
    open.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) open.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        if (!response.complete) return reject(new Error('the answer was cut off'));
        const headers = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
        );
        resolve({ statusCode: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) });
      });
    });
  });
}
