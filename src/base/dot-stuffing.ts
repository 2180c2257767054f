/** The data of a mail as it is sent (RFC 5321 §4.5.2): a line that begins with a dot has one more, and a line of one dot is the end. */

export type Unstuffed = {
  /** What the client meant. */
  content: Buffer;
  isEnd: boolean;
  /** Behind the end; before it, the last octets, which only the next ones tell apart: at most four. */
  rest: Buffer;
};

const LINE_WITH_DOT = Buffer.from('\r\n.');
const DOT = 0x2e;
const CR = 0x0d;
const LF = 0x0a;

/**
 * `isAtStart`: whether these are the first octets of the data, where a line begins without a line end. A dot that was not doubled is
 * content, as its client meant it. In one pass, into one buffer, however many dots there are.
 */
export function unstuffed(octets: Buffer, isAtStart: boolean): Unstuffed {
  const content = Buffer.allocUnsafe(octets.length);
  let length = 0;
  let from = 0;
  const keepTo = (to: number): void => {
    length += octets.copy(content, length, from, to);
    from = to;
  };
  let line = isAtStart && octets[0] === DOT ? 0 : nextLineWithDot(octets, 0);
  while (line !== -1) {
    const [second, third] = [octets[line + 1], octets[line + 2]];
    if (second === DOT) {
      keepTo(line);
      from = line + 1;
    } else if (second === CR && third === LF) {
      keepTo(line);
      return { content: content.subarray(0, length), isEnd: true, rest: octets.subarray(line + 3) };
    } else if (second === undefined || (second === CR && third === undefined)) {
      keepTo(Math.max(from, line - 2));
      return { content: content.subarray(0, length), isEnd: false, rest: octets.subarray(from) };
    }
    line = nextLineWithDot(octets, line + 1);
  }
  keepTo(Math.max(from, octets.length - lineEndBegun(octets)));
  return { content: content.subarray(0, length), isEnd: false, rest: octets.subarray(from) };
}

function nextLineWithDot(octets: Buffer, from: number): number {
  const found = octets.indexOf(LINE_WITH_DOT, from);
  return found === -1 ? -1 : found + 2;
}

/** How many of the last octets may be the beginning of CRLF and a dot. */
function lineEndBegun(octets: Buffer): number {
  const last = octets.length - 1;
  if (octets[last] === CR) return 1;
  return octets[last] === LF && octets[last - 1] === CR ? 2 : 0;
}
