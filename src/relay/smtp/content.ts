/** The form of a message's bytes on the wire (RFC 5321 §2.3.8, §4.5.2): line ends checked, leading dots doubled. */
import { isAscii } from 'node:buffer';

const LF = 10;
const CR = 13;
const DOT = 46;

/** How much is stuffed and handed to the socket at once; a body beyond it flows under backpressure. */
export const BLOCK_BYTES = 65_536;

/**
 * Throws unless every CR is followed by LF, every LF preceded by CR, and the last line is ended. Bare line ends are what
 * SMTP smuggling is made of, and a missing last CRLF would hide the final dot: neither can be mended here without
 * breaking a signature, so both are faults of whoever composed the message.
 */
export function assertLineEnds(content: Uint8Array): void {
  const length = content.length;
  for (let i = 0; i < length; i++) {
    const byte = content[i];
    if (byte === LF ? content[i - 1] !== CR : byte === CR && content[i + 1] !== LF) {
      throw new RangeError(`bare ${byte === LF ? 'LF' : 'CR'} at octet ${i} of the content`);
    }
  }
  if (content[length - 1] !== LF) throw new RangeError('the content does not end in CRLF');
}

/** The octets from `start` to `end`, each dot that opens a line doubled; a view of `content` where there is none. */
export function dotStuffed(content: Buffer, start: number, end: number): Buffer {
  const dots: number[] = [];
  if (content[start] === DOT && (start === 0 || content[start - 1] === LF)) dots.push(start);
  const block = content.subarray(start, end);
  for (let at = block.indexOf('\n.'); at !== -1; at = block.indexOf('\n.', at + 2)) dots.push(start + at + 1);
  if (dots.length === 0) return block;
  const stuffed = Buffer.allocUnsafe(block.length + dots.length);
  let from = start;
  let to = 0;
  for (const dot of dots) {
    to += content.copy(stuffed, to, from, dot);
    stuffed[to++] = DOT;
    from = dot;
  }
  content.copy(stuffed, to, from, end);
  return stuffed;
}

export type Needs = {
  /** Octets above 127 anywhere: BODY=8BITMIME (RFC 6152). */
  isEightBit: boolean;
  /** Octets above 127 in the message's own header section: SMTPUTF8 (RFC 6531 §3.6). */
  hasUtf8Headers: boolean;
};

export function needsOf(content: Buffer): Needs {
  if (isAscii(content)) return { isEightBit: false, hasUtf8Headers: false };
  const end = content.indexOf('\r\n\r\n');
  return { isEightBit: true, hasUtf8Headers: !isAscii(end === -1 ? content : content.subarray(0, end)) };
}

/**
 * Throws if an envelope address cannot stand between angle brackets: a control character, half a surrogate pair, an open
 * quote, or, outside quotes, a blank or an angle bracket. Whoever accepted the message has looked already; this is the
 * last wall against a command inside an address.
 */
export function assertPath(path: string): void {
  let isQuoted = false;
  let isBroken = /\p{Cc}/u.test(path) || !path.isWellFormed();
  for (let i = 0; i < path.length; i++) {
    const char = path[i];
    if (char === '\\' && isQuoted) i++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (char === ' ' || char === '<' || char === '>')) isBroken = true;
  }
  if (isBroken || isQuoted) throw new RangeError('an envelope address cannot be written as a path (RFC 5321 §4.1.2)');
}
