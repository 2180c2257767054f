/**
 * What smtp-server is more lenient or more lavish about than two servers that are to agree can be (RFC 5321): where a command ends, how
 * the argument of MAIL and RCPT reads, how dots are taken out of the data, who may begin a login, and what a reply looks like.
 *
 * Deliberately absent: what commands do, and deadlines (smtp-sessions.ts).
 */
import type { SMTPServer } from 'smtp-server';
import { unstuffed } from './dot-stuffing.ts';
import { readPath } from './smtp-path.ts';

export type SmtpConnection = InstanceType<typeof SMTPServer>['connections'] extends Set<infer One> ? One : never;
type Parser = Exclude<SmtpConnection['_parser'], false>;

const BROKEN_COMMAND = '5.5.2 A command ends with CRLF, and holds no CR or LF';
/** A socket that holds more back asks for a pause. */
const MOST_HELD_BYTES = 8192;

/**
 * Lines as the RFC has them, and replies with one enhanced status code: the one that their text begins with, if any. Replies to
 * MAIL, RCPT and RSET that came in one piece with further commands go out with the next one's (RFC 2920 §3.2).
 */
export function makeStrict(connection: SmtpConnection, mayLogIn: (connection: SmtpConnection) => boolean): void {
  const makeParser = connection._createParser.bind(connection);
  const parsePath = connection._parseAddressCommand;
  const held = new HeldReplies(connection);
  // STARTTLS takes a new one.
  connection._createParser = () => strictParser(makeParser(), connection, held, mayLogIn);
  if (connection._parser !== false) strictParser(connection._parser, connection, held, mayLogIn);
  connection._parseAddressCommand = (verb, line) => readPath(verb, line.toString()) as ReturnType<typeof parsePath>;
  const send = connection.send.bind(connection);
  connection.send = (code, data, context) => {
    if (data === 'Error: Command line too long') {
      send(500, '5.5.2 The command is too long', false);
      connection.close();
    } else if (Array.isArray(data)) send(code, mayLogIn(connection) ? data : data.filter(isNotAuth), context);
    else send(code, data, isCoded(data) ? false : context);
    held.sent();
  };
}

/** Each reply by itself is a packet, and a call of the system. */
class HeldReplies {
  readonly #connection: SmtpConnection;
  #isCorked = false;
  #isHolding = false;
  /** Commands that have come and are not begun. */
  #waiting = 0;

  constructor(connection: SmtpConnection) {
    this.#connection = connection;
  }

  /** A piece of commands has come, in which each LF ends one; those before it are all begun. */
  came(lines: Buffer): void {
    this.#waiting = 0;
    for (let at = lines.indexOf(0x0a); at !== -1; at = lines.indexOf(0x0a, at + 1)) this.#waiting += 1;
  }

  begun(line: Buffer): void {
    this.#waiting -= 1;
    this.#isHolding = this.#waiting > 0 && /^(?:mail|rcpt|rset)(?: |$)/i.test(line.toString('latin1', 0, 5));
    if (!this.#isHolding || this.#isCorked) return;
    this.#connection._socket.cork();
    this.#isCorked = true;
  }

  sent(): void {
    const isFull = this.#connection._socket.writableLength > MOST_HELD_BYTES;
    if (!this.#isCorked || (this.#isHolding && !isFull)) return;
    this.#connection._socket.uncork();
    this.#isCorked = false;
  }
}

function isNotAuth(line: string): boolean {
  return !/^auth\b/i.test(line);
}

function isCoded(text: string | null | undefined): boolean {
  return typeof text === 'string' && /^[245]\.\d{1,3}\.\d{1,3} /.test(text);
}

/**
 * smtp-server ends a command at a bare LF too. Here each such LF becomes a CR before it is looked at: then it ends nothing, the
 * command that holds it is refused, and so is the data where the client sent both in one piece.
 */
function strictParser(
  parser: Parser,
  connection: SmtpConnection,
  held: HeldReplies,
  mayLogIn: (connection: SmtpConnection) => boolean,
): Parser {
  const write = parser._write.bind(parser);
  const run = parser.oncommand;
  let last = 0x0a;
  parser._write = (chunk, encoding, next) => {
    if (parser._dataMode || chunk.length === 0) {
      last = 0x0a;
      write(chunk, encoding, next);
      return;
    }
    const before = last;
    last = chunk[chunk.length - 1]!;
    const lines = withoutBareLf(chunk, before);
    held.came(lines);
    write(lines, encoding, next);
  };
  parser._feedDataStream = (chunk, done) => feedData(parser, chunk, done);
  parser.oncommand = (line, next) => {
    held.begun(line);
    if (connection._ready && line.includes(0x0d)) {
      connection.send(500, BROKEN_COMMAND);
      next?.();
    } else if (connection._ready && /^bdat(?: |$)/i.test(line.toString('latin1', 0, 5))) {
      // What follows it is a mail, and must not be read as commands.
      connection.send(503, '5.5.1 CHUNKING is not offered');
      connection.close();
    } else if (connection._ready && /^auth(?: |$)/i.test(line.toString('latin1', 0, 5)) && !mayLogIn(connection)) {
      connection.send(530, '5.7.0 Issue STARTTLS first');
      next?.();
    } else run(line, next);
  };
  return parser;
}

/** smtp-server makes a piece of each line that begins with a dot: a mail of nothing else would take minutes and 100 times its size. */
function feedData(parser: Parser, chunk: Buffer, done: (error?: Error | null) => void): void {
  const octets = parser._lastBytes === false ? chunk : Buffer.concat([parser._lastBytes, chunk]);
  const { content, isEnd, rest } = unstuffed(octets, parser._atDataStart);
  if (rest.length < octets.length) parser._atDataStart = false;
  parser._countDataBytes(content.length);
  if (isEnd) {
    parser._lastBytes = false;
    parser._endDataMode(content, rest, done);
    return;
  }
  parser._lastBytes = rest.length === 0 ? false : Buffer.from(rest);
  const stream = parser._dataStream;
  if (stream === null || !stream.writable || content.length === 0 || stream.write(content) || stream.destroyed) {
    done();
    return;
  }
  // One that is destroyed never drains.
  const goOn = (): void => {
    stream.off('drain', goOn);
    stream.off('close', goOn);
    done();
  };
  stream.on('drain', goOn).on('close', goOn);
}

function withoutBareLf(chunk: Buffer, before: number): Buffer {
  let found: Buffer | null = null;
  for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) {
    if ((at === 0 ? before : chunk[at - 1]) === 0x0d) continue;
    found ??= Buffer.from(chunk);
    found[at] = 0x0d;
  }
  return found ?? chunk;
}
