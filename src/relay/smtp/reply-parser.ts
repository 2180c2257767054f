/**
 * Reads SMTP replies (RFC 5321 §4.2) from the bytes of an untrusted peer.
 *
 * Invariant: whatever arrives, at most one line (4 kB) and one reply (64 kB) are kept, and the work is linear in the
 * bytes received. A line that is no reply line, or a reply beyond the caps, is given out once with its `fault`; from then
 * on the parser reads nothing more, since nothing that follows can be in step.
 */
import { isUtf8 } from 'node:buffer';
import type { RemoteReply } from '../transports/transport.ts';

export const MAX_LINE_BYTES = 4096;
export const MAX_REPLY_BYTES = 65_536;
const MAX_TEXT_CHARS = 2000;

export type Reply = {
  /** Three-digit code; 0 where no code could be read. */
  code: number;
  /** The text of each line, without code, separator and line end; as received, controls included. */
  lines: string[];
  /** `malformed`: not a reply. `too_long`: cut at a cap; the code is that of the lines seen, 0 if there was none. */
  fault: 'malformed' | 'too_long' | null;
};

const LF = 10;
const CR = 13;
const BLANK = 32;
const HYPHEN = 45;

/** UTF-8 where the bytes are UTF-8 (RFC 6531 §3.7.4.1 allows it), else one character a byte: never U+FFFD. */
function decode(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
}

function codeAt(bytes: Buffer, start: number, end: number): number {
  if (end - start < 3) return 0;
  const first = bytes[start]! - 48;
  const second = bytes[start + 1]! - 48;
  const third = bytes[start + 2]! - 48;
  const isCode = first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9;
  return isCode ? first * 100 + second * 10 + third : 0;
}

export class ReplyParser {
  #rest: Buffer | null = null;
  #lines: string[] = [];
  #replyBytes = 0;
  #code = 0;
  #isDead = false;

  /** Reads a chunk and calls `emit` for every reply that is complete with it. */
  push(chunk: Buffer, emit: (reply: Reply) => void): void {
    if (this.#isDead) return;
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (;;) {
      const lf = bytes.indexOf(LF, start);
      const end = lf === -1 ? bytes.length : lf;
      if (end - start > MAX_LINE_BYTES || this.#replyBytes + end - start > MAX_REPLY_BYTES) {
        const code = this.#code || codeAt(bytes, start, end);
        this.#die({ code, lines: this.#lines, fault: 'too_long' }, emit);
        return;
      }
      if (lf === -1) break;
      if (!this.#line(bytes, start, lf, emit)) return;
      start = lf + 1;
    }
    // A copy: a slice would keep the whole chunk alive for the sake of half a line.
    this.#rest = start < bytes.length ? Buffer.from(bytes.subarray(start)) : null;
  }

  #line(bytes: Buffer, start: number, lf: number, emit: (reply: Reply) => void): boolean {
    const end = lf > start && bytes[lf - 1] === CR ? lf - 1 : lf;
    const code = codeAt(bytes, start, end);
    const separator = end - start > 3 ? bytes[start + 3]! : BLANK;
    const isInStep = this.#code === 0 || this.#code === code;
    if (code === 0 || !isInStep || (separator !== BLANK && separator !== HYPHEN)) {
      this.#die({ code: 0, lines: [decode(bytes.subarray(start, end))], fault: 'malformed' }, emit);
      return false;
    }
    this.#lines.push(decode(bytes.subarray(Math.min(start + 4, end), end)));
    this.#replyBytes += lf + 1 - start;
    this.#code = code;
    if (separator === BLANK) {
      const reply: Reply = { code, lines: this.#lines, fault: null };
      this.#lines = [];
      this.#replyBytes = 0;
      this.#code = 0;
      emit(reply);
    }
    return true;
  }

  #die(reply: Reply, emit: (reply: Reply) => void): void {
    this.#isDead = true;
    this.#rest = null;
    this.#lines = [];
    emit(reply);
  }
}

const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?:[\s:;,-]+|$)/;

/** Control characters become one blank, the ends are trimmed, the whole is cut at 2,000 characters. */
export function cleanText(text: string): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ').trim();
  if (clean.length <= MAX_TEXT_CHARS) return clean;
  const cut = clean.slice(0, MAX_TEXT_CHARS);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}

/** The reply as the port gives it: the enhanced code (RFC 2034 §4: the first word of every line) apart from the text. */
export function toRemoteReply(reply: Reply): RemoteReply {
  const enhanced = ENHANCED.exec(reply.lines[0] ?? '')?.[1] ?? null;
  const words: string[] = [];
  let size = 0;
  for (const line of reply.lines) {
    const found = ENHANCED.exec(line);
    const rest = found !== null && found[1] === enhanced ? line.slice(found[0].length) : line;
    words.push(rest);
    size += rest.length + 1;
    if (size > MAX_TEXT_CHARS * 2) break;
  }
  return { code: reply.code || null, enhanced, text: cleanText(words.join(' ')) };
}
