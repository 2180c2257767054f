/**
 * A straight road past Fastify for the usual request: a POST to one of a few paths that came whole, in JSON, with a key that is
 * known by now, of an account without limits on requests. All others go Fastify's way, and so do those that turn out to need
 * other words than the usual ones: they take along what is known, so that nothing is read, counted or done twice.
 *
 * What holds: both roads answer alike (a test sends the same requests down both), and a request that is handed over with nothing
 * known of it was counted nowhere.
 *
 * Deliberately absent: the wording of any refusal; limits on bodies, since what came whole is in memory when it is looked at; inner
 * requests, which come over no socket. Why it is worth it: docs/decisions/0019-a-straight-road-past-the-framework.md.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { parseJson } from '../base/json.ts';
import type { KeyScope } from '../data/store.ts';
import type { Authenticator } from './authenticate.ts';
import type { Caller } from './caller.ts';
import type { Connections } from './connections.ts';
import type { Asking } from './problems.ts';
import type { RequestRates } from './request-rates.ts';
import { flawOf } from './strict-requests.ts';
import { type WholeAnswer, writeWhole } from './whole-answer.ts';

/** A request whose key was right. */
export type Asked = Asking & { caller: Caller };

export type StraightRoute<Result> = {
  /** What the key must be good for. */
  scope: KeyScope;
  /** Begins what the body asks for; it finds flaws in it itself. Null: nothing was begun, and Fastify's road says why. */
  begin(asked: Asked, body: unknown): Promise<Result> | null;
  /** The answer; null: Fastify's road finds the words. */
  answer(asked: Asked, result: Result): WholeAnswer | null;
};

/** What a request takes along to Fastify's road. */
export type Carried = {
  /** The body, which can be read only once. */
  bytes: Buffer;
  /** Where its key was right and it was counted already. */
  asked: Asked | null;
  /** What was done on it. */
  result: { ok: true; value: unknown } | { ok: false; fault: unknown } | null;
};

type Parts = {
  authenticator: Pick<Authenticator, 'remembered'>;
  rates: Pick<RequestRates, 'hasNone'>;
  connections: Pick<Connections, 'begin' | 'know' | 'takes' | 'isLastAnswer'>;
  idOf: (request: IncomingMessage) => string;
  /** What follows an answer. */
  answered: (request: IncomingMessage, route: string, status: number) => void;
};

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** As clients spell it; other spellings are Fastify's to read. */
const JSON_TYPES: ReadonlySet<string | undefined> = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-8',
  'application/json; charset=UTF-8',
]);

export class StraightRoad {
  /** Once the server stops requests go Fastify's way, which closes their connections. */
  isClosed = false;
  readonly #routes = new Map<string, StraightRoute<unknown>>();
  readonly #carried = new WeakMap<IncomingMessage, Carried>();
  readonly #parts: Parts;
  readonly #finished: (this: ServerResponse) => void;
  #fastify: Listener = () => undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { answered } = parts;
    this.#finished = function (this: ServerResponse): void {
      answered(this.req, this.req.url!, this.statusCode);
    };
  }

  add<Result>(path: string, route: StraightRoute<Result>): void {
    this.#routes.set(path, route as StraightRoute<unknown>);
  }

  /** Stands before the one listener that Fastify has set. */
  lead(server: Server): void {
    const [fastify, ...others] = server.listeners('request') as Listener[];
    if (fastify === undefined || others.length > 0) throw new Error('requests have other listeners than Fastify');
    this.#fastify = fastify;
    server.removeListener('request', fastify);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (this.isClosed && !this.#parts.connections.takes(request.socket)) {
        request.resume();
        return;
      }
      const route = request.method === 'POST' && !this.isClosed ? this.#routes.get(request.url!) : undefined;
      const caller = route === undefined ? null : this.#callerOf(route, request);
      if (route === undefined || caller === null) fastify(request, response);
      // Once the parser is through with what came at once, the body is there as a whole, or it is not.
      else process.nextTick(() => this.#take(route, caller, request, response));
    });
  }

  /** What a request has brought along from this road; undefined: it did not come by it. */
  carriedBy(request: IncomingMessage): Carried | undefined {
    return this.#carried.get(request);
  }

  /** What was done on a request before it was handed over; null: nothing. A fault that this met is thrown. */
  resultFor<Result>(request: IncomingMessage): { value: Result } | null {
    const result = this.#carried.get(request)?.result ?? null;
    if (result === null) return null;
    if (!result.ok) throw result.fault;
    return { value: result.value as Result };
  }

  #take(route: StraightRoute<unknown>, caller: Caller, request: IncomingMessage, response: ServerResponse): void {
    const { readableLength: there, headers } = request;
    const isWhole = there > 0 && there === Number(headers['content-length']);
    const bytes = isWhole ? (request.read() as Buffer | null) : null;
    if (bytes === null) {
      this.#fastify(request, response);
      return;
    }
    const body = parseJson(bytes);
    if (!body.ok) {
      this.#carried.set(request, { bytes, asked: null, result: null });
      this.#fastify(request, response);
      return;
    }
    const { connections, idOf } = this.#parts;
    connections.know(request.socket);
    if (!connections.begin(request.socket)) {
      request.socket.destroy();
      return;
    }
    const asked = { id: idOf(request), url: request.url!, headers, caller };
    this.#begin(route, { request, response, bytes, asked }, body.value);
  }

  /** Whose request it is, where by its head this road serves it; null: nothing was done yet. */
  #callerOf(route: StraightRoute<unknown>, request: IncomingMessage): Caller | null {
    const { headers } = request;
    if (headers['content-length'] === undefined || !JSON_TYPES.has(headers['content-type'])) return null;
    if (headers['content-encoding'] !== undefined || headers.expect !== undefined || flawOf(request) !== null)
      return null;
    const { authenticator, rates } = this.#parts;
    const now = Date.now();
    const caller = authenticator.remembered(headers.authorization, now);
    if (caller === null || caller.principal === null || !caller.scopes.has(route.scope)) return null;
    return rates.hasNone(caller.principal, now) ? caller : null;
  }

  #begin(route: StraightRoute<unknown>, trip: Trip, body: unknown): void {
    const failed = (fault: unknown) => this.#handOver(trip, { ok: false, fault });
    let begun: Promise<unknown> | null;
    try {
      begun = route.begin(trip.asked, body);
    } catch (fault) {
      failed(fault);
      return;
    }
    if (begun === null) this.#handOver(trip, null);
    else begun.then((value) => this.#answer(route, trip, value), failed);
  }

  #answer(route: StraightRoute<unknown>, trip: Trip, value: unknown): void {
    const { asked, response } = trip;
    try {
      const answer = route.answer(asked, value);
      if (answer !== null) {
        response.on('finish', this.#finished);
        writeWhole(response, asked.id, answer, this.#parts.connections);
        return;
      }
    } catch (fault) {
      response.removeListener('finish', this.#finished);
      this.#handOver(trip, { ok: false, fault });
      return;
    }
    this.#handOver(trip, { ok: true, value });
  }

  #handOver({ request, response, bytes, asked }: Trip, result: Carried['result']): void {
    this.#carried.set(request, { bytes, asked, result });
    this.#fastify(request, response);
  }
}

/** A request on this road. */
type Trip = { request: IncomingMessage; response: ServerResponse; bytes: Buffer; asked: Asked };
