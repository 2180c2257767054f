/**
 * What the two SMTP servers of a gateway share (RFC 5321): who may connect and for how long, and how strictly lines are read.
 *
 * What holds: a connection, a command and the data each have a deadline however slowly octets trickle; addresses and the whole have
 * a cap of connections, and where the whole is full a silent stranger makes room. A command ends with CRLF and nothing else, and is cut at 4 kB; data with a bare CR, a bare LF or a NUL is
 * refused and the connection closed, so that no two servers can disagree about where a command or a mail ends.
 *
 * Deliberately absent: what a command means. Replies, addresses and mail are the callers'.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { networkOf } from './network.ts';
import { makeStrict, type SmtpConnection } from './smtp-strictness.ts';

export type { SmtpConnection } from './smtp-strictness.ts';

export type SessionLimits = {
  connections: number;
  connectionsPerAddress: number;
  /** Where there is no more room, one that has let us wait for so long, and has neither signed in nor named a recipient, is ended. */
  idleMs?: number;
  bytes: number;
  /** From connecting, or from the last `renew`, to the end, whatever was done. */
  sessionMs: number;
  /** From one reply to the end of the next command. */
  commandMs: number;
  /** From 354 to the end of the data. */
  dataMs: number;
};

export type SessionParts = {
  /** The name in the greeting. */
  name: string;
  tls: { certificate: string; key: string };
  limits: SessionLimits;
  /** How often deadlines are looked at. */
  lookEveryMs?: number;
  /** What the commands do, and what is offered. */
  options: SMTPServerOptions;
  /** Whether a connection may log in; to others AUTH is neither offered nor begun, so that no password is told in vain. Absent: all. */
  mayLogIn?: (connection: SmtpConnection) => boolean;
};

type Watched = { since: number; repliedAt: number; written: number; dataSince: number | null };

/** RFC 5321 §4.5.3.1.4 asks for 512 octets; parameters need more. */
const MOST_COMMAND_BYTES = 4096;
const LOOK_EVERY_MS = 1000;
const CLOSE_WITHIN_MS = 2000;
const IDLE_MS = 5000;
const BROKEN = '5.5.2 Bare CR, bare LF and NUL are not taken';
export const NO_ROOM = '4.3.1 There is no room now, please try again later';

/** A reply that is not the usual one. Its text begins with an enhanced status code (RFC 3463). */
export class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

export class SmtpSessions {
  readonly #limits: SessionLimits;
  readonly #lookEveryMs: number;
  readonly #mayLogIn: (connection: SmtpConnection) => boolean;
  readonly #server: Server;
  readonly #smtp: SMTPServer;
  /** Open sockets by the network they come from: an address, or of IPv6 a /64. */
  readonly #sockets = new Map<string, Set<Socket>>();
  readonly #watched = new Map<SmtpConnection, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ name, tls, limits, lookEveryMs, options, mayLogIn }: SessionParts) {
    this.#limits = limits;
    this.#lookEveryMs = lookEveryMs ?? LOOK_EVERY_MS;
    this.#mayLogIn = mayLogIn ?? (() => true);
    this.#smtp = new SMTPServer({
      name,
      banner: 'Postern',
      cert: tls.certificate,
      key: tls.key,
      size: limits.bytes,
      maxCommandLength: MOST_COMMAND_BYTES,
      disableReverseLookup: true,
      logger: false,
      socketTimeout: limits.commandMs,
      ...options,
      disabledCommands: ['WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD', ...(options.disabledCommands ?? [])],
    });
    // Handshakes that fail and clients that go away are theirs to know.
    this.#smtp.on('error', () => undefined);
    this.#server = createServer((socket) => this.#admit(socket));
  }

  /** Opens the port; `address` is `host:port` as it is bound. `onFault` hears of faults of the listening socket. */
  async listen(
    { host, port }: { host: string; port: number },
    onFault: (error: Error) => void,
  ): Promise<{ address: string; port: number }> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    server.on('error', onFault);
    this.#timer = setInterval(() => this.#look(), this.#lookEveryMs).unref();
    const bound = server.address() as { address: string; family: string; port: number };
    const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
    return { address: `${name}:${bound.port}`, port: bound.port };
  }

  /** For handshakes from now on. */
  renewCertificate({ certificate, key }: SessionParts['tls']): void {
    this.#smtp.updateSecureContext({ cert: certificate, key });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // What has been sent whole is still answered; whoever is idle is told to come back.
    for (const connection of this.#smtp.connections) {
      if (this.#watched.get(connection)?.dataSince === null && !connection._dataStream)
        this.end(connection, 421, '4.3.2 Closing, please try again later');
    }
    const late = setTimeout(() => this.#destroyAll(), CLOSE_WITHIN_MS);
    await closed;
    clearTimeout(late);
  }

  /** Replies and closes. */
  end(connection: SmtpConnection, code: number, text: string): void {
    connection.send(code, text, false);
    connection.close();
  }

  connectionOf(session: SMTPServerSession): SmtpConnection | null {
    for (const connection of this.#watched.keys()) if (connection.session.id === session.id) return connection;
    return null;
  }

  /** The session has earned a whole new deadline. */
  renew(session: SMTPServerSession): void {
    const connection = this.connectionOf(session);
    const watched = connection === null ? undefined : this.#watched.get(connection);
    if (watched !== undefined) watched.since = performance.now();
  }

  /**
   * The data, or what to reply in its place. `hold` is asked for room for each piece; what was given is the caller's to give back.
   */
  async read(
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
    hold: (bytes: number) => boolean,
  ): Promise<Uint8Array | Refusal> {
    const connection = this.connectionOf(session);
    const watched = connection === null ? undefined : this.#watched.get(connection);
    if (watched !== undefined) watched.dataSince = performance.now();
    const data = await collect(stream, this.#limits.bytes, hold);
    if (watched !== undefined) {
      watched.dataSince = null;
      watched.repliedAt = performance.now();
    }
    if (!('refusal' in data)) return data.octets;
    if (data.closes && connection !== null) this.end(connection, data.refusal.responseCode, data.refusal.message);
    return data.refusal;
  }

  #destroyAll(): void {
    for (const sockets of this.#sockets.values()) for (const socket of sockets) socket.destroy();
  }

  /** Caps come first: a connection beyond them costs one line. */
  #admit(socket: Socket): void {
    const from = networkOf(socket.remoteAddress ?? '');
    if (this.#openFrom(from) >= this.#limits.connectionsPerAddress || !this.#hasRoom()) {
      socket.on('error', () => undefined);
      socket.setTimeout(LOOK_EVERY_MS, () => socket.destroy());
      socket.end('421 4.7.0 Too many connections, please try again later\r\n');
      socket.resume();
      return;
    }
    const ofAddress = this.#sockets.get(from) ?? new Set();
    this.#sockets.set(from, ofAddress.add(socket));
    socket.setKeepAlive(true);
    const before = new Set(this.#smtp.connections);
    this.#smtp.connect(socket);
    for (const connection of this.#smtp.connections) {
      if (before.has(connection)) continue;
      makeStrict(connection, this.#mayLogIn);
      const now = performance.now();
      this.#watched.set(connection, { since: now, repliedAt: now, written: 0, dataSince: null });
    }
  }

  /** A socket that was ended lives until its client hangs up, or a short while: hence twice the cap at the very most. */
  #hasRoom(): boolean {
    const open = this.#openAll();
    const { connections } = this.#limits;
    return open < connections || (open < connections * 2 && this.#endIdlest());
  }

  /** Ends the stranger who has let us wait longest; false: nobody has for long. */
  #endIdlest(): boolean {
    let idlest: SmtpConnection | null = null;
    let since = performance.now() - (this.#limits.idleMs ?? IDLE_MS);
    for (const [connection, { repliedAt, dataSince }] of this.#watched) {
      const { user, envelope } = connection.session;
      if (repliedAt > since || dataSince !== null || user || envelope.rcptTo.length > 0) continue;
      idlest = connection;
      since = repliedAt;
    }
    if (idlest === null) return false;
    this.#watched.delete(idlest);
    this.end(idlest, 421, '4.7.0 Too many connections, please try again later');
    return true;
  }

  /** Counted by looking: an upgrade to TLS takes all listeners off the socket below it. */
  #openFrom(from: string): number {
    const sockets = this.#sockets.get(from);
    if (sockets === undefined) return 0;
    for (const socket of sockets) if (socket.destroyed) sockets.delete(socket);
    if (sockets.size === 0) this.#sockets.delete(from);
    return sockets.size;
  }

  #openAll(): number {
    let open = 0;
    for (const from of [...this.#sockets.keys()]) open += this.#openFrom(from);
    return open;
  }

  /** Ends whatever is past one of its deadlines. */
  #look(): void {
    const now = performance.now();
    this.#openAll();
    for (const [connection, watched] of this.#watched) {
      if (!this.#smtp.connections.has(connection)) {
        this.#watched.delete(connection);
        continue;
      }
      const written = connection._socket.bytesWritten;
      if (written !== watched.written) {
        watched.written = written;
        watched.repliedAt = now;
      }
      const { sessionMs, commandMs, dataMs } = this.#limits;
      const isLate =
        now - watched.since > sessionMs ||
        (watched.dataSince === null ? now - watched.repliedAt > commandMs : now - watched.dataSince > dataMs);
      if (isLate) this.end(connection, 421, '4.4.2 Too slow, closing the connection');
    }
  }
}

type Collected = { octets: Uint8Array } | { refusal: Refusal; closes: boolean };

/** Reads the data up to its end; what is too large is passed over, and what is broken ends it at once. */
async function collect(
  stream: SMTPServerDataStream,
  mostBytes: number,
  hold: (bytes: number) => boolean,
): Promise<Collected> {
  const chunks: Buffer[] = [];
  let size = 0;
  let isRoom = true;
  let last = 0x0a;
  let isFirst = true;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (isBroken(chunk, isFirst ? null : last)) return { refusal: new Refusal(521, BROKEN), closes: true };
    isFirst = false;
    last = chunk[chunk.length - 1]!;
    size += chunk.length;
    if (size <= mostBytes && isRoom) {
      isRoom = hold(chunk.length);
      if (isRoom) chunks.push(chunk);
    }
    if (!isRoom || size > mostBytes) chunks.length = 0;
    // A client that goes on and on has not asked for the size, or does not care.
    if (size > mostBytes * 2) return { refusal: tooLarge(mostBytes), closes: true };
  }
  if (size > mostBytes) return { refusal: tooLarge(mostBytes), closes: false };
  if (!isRoom) return { refusal: new Refusal(452, NO_ROOM), closes: false };
  if (last === 0x0d) return { refusal: new Refusal(521, BROKEN), closes: true };
  return { octets: Buffer.concat(chunks) };
}

function tooLarge(mostBytes: number): Refusal {
  return new Refusal(552, `5.3.4 The mail is larger than ${mostBytes} octets`);
}

/** Whether a piece of data holds a NUL, or a CR or LF without the other; `before`: the octet before it, null at the start. */
export function isBroken(chunk: Uint8Array, before: number | null): boolean {
  if (chunk.includes(0)) return true;
  if (before === 0x0d && chunk[0] !== 0x0a) return true;
  for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) {
    const previous = at === 0 ? before : chunk[at - 1];
    if (previous !== 0x0d) return true;
  }
  for (let at = chunk.indexOf(0x0d); at !== -1; at = chunk.indexOf(0x0d, at + 1)) {
    if (at + 1 < chunk.length && chunk[at + 1] !== 0x0a) return true;
  }
  return false;
}

/** Fields named Received above the first empty line (RFC 5321 §6.3). */
export function receivedIn(octets: Uint8Array): number {
  const text = Buffer.from(octets.buffer, octets.byteOffset, Math.min(octets.length, 256 * 1024)).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const head = end === -1 ? text : text.slice(0, end);
  return head.match(/(?:^|\n)received:/gi)?.length ?? 0;
}
