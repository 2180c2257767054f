/**
 * The SMTP listener for what comes back (RFC 5321): it takes mail for addresses that this gateway has signed, and for nobody else.
 *
 * What holds: everything else is refused in the session, and no notification is ever sent, so that nobody gets backscatter. 250 after
 * the data means that the mail is on the disk. A connection, a command and the data each have a deadline however slowly octets
 * trickle; addresses and the whole have a cap of connections, and at the whole one who has kept us waiting makes room. Data with a bare CR, a bare LF or a NUL is refused and the connection
 * closed, so that no two servers can disagree about where it ends.
 *
 * Deliberately absent: authentication, relaying, and what a mail means (inbox.ts).
 */
import { createServer, type Server, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { InboundAnswer } from '../data/port/inbound.ts';
import { StoreFault } from '../data/store.ts';
import type { Inbox } from './inbox.ts';

export type ListenerLimits = {
  connections: number;
  connectionsPerAddress: number;
  /** Where there is no more room, one that has said nothing for so long, and has named nobody we know, is ended. */
  idleMs: number;
  recipients: number;
  bytes: number;
  /** From connecting to the end, whatever was done. */
  sessionMs: number;
  /** From one reply to the end of the next command. */
  commandMs: number;
  /** From 354 to the end of the data. */
  dataMs: number;
};

const LIMITS: ListenerLimits = {
  connections: 800,
  connectionsPerAddress: 40,
  idleMs: 5000,
  recipients: 20,
  bytes: 25 * 1024 * 1024,
  sessionMs: 30 * 60_000,
  // RFC 5321 §4.5.3.2.7 asks for five minutes.
  commandMs: 5 * 60_000,
  dataMs: 10 * 60_000,
};
/** RFC 5321 §4.5.3.1.4 asks for 512 octets; parameters need more. */
const MOST_COMMAND_BYTES = 4096;
const MOST_RECEIVED = 50;
const MOST_REFUSED = 20;
const MOST_BYTES_IN_FLIGHT = 128 * 1024 * 1024;
const LOOK_EVERY_MS = 1000;
const CLOSE_WITHIN_MS = 2000;

export type ListenerLog = { error(fields: object, message: string): void; warn(fields: object, message: string): void };

export type ListenerParts = {
  host: string;
  port: number;
  /** The name in the greeting. */
  name: string;
  tls: { certificate: string; key: string };
  inbox: Inbox;
  log: ListenerLog;
  limits?: Partial<ListenerLimits>;
  /** How often deadlines are looked at. */
  lookEveryMs?: number;
};

export type Listener = {
  /** `host:port` as it is bound. */
  address: string;
  port: number;
  close(): Promise<void>;
};

class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

const NOBODY = '5.1.1 There is no such address here';
const LATER = '4.3.0 This cannot be taken now, please try again later';

type Connection = InstanceType<typeof SMTPServer>['connections'] extends Set<infer One> ? One : never;
type Watched = { since: number; repliedAt: number; written: number; dataSince: number | null; refused: number };

export async function startListener(parts: ListenerParts): Promise<Listener> {
  const listener = new Sessions(parts);
  const { server } = listener;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(parts.port, parts.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address() as { address: string; family: string; port: number };
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  server.on('error', (error) => parts.log.error({ error: error.message }, 'the inbound listener failed'));
  return { address: `${host}:${bound.port}`, port: bound.port, close: () => listener.close() };
}

class Sessions {
  readonly server: Server;
  readonly #parts: ListenerParts;
  readonly #limits: ListenerLimits;
  readonly #smtp: SMTPServer;
  /** Open sockets by the address they come from. */
  readonly #sockets = new Map<string, Set<Socket>>();
  readonly #watched = new Map<Connection, Watched>();
  readonly #timer: NodeJS.Timeout;
  #bytesInFlight = 0;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#limits = { ...LIMITS, ...parts.limits };
    this.#smtp = new SMTPServer({
      name: parts.name,
      banner: 'Postern',
      cert: parts.tls.certificate,
      key: parts.tls.key,
      size: this.#limits.bytes,
      maxCommandLength: MOST_COMMAND_BYTES,
      disabledCommands: ['AUTH'],
      authOptional: true,
      disableReverseLookup: true,
      logger: false,
      socketTimeout: this.#limits.commandMs,
      onRcptTo: ({ address }, session, done) => void this.#onRcpt(address, session).then(done),
      onData: (stream, session, done) => void this.#onData(stream, session).then(done),
    });
    // Handshakes that fail and clients that go away are theirs to know.
    this.#smtp.on('error', () => undefined);
    this.server = createServer((socket) => this.#admit(socket));
    this.#timer = setInterval(() => this.#look(), parts.lookEveryMs ?? LOOK_EVERY_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // What has been sent whole is still answered; whoever is idle is told to come back.
    for (const connection of this.#smtp.connections) {
      if (this.#watched.get(connection)?.dataSince === null)
        this.#end(connection, 421, '4.3.2 Closing, please try again later');
    }
    const late = setTimeout(() => this.#destroyAll(), CLOSE_WITHIN_MS);
    await closed;
    clearTimeout(late);
  }

  #destroyAll(): void {
    for (const sockets of this.#sockets.values()) for (const socket of sockets) socket.destroy();
  }

  /** Caps come first: a connection beyond them costs one line. */
  #admit(socket: Socket): void {
    const from = socket.remoteAddress ?? '';
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
    for (const connection of this.#smtp.connections) if (!before.has(connection)) this.#watch(connection);
  }

  /** A socket that was ended lives until its client hangs up, or a short while: hence twice the cap at the very most. */
  #hasRoom(): boolean {
    const open = this.#openAll();
    const { connections } = this.#limits;
    return open < connections || (open < connections * 2 && this.#endIdlest());
  }

  /** Ends whoever has kept us waiting longest before naming a recipient; false: nobody has for long. */
  #endIdlest(): boolean {
    let idlest: Connection | null = null;
    let since = performance.now() - this.#limits.idleMs;
    for (const [connection, { repliedAt, dataSince }] of this.#watched) {
      if (repliedAt > since || dataSince !== null || connection.session.envelope.rcptTo.length > 0) continue;
      idlest = connection;
      since = repliedAt;
    }
    if (idlest === null) return false;
    this.#watched.delete(idlest);
    this.#end(idlest, 421, '4.7.0 Too many connections, please try again later');
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

  #watch(connection: Connection): void {
    const now = performance.now();
    this.#watched.set(connection, { since: now, repliedAt: now, written: 0, dataSince: null, refused: 0 });
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
      if (isLate) this.#end(connection, 421, '4.4.2 Too slow, closing the connection');
    }
  }

  #end(connection: Connection, code: number, text: string): void {
    connection.send(code, text, false);
    connection.close();
  }

  #connectionOf(session: SMTPServerSession): Connection | null {
    for (const connection of this.#watched.keys()) if (connection.session.id === session.id) return connection;
    return null;
  }

  async #onRcpt(address: string, session: SMTPServerSession): Promise<Error | null> {
    if (session.envelope.rcptTo.length >= this.#limits.recipients) return new Refusal(452, '4.5.3 Too many recipients');
    const target = this.#parts.inbox.targetOf(address);
    try {
      if (target !== null && (await this.#parts.inbox.exists(target))) return null;
    } catch (fault) {
      return this.#laterFor(fault);
    }
    const connection = this.#connectionOf(session);
    const watched = connection === null ? undefined : this.#watched.get(connection);
    if (connection !== null && watched !== undefined && ++watched.refused >= MOST_REFUSED) {
      this.#end(connection, 421, '4.7.0 Too many unknown addresses, closing the connection');
    }
    return new Refusal(550, NOBODY);
  }

  async #onData(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<Error | null> {
    const connection = this.#connectionOf(session);
    const watched = connection === null ? undefined : this.#watched.get(connection);
    if (watched !== undefined) watched.dataSince = performance.now();
    const { mailFrom, rcptTo } = session.envelope;
    const addresses = rcptTo.map(({ address }) => address);
    let held = 0;
    const hold = (bytes: number): boolean => {
      if (this.#bytesInFlight + bytes > MOST_BYTES_IN_FLIGHT) return false;
      this.#bytesInFlight += bytes;
      held += bytes;
      return true;
    };
    try {
      const data = await collect(stream, this.#limits.bytes, hold);
      if (watched !== undefined) {
        watched.dataSince = null;
        watched.repliedAt = performance.now();
      }
      if ('refusal' in data) {
        if (data.closes && connection !== null) {
          this.#end(connection, data.refusal.responseCode, data.refusal.message);
        }
        return data.refusal;
      }
      return await this.#take(data.octets, mailFrom === false ? '' : mailFrom.address, addresses);
    } catch (fault) {
      return this.#laterFor(fault);
    } finally {
      this.#bytesInFlight -= held;
    }
  }

  /** All or none: a mail that one of its addresses cannot take now is sent again, and the others know it then. */
  async #take(octets: Uint8Array, mailFrom: string, addresses: readonly string[]): Promise<Error | null> {
    if (receivedIn(octets) > MOST_RECEIVED) return new Refusal(554, '5.4.6 Too many hops, this mail goes in circles');
    let answer: InboundAnswer['outcome'] = 'not_found';
    for (const address of addresses) {
      const target = this.#parts.inbox.targetOf(address);
      if (target === null) continue;
      const arrived = { octets, channel: 'smtp', mailFrom, rcptTo: address } as const;
      const { outcome } = await this.#parts.inbox.take(target, arrived);
      if (outcome === 'later') return new Refusal(451, LATER);
      if (outcome !== 'not_found') answer = outcome;
    }
    return answer === 'not_found' ? new Refusal(550, NOBODY) : null;
  }

  #laterFor(fault: unknown): Refusal {
    if (fault instanceof StoreFault) {
      return fault.kind === 'full'
        ? new Refusal(452, '4.3.1 There is no room now, please try again later')
        : new Refusal(451, LATER);
    }
    this.#parts.log.error({ error: String(fault) }, 'a mail that came in cannot be taken');
    const isDisk = fault instanceof Error && 'code' in fault && (fault.code === 'ENOSPC' || fault.code === 'EDQUOT');
    return new Refusal(isDisk ? 452 : 451, isDisk ? '4.3.1 There is no room now, please try again later' : LATER);
  }
}

type Collected = { octets: Uint8Array } | { refusal: Refusal; closes: boolean };

const BROKEN = '5.5.2 Bare CR, bare LF and NUL are not taken';

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
  if (!isRoom)
    return { refusal: new Refusal(452, '4.3.1 There is no room now, please try again later'), closes: false };
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
