/**
 * The HTTP server: one for every door and route. Here are the request id, the key check, the reading of JSON, the headroom
 * headers, and the one place where a thrown fault becomes an answer.
 *
 * Routes say in their `config` which scopes they need; a route without scopes needs no key. A route that answers for a
 * tenant gets that tenant's headroom headers, refusals included; routes that decide set them themselves.
 */

import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import fastifySwagger from '@fastify/swagger';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { newId } from '../base/ids.ts';
import { findFlaws, parseJson } from '../base/json.ts';
import type { Certificate } from '../base/self-signed.ts';
import type { Settings } from '../config/settings.ts';
import { SMS_DOMAIN } from '../core/channel.ts';
import { type LimitState, type Store, StoreFault } from '../data/store.ts';
import { Authenticator } from './authenticate.ts';
import { BodyGuard } from './body-guard.ts';
import type { Caller } from './caller.ts';
import { checkKey } from './check-key.ts';
import { Connections } from './connections.ts';
import { setHeadroom } from './headroom-headers.ts';
import { isInner } from './inner.ts';
import { Metrics } from './metrics.ts';
import { OPENAPI } from './openapi.ts';
import { linksOf, Problems } from './problems.ts';
import { RequestRates } from './request-rates.ts';
import { RouteTable } from './route-table.ts';
import { schemaErrors } from './schema-errors.ts';
import { StraightRoad } from './straight-road.ts';
import { answerAll, answerBroken, expectBody, flawOf } from './strict-requests.ts';
import { unserved } from './unserved.ts';

export type Log = {
  error(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

export type Gate = {
  server: FastifyInstance;
  metrics: Metrics;
  problems: Problems;
  authenticator: Authenticator;
  rates: RequestRates;
  /** For routes that are asked for often. */
  straight: StraightRoad;
  /** Every route with its schema. */
  routes: RouteTable;
  /** For handshakes from now on, where it speaks TLS at all. */
  renewCertificate(certificate: Certificate): void;
};

export const MAX_BODY_BYTES = 25 * 1024 * 1024;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
/** What changes a policy in force. */
const CHANGES_RATES = /^\/v1\/(?:policy|plans|tenants)(?:[/?]|$)/;
const HEADERS_WITHIN_MS = 10_000;
const BODY_WITHIN_MS = 15 * 60_000;
const UNREAD_WITHIN_MS = 5000;

type RouteOptions = FastifyRequest['routeOptions'];

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the route has set the headroom headers itself. */
    headroomSet: boolean;
    /** The limits that the headroom headers were made of, where the route did not set them itself. */
    headroom: readonly LimitState[] | null;
    /** Its route, asked for once: `routeOptions` puts its answer together each time. Null where no route was found. */
    route: RouteOptions | null;
  }
}

/** The server with all but its routes. Whatever serves HTTP is mounted on it, before it listens. */
export async function buildServer(input: {
  store: Store;
  settings: Settings;
  operatorKey: string;
  publicUrl: () => string;
  log: Log;
}): Promise<Gate> {
  const { store, settings, log } = input;
  const tls = settings.tlsCert === null ? {} : { https: tlsOptions(settings) };
  const server = fastify({
    ...tls,
    logger: false,
    genReqId: (raw) => straight.carriedBy(raw)?.asked?.id ?? requestId(raw),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: BODY_WITHIN_MS,
    connectionTimeout: 0,
    keepAliveTimeout: 72_000,
    trustProxy: settings.trustProxy.length > 0 ? settings.trustProxy : false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    http: {
      headersTimeout: HEADERS_WITHIN_MS,
      requestTimeout: BODY_WITHIN_MS,
      connectionsCheckingInterval: 1000,
      requireHostHeader: false,
    },
    rewriteUrl: pathOf,
    // Verbose: an issue names the schema that it fails, whose description says to people what a pattern says to machines.
    ajv: {
      customOptions: {
        allErrors: true,
        verbose: true,
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
      },
    },
    routerOptions: { maxParamLength: 2000, ignoreTrailingSlash: true },
    frameworkErrors(_error, request, reply) {
      // No route was found and no hook has run: the path cannot be read.
      const detail = 'The path holds a percent sign that begins no octet, or octets that are not UTF-8.';
      problems.refuse(request, reply.header('X-Request-Id', request.id), 'malformed_request', { detail });
    },
    clientErrorHandler(error, socket) {
      try {
        answerBroken(error, socket, problems);
      } catch (fault) {
        // Beyond the reach of the handler of errors: here it would end the process.
        log.error({ error: (fault as Error).stack ?? String(fault) }, 'a broken request could not be answered');
        socket.destroy();
      }
    },
  }) as unknown as FastifyInstance;
  const problems = new Problems({
    docsBase: () => `${input.publicUrl()}/docs/reasons/`,
    links: linksOf(settings),
  });
  const authenticator = new Authenticator(store, input.operatorKey);
  const rates = new RequestRates(store);
  const connections = new Connections(settings.trustProxy);
  connections.watch(server.server as Server, settings.tlsCert !== null);
  const routes = new RouteTable(server);
  const metrics = new Metrics(store);
  const answered = (raw: IncomingMessage, route: string, status: number): void => {
    metrics.count(route, raw.method!, status);
    connections.end(raw.socket);
    if (!raw.complete) endUnread(raw);
  };
  const straight = new StraightRoad({ authenticator, rates, connections, idOf: requestId, answered });
  straight.lead(server.server as Server);
  // Schemas of answers document them; an answer may hold more, and plain JSON is as fast.
  server.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  await server.register(fastifySwagger, OPENAPI);
  server.decorate('connections', connections);
  server.decorateRequest('caller', null);
  server.decorateRequest('headroomSet', false);
  server.decorateRequest('requestLimits', null);
  server.decorateRequest('headroom', null);
  server.decorateRequest('route', null);
  readBodies(server);
  answerAll(server.server as Server, problems);
  server.addHook('onRequest', (request, reply, done) => {
    request.route = request.routeOptions;
    const asked = straight.carriedBy(request.raw)?.asked ?? null;
    if (asked !== null) {
      request.caller = asked.caller;
      done();
      return;
    }
    const isOuter = !isInner(request);
    if (isOuter && !connections.begin(request.raw.socket)) {
      reply.hijack();
      request.raw.socket.destroy();
      return;
    }
    if (isOuter) expectBody(request, reply);
    const flaw = isOuter ? flawOf(request.raw) : null;
    if (flaw !== null) {
      reply.header('Connection', 'close');
      problems.refuse(request, reply, 'malformed_request', { detail: flaw, fix: 'Send it as RFC 9112 says.' });
      return;
    }
    // Before the body: nobody wants it.
    if (request.is404) {
      answerNowhere(routes, request, reply, problems);
      return;
    }
    const goOn = (mayPass: boolean): void => {
      if (mayPass && isPlain(request, reply, problems)) done();
    };
    // Nothing is waited for where the key and its limits are known.
    const passes = checkKey(request, reply, { authenticator, rates, problems, connections });
    if (typeof passes === 'boolean') goOn(passes);
    else passes.then(goOn, done);
  });
  server.addHook('preParsing', (request, _reply, payload, done) => {
    const carried = straight.carriedBy(request.raw);
    done(null, carried === undefined ? payload : Readable.from([carried.bytes]));
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    reply.header('X-Request-Id', request.id);
    if (connections.isLastAnswer(request.raw.socket)) reply.header('Connection', 'close');
    // Before the answer, since the next request may follow it at once.
    if (request.method !== 'GET' && CHANGES_RATES.test(request.url)) rates.forget();
    if (request.caller?.principal == null || request.headroomSet) done(null, payload);
    else addHeadroom(request, reply, store).then(() => done(null, payload));
  });
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.route?.url ?? 'none';
    if (isInner(request)) metrics.count(route, request.method, reply.statusCode);
    else answered(request.raw, route, reply.statusCode);
    done();
  });
  server.addHook('preClose', (done) => {
    straight.isClosed = true;
    connections.stop();
    done();
  });
  new BodyGuard(problems).mount(server);
  server.setErrorHandler((error: FastifyError, request, reply) => answerFault(error, request, reply, problems, log));
  server.setNotFoundHandler((request, reply) => answerNowhere(routes, request, reply, problems));
  const renewCertificate = ({ certificate, key }: Certificate): void => {
    if (server.server instanceof TlsServer) server.server.setSecureContext({ cert: certificate, key });
  };
  return { server, problems, authenticator, metrics, rates, routes, straight, renewCertificate };
}

/** Whether the body is as it is read here; where it is not the request is answered. */
function isPlain(request: FastifyRequest, reply: FastifyReply, problems: Problems): boolean {
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return true;
  reply.header('Accept-Encoding', 'identity');
  problems.refuse(request, reply, 'unsupported_media_type', {
    detail: 'The body has a Content-Encoding, and only plain bodies are read.',
    evidence: { content_encoding: String(encoding).slice(0, 100) },
  });
  return false;
}

/** A body that goes on behind its answer is read by nobody, and must not hold the connection open. */
function endUnread(raw: IncomingMessage): void {
  const end = () => {
    if (!raw.complete) raw.socket.destroy();
  };
  globalThis.setTimeout(end, UNREAD_WITHIN_MS).unref();
}

function tlsOptions({ tlsCert, tlsKey }: Settings): { cert: Buffer; key: Buffer; handshakeTimeout: number } {
  return { cert: readFileSync(tlsCert!), key: readFileSync(tlsKey!), handshakeTimeout: HEADERS_WITHIN_MS };
}

/** A request may name the whole URL (RFC 9112 §3.2.2): routes know paths. */
function pathOf({ url = '/' }: { url?: string }): string {
  if (url.startsWith('/')) return url;
  const host = /^https?:\/\/[^/?]*/i.exec(url);
  if (host === null) return url;
  const path = url.slice(host[0].length);
  return path.startsWith('/') ? path : `/${path}`;
}

function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : newId('req');
}

/** JSON as strict as the API promises; anything else only where a route takes it. */
function readBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    /^application\/(?:[\w.+-]+\+)?json(?:\s*;.*)?$/i,
    { parseAs: 'buffer' },
    (request, body, done) => {
      if (body.length === 0) {
        done(null, undefined);
        return;
      }
      const read = parseJson(body as Buffer);
      if (!read.ok) {
        const error = new Error(read.message) as FastifyError;
        error.code = 'POSTERN_MALFORMED';
        done(error);
        return;
      }
      const flaws = request.route?.config.flawsRead === true ? [] : findFlaws(read.value);
      if (flaws.length > 0) {
        const error = new Error('flawed') as FastifyError & { flaws: unknown };
        error.code = 'POSTERN_FLAWED';
        error.flaws = flaws;
        done(error);
        return;
      }
      done(null, read.value);
    },
  );
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route finds lone surrogates, NUL and unsafe numbers itself. */
    flawsRead?: boolean;
  }
}

/** What counts apart for text messages counts so for each of them. */
const ANY_NUMBER = { key: '', domain: SMS_DOMAIN };

/** An answer waits so long for its headroom, and goes without it where the store is stuck. */
const LONGEST_HEADROOM_MS = 1000;

async function addHeadroom(request: FastifyRequest, reply: FastifyReply, store: Store): Promise<void> {
  const caller = request.caller as Caller;
  const recipient = request.route?.config.channel === 'sms' ? ANY_NUMBER : null;
  const looked = store.headroom({ principal: caller.principal!, identity: null, recipient });
  const tooLate = new AbortController();
  try {
    const late = setTimeout(LONGEST_HEADROOM_MS, null, { signal: tooLate.signal }).catch(() => null);
    const seen = await Promise.race([looked, late]);
    if (seen === null) return;
    request.headroom = seen.limits;
    setHeadroom(reply, seen.limits, seen.now, seen.risk);
  } catch {
    // The answer itself matters more than its headers; what ails the store shows in /readyz.
  } finally {
    tooLate.abort();
  }
}

async function answerFault(
  error: FastifyError & { flaws?: { param: string; message: string }[] },
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
  log: Log,
): Promise<FastifyReply> {
  // Answered already (a body too slow), or nobody is left to answer.
  if (reply.sent || reply.raw.headersSent || request.raw.socket.destroyed) return reply.hijack();
  if (error.code === 'POSTERN_MALFORMED')
    return problems.refuse(request, reply, 'malformed_request', { detail: error.message });
  if (error.code === 'POSTERN_FLAWED') {
    const errors = (error.flaws ?? []).map((flaw) => ({
      code: 'invalid_parameter',
      param: flaw.param,
      message: flaw.message,
    }));
    return problems.invalid(request, reply, errors);
  }
  if (error.code === 'POSTERN_CRUMBS') {
    reply.header('Connection', 'close');
    return problems.refuse(request, reply, 'malformed_request', {
      detail: 'The body comes in thousands of chunks of a few octets each.',
      fix: 'Send larger chunks, or the body whole with Content-Length.',
    });
  }
  if (error.code === 'POSTERN_BUSY') {
    reply.header('Connection', 'close');
    return problems.refuse(request, reply, 'service_unavailable', {
      detail: 'Too many large requests are being read at once.',
      retryAfterSeconds: 1,
    });
  }
  if (error.validation !== undefined) return problems.invalid(request, reply, schemaErrors(error, request.body));
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    reply.header('Connection', 'close');
    return problems.refuse(request, reply, 'payload_too_large', { evidence: { limit_bytes: MAX_BODY_BYTES } });
  }
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return problems.refuse(request, reply, 'unsupported_media_type', {
      evidence: { content_type: String(request.headers['content-type'] ?? '').slice(0, 100) },
    });
  }
  if (error.code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return problems.refuse(request, reply, 'malformed_request', {
      detail: 'The body is not as long as Content-Length says.',
    });
  }
  if (error instanceof StoreFault) {
    const told = { request_id: request.id, kind: error.kind, error: error.message };
    if (error.kind !== 'paused') log.error(told, 'the store could not serve a request');
    const { code, refusal } = unserved(error);
    return problems.refuse(request, reply, code, refusal);
  }
  log.error({ request_id: request.id, error: error.stack ?? String(error) }, 'a request failed');
  return problems.refuse(request, reply, 'internal_error', { evidence: { reference: request.id } });
}

function answerNowhere(
  routes: RouteTable,
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
): FastifyReply {
  const path = request.url.split('?')[0]!;
  const allowed = routes.methodsFor(path).join(', ');
  if (allowed === '') return problems.refuse(request, reply, 'not_found', { evidence: { path: path.slice(0, 200) } });
  reply.header('Allow', allowed);
  return problems.refuse(request, reply, 'method_not_allowed', { evidence: { method: request.method, allowed } });
}
