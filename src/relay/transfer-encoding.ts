/**
 * Bodies as octets that survive every hop (RFC 2045 §6): 7bit where text is already safe, else quoted-printable or base64,
 * whichever is shorter. One pass over the octets for the choice and one for the encoding, both linear.
 *
 * What holds for every result: only CRLF line ends, no NUL, no octet above 126, no line of more than 76, no blank at the end of
 * a line, no line that begins with "." (SMTP would double it) or "From " (mailbox files would change it), and no "=_" (so
 * a boundary that begins with it never occurs). Nothing is left for a relay to re-encode, which would break a signature.
 */

export type EncodedBody = { encoding: '7bit' | 'quoted-printable' | 'base64'; bytes: Uint8Array };

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DOT = 0x2e;
const EQUALS = 0x3d;
const UNDERSCORE = 0x5f;
const LINE = 76;

/** Text with line ends of any kind, which become CRLF. */
export function encodeText(text: string): EncodedBody {
  const octets = Buffer.from(text.replace(/\r\n?|\n/g, '\r\n'));
  const { isSafe, escapes } = inspect(octets);
  if (isSafe) return { encoding: '7bit', bytes: octets };
  // Quoted-printable spends two more octets on each it escapes, base64 a good third on all.
  if (escapes * 2 > octets.length * 0.37) return { encoding: 'base64', bytes: encodeBase64(octets) };
  return { encoding: 'quoted-printable', bytes: encodeQuotedPrintable(octets) };
}

/** Whether octets (line ends all CRLF) may go as they are, and how many of them quoted-printable would escape. */
function inspect(octets: Uint8Array): { isSafe: boolean; escapes: number } {
  let isSafe = true;
  let escapes = 0;
  let lineStart = 0;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet === CR) {
      if (i - lineStart > LINE || isBlank(octets[i - 1])) isSafe = false;
      lineStart = i + 2;
      i++;
    } else if (octet === EQUALS) {
      escapes++;
      if (octets[i + 1] === UNDERSCORE) isSafe = false;
    } else if (!isPrintable(octet) && octet !== TAB) {
      escapes++;
      isSafe = false;
    } else if (i === lineStart && isUnsafeAtStart(octets, i)) {
      isSafe = false;
    }
  }
  if (octets.length - lineStart > LINE || isBlank(octets[octets.length - 1])) isSafe = false;
  return { isSafe, escapes };
}

function encodeQuotedPrintable(octets: Uint8Array): Uint8Array {
  // Three octets for each, and a soft line break (three more) after at least 64.
  const encoded = Buffer.allocUnsafe(octets.length * 3 + Math.ceil((octets.length * 3) / 64) * 3);
  let length = 0;
  let column = 0;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet === CR) {
      encoded[length++] = CR;
      encoded[length++] = LF;
      column = 0;
      i++;
      continue;
    }
    const isLiteral = isBlank(octet)
      ? i + 1 < octets.length && octets[i + 1] !== CR
      : isPrintable(octet) && octet !== EQUALS;
    // A character of several octets stays on one line: some readers decode line by line.
    const width = isLiteral ? 1 : 3 * utf8Length(octet);
    if (column + width >= LINE) {
      encoded[length++] = EQUALS;
      encoded[length++] = CR;
      encoded[length++] = LF;
      column = 0;
    }
    if (isLiteral && !(column === 0 && isUnsafeAtStart(octets, i))) {
      encoded[length++] = octet;
      column++;
    } else {
      encoded[length++] = EQUALS;
      encoded[length++] = HEX[octet >> 4]!;
      encoded[length++] = HEX[octet & 15]!;
      column += 3;
    }
  }
  return encoded.subarray(0, length);
}

const HEX = Buffer.from('0123456789ABCDEF');

/** How many octets the character has that begins with this one; 1 for those inside a character, whose place is already made. */
function utf8Length(octet: number): number {
  return octet < 0xc0 ? 1 : octet < 0xe0 ? 2 : octet < 0xf0 ? 3 : 4;
}

function isPrintable(octet: number): boolean {
  return octet >= SPACE && octet < 0x7f;
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB;
}

/** A dot, or "From " of which the first letter is enough to escape. */
function isUnsafeAtStart(octets: Uint8Array, i: number): boolean {
  return octets[i] === DOT || (octets[i] === 0x46 && FROM.every((octet, offset) => octets[i + offset] === octet));
}

const FROM = [...Buffer.from('From ')];

/** Octets of a line of base64 (76 characters), and of a stretch encoded at once. */
const LINE_OCTETS = 57;
const STRETCH_OCTETS = LINE_OCTETS * 512;

/** Lines of 76, no line end after the last. */
export function encodeBase64(octets: Uint8Array): Uint8Array {
  const source = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const characters = Math.ceil(octets.length / 3) * 4;
  const encoded = Buffer.allocUnsafe(characters + Math.max(0, Math.ceil(characters / LINE) - 1) * 2);
  let length = 0;
  for (let start = 0; start < source.length; start += STRETCH_OCTETS) {
    const stretch = source.toString('base64', start, Math.min(start + STRETCH_OCTETS, source.length));
    for (let i = 0; i < stretch.length; i += LINE) {
      if (length > 0) {
        encoded[length++] = CR;
        encoded[length++] = LF;
      }
      length += encoded.write(stretch.slice(i, i + LINE), length, 'latin1');
    }
  }
  return encoded;
}
