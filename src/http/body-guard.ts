/**
 * Guards on request bodies: none may trickle in for ever or in crumbs, and large ones share a fixed room.
 *
 * A body must arrive at 32 kB/s or more after its first ten seconds, which begin when it is first looked at, as all are once a
 * second; else 408. Bodies over 256 kB hold at most 48 MB together, one tenant half of that; a body that finds no room is answered
 * 503 with `Retry-After: 1`. One that says how long it is has its room from the start, so that of many at once some come through.
 * Small requests never wait for it.
 */
import { Transform } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isInner } from './inner.ts';
import type { Problems } from './problems.ts';

const FREE_MS = 10_000;
const LEAST_BYTES_A_SECOND = 32 * 1024;
const LARGE_BYTES = 256 * 1024;
const ROOM_BYTES = 48 * 1024 * 1024;
/** Each piece costs memory and time of its own, however small it is. */
const MOST_SMALL_PIECES = 4096;
const LEAST_PIECE_BYTES = 64;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a request's body is written to the disk as it comes, so that it takes no room in memory. */
    streamsBody?: (request: FastifyRequest) => boolean;
  }
}

/** `since`: when it was first looked at, with so many octets of its connection read before; 0 where it was not yet. */
type Reading = { reply: FastifyReply; since: number; bytesBefore: number };

export class BodyGuard {
  private readonly reading = new Map<FastifyRequest, Reading>();
  private readonly heldBy = new Map<number, number>();
  private held = 0;
  private readonly problems: Problems;

  constructor(problems: Problems) {
    this.problems = problems;
  }

  /** Octets of large bodies held now. */
  get heldBytes(): number {
    return this.held;
  }

  mount(server: FastifyInstance): void {
    const timer = setInterval(() => this.endSlow(Date.now()), 1000);
    timer.unref();
    server.addHook('onClose', async () => clearInterval(timer));
    server.addHook('preParsing', (request, reply, payload, done) => {
      const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
      // What the server asks itself is in memory already, and counted there.
      if ((length === undefined && coding === undefined) || isInner(request)) {
        done(null, payload);
        return;
      }
      // Nearly all are read before anybody looks at them, so neither clock nor connection is asked here.
      this.reading.set(request, { reply, since: 0, bytesBefore: 0 });
      // What is written to the disk as it comes holds no room.
      const takesRoom = request.route?.config.streamsBody?.(request) !== true;
      if (takesRoom && coding !== undefined) done(null, payload.pipe(this.counted(request)));
      // What is larger than any body may be is refused as that.
      else if (!takesRoom || Number(length) <= LARGE_BYTES || Number(length) > request.routeOptions.bodyLimit)
        done(null, payload);
      else if (this.hold(request, Number(length))) done(null, payload);
      else done(fault('POSTERN_BUSY'));
    });
    server.addHook('preValidation', (request, _reply, done) => {
      this.reading.delete(request);
      done();
    });
    server.addHook('onResponse', (request, _reply, done) => {
      this.end(request);
      done();
    });
    server.addHook('onRequestAbort', (request, done) => {
      this.end(request);
      done();
    });
  }

  private end(request: FastifyRequest): void {
    if (this.reading.size > 0) this.reading.delete(request);
    if (this.holds.size > 0) this.release(request);
  }

  private readonly holds = new Map<FastifyRequest, { tenant: number; bytes: number }>();

  /** Counts a body of unknown length as it arrives; past the bound for small ones it needs room. */
  private counted(request: FastifyRequest): Transform & { receivedEncodedLength: number } {
    let pieces = 0;
    const stream = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        pieces += 1;
        stream.receivedEncodedLength += chunk.length;
        const bytes = stream.receivedEncodedLength;
        const more = bytes - (this.holds.get(request)?.bytes ?? 0);
        if (pieces > MOST_SMALL_PIECES && bytes < pieces * LEAST_PIECE_BYTES) done(fault('POSTERN_CRUMBS'));
        else if (bytes > LARGE_BYTES && !this.hold(request, more)) done(fault('POSTERN_BUSY'));
        else done(null, chunk);
      },
    }) as Transform & { receivedEncodedLength: number };
    stream.receivedEncodedLength = 0;
    return stream;
  }

  private hold(request: FastifyRequest, bytes: number): boolean {
    const tenant = tenantOf(request);
    const ofTenant = this.heldBy.get(tenant) ?? 0;
    const known = this.holds.get(request);
    // The largest body is larger than half the room: alone it may pass.
    const alone = ofTenant === (known?.bytes ?? 0);
    if (this.held + bytes > ROOM_BYTES || (!alone && ofTenant + bytes > ROOM_BYTES / 2)) return false;
    this.held += bytes;
    this.heldBy.set(tenant, ofTenant + bytes);
    this.holds.set(request, { tenant, bytes: (known?.bytes ?? 0) + bytes });
    return true;
  }

  private release(request: FastifyRequest): void {
    const hold = this.holds.get(request);
    if (hold === undefined) return;
    this.holds.delete(request);
    this.held -= hold.bytes;
    const left = (this.heldBy.get(hold.tenant) ?? 0) - hold.bytes;
    if (left > 0) this.heldBy.set(hold.tenant, left);
    else this.heldBy.delete(hold.tenant);
  }

  private endSlow(now: number): void {
    for (const [request, reading] of this.reading) {
      const { socket } = request.raw;
      if (reading.since === 0) {
        reading.since = now;
        reading.bytesBefore = socket.bytesRead;
      }
      const { reply, since, bytesBefore } = reading;
      const elapsed = now - since;
      if (elapsed <= FREE_MS) continue;
      if (((socket.bytesRead - bytesBefore) / elapsed) * 1000 >= LEAST_BYTES_A_SECOND) continue;
      this.reading.delete(request);
      reply.header('Connection', 'close');
      request.headroomSet = true;
      this.problems.refuse(request, reply, 'request_timeout', { retryAfterSeconds: 1 });
      setImmediate(() => socket.destroySoon());
    }
  }
}

function tenantOf(request: FastifyRequest): number {
  return request.caller?.principal?.tenantNo ?? 0;
}

/** What becomes an answer where faults do (server.ts). */
function fault(code: 'POSTERN_BUSY' | 'POSTERN_CRUMBS'): FastifyError {
  const error = new Error(code) as FastifyError;
  error.code = code;
  return error;
}
