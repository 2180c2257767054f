/**
 * A fast SMTP server that takes everything: the next hop for benches and chaos tests.
 *
 *   node test/harness/smtp-sink.ts [--port 0] [--log file]
 *
 * Prints `{"listening":port}` when it listens, and `{"accepted":count}` on SIGUSR2 and, before it ends, on SIGTERM.
 * With --log each recipient of an accepted message is one JSON line `{id, to, at, possibleDuplicate}`, flushed to the
 * disk (one flush for all that wait) before its 250 is written, so that the log is the truth about what was taken.
 *
 * Deliberately absent: TLS, AUTH, any check of addresses or of the content; it is no model of a good server.
 */
import { closeSync, fdatasync, openSync, write } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { parseArgs } from 'node:util';

export type SinkMessage = { from: string; to: string[]; content: Buffer };

export type Sink = {
  port: number;
  accepted(): number;
  close(): Promise<void>;
};

export type SinkOptions = {
  port?: number;
  logPath?: string;
  /** Sees each message as it arrived, leading dots undone. */
  onMessage?: (message: SinkMessage) => void;
};

const EHLO =
  '250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 104857600\r\n';
const END = Buffer.from('\r\n.\r\n');

type Flush = (lines: string, done: () => void) => void;

/** Appends lines; all that gather during one flush share the next. */
function groupedLog(path: string): { append: Flush; close: () => void } {
  const fd = openSync(path, 'a');
  let waiting: { lines: string; done: () => void }[] = [];
  let isBusy = false;
  const fatal = (error: Error | null): void => {
    if (error) throw error;
  };
  const next = (): void => {
    if (isBusy || waiting.length === 0) return;
    isBusy = true;
    const group = waiting;
    waiting = [];
    write(fd, group.map((entry) => entry.lines).join(''), (error) => {
      fatal(error);
      fdatasync(fd, (flushError) => {
        fatal(flushError);
        isBusy = false;
        for (const entry of group) entry.done();
        next();
      });
    });
  };
  const append: Flush = (lines, done) => {
    waiting.push({ lines, done });
    next();
  };
  return { append, close: () => closeSync(fd) };
}

function logLines(message: SinkMessage): string {
  const end = message.content.indexOf('\r\n\r\n');
  const headers = message.content.toString('latin1', 0, end === -1 ? message.content.length : end);
  const id = /^Message-ID:\s*(\S+)/im.exec(headers)?.[1] ?? null;
  const possibleDuplicate = /^X-Postern-Possible-Duplicate:\s*1/im.test(headers);
  const at = Date.now();
  return message.to.map((to) => `${JSON.stringify({ id, to, at, possibleDuplicate })}\n`).join('');
}

const pathOf = (line: string): string => line.slice(line.indexOf('<') + 1, line.lastIndexOf('>'));

class SinkConnection {
  #socket: Socket;
  #take: (message: SinkMessage, done: () => void) => void;
  #from = '';
  #to: string[] = [];
  #isInData = false;
  #rest: Buffer = Buffer.alloc(0);
  #body: Buffer[] = [];
  #tail: Buffer = END.subarray(0, 2);

  constructor(socket: Socket, take: (message: SinkMessage, done: () => void) => void) {
    this.#socket = socket;
    this.#take = take;
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => this.#read(chunk));
    socket.write('220 sink ESMTP\r\n');
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    while (bytes.length > 0) {
      const used = this.#isInData ? this.#readBody(bytes) : this.#readCommands(bytes);
      if (used === 0) {
        this.#rest = bytes;
        return;
      }
      bytes = bytes.subarray(used);
    }
  }

  /** Answers whole lines in one write; stops behind DATA. Gives the octets used. */
  #readCommands(bytes: Buffer): number {
    let used = 0;
    let answers = '';
    while (!this.#isInData) {
      const lf = bytes.indexOf(10, used);
      if (lf === -1) break;
      answers += this.#command(bytes.toString('utf8', used, lf).trimEnd());
      used = lf + 1;
    }
    if (answers !== '') this.#socket.write(answers);
    return used;
  }

  #command(line: string): string {
    switch (line.slice(0, 4).toUpperCase()) {
      case 'MAIL':
        this.#from = pathOf(line);
        return '250 2.1.0 ok\r\n';
      case 'RCPT':
        this.#to.push(pathOf(line));
        return '250 2.1.5 ok\r\n';
      case 'DATA':
        if (this.#to.length === 0) return '503 5.5.1 no recipient\r\n';
        this.#isInData = true;
        return '354 go on\r\n';
      case 'EHLO':
      case 'HELO':
        return EHLO;
      case 'RSET':
        this.#to = [];
        return '250 2.0.0 ok\r\n';
      case 'NOOP':
        return '250 2.0.0 ok\r\n';
      case 'QUIT':
        setImmediate(() => this.#socket.end());
        return '221 2.0.0 bye\r\n';
      default:
        return '500 5.5.2 unknown\r\n';
    }
  }

  #readBody(bytes: Buffer): number {
    const joined = Buffer.concat([this.#tail, bytes]);
    const at = joined.indexOf(END);
    if (at === -1) {
      this.#body.push(bytes);
      this.#tail = joined.subarray(-4);
      return bytes.length;
    }
    const used = at + END.length - this.#tail.length;
    this.#body.push(bytes.subarray(0, used));
    const wire = Buffer.concat(this.#body);
    const content = wire.subarray(0, -3);
    const message = { from: this.#from, to: this.#to, content };
    this.#isInData = false;
    this.#body = [];
    this.#tail = END.subarray(0, 2);
    this.#to = [];
    this.#take(message, () => this.#socket.write('250 2.0.0 taken\r\n'));
    return used;
  }
}

/** Undoes dot-stuffing (RFC 5321 §4.5.2). */
export function undot(wire: Buffer): Buffer {
  return Buffer.from(wire.toString('latin1').replace(/(^|\r\n)\./g, '$1'), 'latin1');
}

/** Listens on the loopback address. */
export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const log = options.logPath === undefined ? null : groupedLog(options.logPath);
  const sockets = new Set<Socket>();
  let accepted = 0;
  const take = (message: SinkMessage, done: () => void): void => {
    options.onMessage?.({ ...message, content: undot(message.content) });
    const answer = (): void => {
      accepted++;
      done();
    };
    if (log === null) answer();
    else log.append(logLines(message), answer);
  };
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    new SinkConnection(socket, take);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    accepted: () => accepted,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          log?.close();
          resolve();
        });
      }),
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, log: { type: 'string' } } });
  const sink = await startSink({ port: Number(values.port), logPath: values.log });
  const tell = (): void => console.log(JSON.stringify({ accepted: sink.accepted() }));
  process.on('SIGUSR2', tell);
  process.on('SIGTERM', () => {
    tell();
    void sink.close().then(() => process.exit(0));
  });
  console.log(JSON.stringify({ listening: sink.port }));
}
