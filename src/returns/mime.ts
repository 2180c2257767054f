/**
 * A small reader of MIME (RFC 5322, 2045, 2046, 2047) for what comes back: mail written by servers of thirty years, cut off, bent on
 * the way, or hostile.
 *
 * Invariant: every sequence of octets gives a tree, in time linear in its length (times a bounded depth) and in memory bounded by
 * `MAX_BYTES`, `MAX_PARTS` and `MAX_TEXT`. LF, CRLF and CR end a line alike. What cannot be understood is text.
 *
 * Deliberately absent: everything a reader of attachments needs. Only text and the report types are decoded; all else stays empty.
 */
import { Buffer } from 'node:buffer';

/** What is beyond is not looked at: a report stands before the message that it returns. */
const MAX_BYTES = 2 * 1024 * 1024;
const MAX_DEPTH = 8;
const MAX_PARTS = 100;
const MAX_HEADERS = 500;
const MAX_HEADER_CHARS = 8_000;
/** Of the decoded text of one part. */
const MAX_TEXT = 128 * 1024;

export class MimeHeaders {
  private readonly fields = new Map<string, string[]>();
  private count = 0;

  add(name: string, value: string): void {
    if (this.count >= MAX_HEADERS) return;
    this.count += 1;
    const key = name.toLowerCase();
    const values = this.fields.get(key);
    if (values === undefined) this.fields.set(key, [value]);
    else values.push(value);
  }

  /** The first field of this name, unfolded and trimmed, octets as ISO 8859-1; empty where there is none. */
  get(name: string): string {
    return this.fields.get(name)?.[0] ?? '';
  }

  all(name: string): readonly string[] {
    return this.fields.get(name) ?? [];
  }

  has(name: string): boolean {
    return this.fields.has(name);
  }

  get size(): number {
    return this.count;
  }

  /** The value as a person reads it: encoded words (RFC 2047) and raw UTF-8 decoded. */
  text(name: string): string {
    return decodeWords(this.get(name));
  }
}

export type MimePart = {
  headers: MimeHeaders;
  /** In lower case, without parameters: "text/plain". */
  type: string;
  parameters: ReadonlyMap<string, string>;
  /** Decoded, lines ended by LF; empty for what is neither text nor a report. */
  text: string;
  /** The parts of a multipart, or the one message inside a message. */
  parts: MimePart[];
};

type Reading = { partsLeft: number };

export function parseMime(octets: Uint8Array): MimePart {
  const cut = octets.subarray(0, MAX_BYTES);
  const source = toLines(Buffer.from(cut.buffer, cut.byteOffset, cut.byteLength).toString('latin1'));
  return readPart(source, 'text/plain', 0, { partsLeft: MAX_PARTS });
}

function toLines(text: string): string {
  // A pattern, since replacing a string a million times by `replaceAll` takes a minute.
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

function readPart(source: string, defaultType: string, depth: number, reading: Reading): MimePart {
  const { headers, bodyAt } = readHeaders(source);
  const { value, parameters } = readParameters(headers.get('content-type'));
  const type = /^[a-z]+\/[^\s]+$/.test(value) ? value : defaultType;
  const part: MimePart = { headers, type, parameters, text: '', parts: [] };
  const body = source.slice(bodyAt);
  if (depth >= MAX_DEPTH || reading.partsLeft <= 0) return part;
  if (type.startsWith('multipart/')) {
    part.parts = readMultipart(body, type, parameters.get('boundary') ?? '', depth, reading);
    if (part.parts.length > 0) return part;
    part.type = 'text/plain';
  }
  if (isMessage(type)) {
    reading.partsLeft -= 1;
    part.parts = [readPart(decodeTransfer(body, headers), 'text/plain', depth + 1, reading)];
  } else if (isReadable(part.type)) {
    part.text = decodeCharset(decodeTransfer(body, headers), parameters.get('charset') ?? '').slice(0, MAX_TEXT);
  }
  return part;
}

export function isMessage(type: string): boolean {
  return type === 'message/rfc822' || type === 'message/global' || type === 'message/rfc2822';
}

function isReadable(type: string): boolean {
  return type.startsWith('text/') || type.startsWith('message/') || type.startsWith('application/xml');
}

/** The fields before the first empty line; a line that is no field at all ends them too. Parses message/delivery-status alike. */
export function readHeaders(source: string): { headers: MimeHeaders; bodyAt: number } {
  const headers = new MimeHeaders();
  let at = 0;
  let name = '';
  let value = '';
  const flush = () => {
    if (name !== '') headers.add(name, value.trim());
    name = '';
  };
  while (at < source.length) {
    const end = source.indexOf('\n', at);
    const next = end === -1 ? source.length : end + 1;
    const line = source.slice(at, Math.min(end === -1 ? source.length : end, at + MAX_HEADER_CHARS));
    if (line === '') {
      flush();
      return { headers, bodyAt: next };
    }
    if (/^[ \t]/.test(line)) {
      if (name === '' && headers.size === 0) return { headers, bodyAt: at };
      if (value.length < MAX_HEADER_CHARS) value += ` ${line.trim()}`;
    } else {
      flush();
      const colon = line.indexOf(':');
      if (colon > 0 && colon <= 78 && !/\s\S/.test(line.slice(0, colon))) {
        name = line.slice(0, colon).trim();
        value = line.slice(colon + 1);
      } else if (!(at === 0 && /^>?From /.test(line))) return { headers, bodyAt: at };
    }
    at = next;
  }
  flush();
  return { headers, bodyAt: source.length };
}

/** "text/plain; charset=utf-8": the value in lower case and the parameters, quoted or not (RFC 2045 §5.1). */
export function readParameters(field: string): { value: string; parameters: Map<string, string> } {
  const parameters = new Map<string, string>();
  const semicolon = field.indexOf(';');
  const value = (semicolon === -1 ? field : field.slice(0, semicolon)).trim().toLowerCase();
  let at = semicolon === -1 ? field.length : semicolon + 1;
  while (at < field.length) {
    const equals = field.indexOf('=', at);
    if (equals === -1) break;
    const name = field.slice(at, equals).replace(/;/g, ' ').trim().toLowerCase();
    let from = equals + 1;
    while (field[from] === ' ' || field[from] === '\t') from += 1;
    let end: number;
    let found: string;
    if (field[from] === '"') {
      const close = field.indexOf('"', from + 1);
      end = close === -1 ? field.length : close + 1;
      found = field.slice(from + 1, close === -1 ? field.length : close);
    } else {
      const close = field.indexOf(';', from);
      end = close === -1 ? field.length : close;
      found = field.slice(from, end).trim();
    }
    if (name !== '' && !parameters.has(name)) parameters.set(name, found);
    at = end + (field[end] === ';' ? 1 : 0);
  }
  return { value, parameters };
}

/**
 * The parts between the delimiter lines. Without the boundary that was promised, the first line that looks like one is taken for it:
 * gateways rewrite the header and not the body. What stands before the first delimiter is a part where it is all there is.
 */
function readMultipart(body: string, type: string, boundary: string, depth: number, reading: Reading): MimePart[] {
  let pieces = boundary === '' ? null : split(body, boundary);
  if (pieces === null) {
    const guessed = /(?:^|\n)--([^\s-][^\n]{5,98}|-+[^\s-][^\n]{5,98})\ncontent-/i.exec(body)?.[1];
    if (guessed !== undefined) pieces = split(body, guessed.trimEnd());
  }
  if (pieces === null) return [];
  const defaultType = type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
  const parts: MimePart[] = [];
  for (const piece of pieces) {
    if (reading.partsLeft <= 0) break;
    reading.partsLeft -= 1;
    parts.push(readPart(piece, defaultType, depth + 1, reading));
  }
  return parts;
}

function split(body: string, boundary: string): string[] | null {
  const delimiter = `--${boundary}`;
  const pieces: string[] = [];
  let from = -1;
  let at = body.indexOf(delimiter);
  while (at !== -1 && pieces.length < MAX_PARTS) {
    const after = at + delimiter.length;
    const end = body.indexOf('\n', after);
    const rest = body.slice(after, Math.min(end === -1 ? body.length : end, after + 100)).trimEnd();
    if ((at === 0 || body[at - 1] === '\n') && (rest === '' || rest === '--')) {
      if (from !== -1) pieces.push(body.slice(from, Math.max(from, at - 1)));
      from = end === -1 ? body.length : end + 1;
      if (rest === '--') return pieces.length === 0 ? null : pieces;
    }
    at = body.indexOf(delimiter, after);
  }
  if (from === -1) return null;
  pieces.push(body.slice(from));
  return pieces;
}

function decodeTransfer(body: string, headers: MimeHeaders): string {
  const encoding = headers.get('content-transfer-encoding').toLowerCase();
  if (encoding.startsWith('base64')) return toLines(Buffer.from(body, 'base64').toString('latin1'));
  if (encoding.startsWith('quoted-printable')) return decodeQuoted(body);
  return body;
}

/** RFC 2045 §6.7; a "=" that introduces nothing stands for itself. */
function decodeQuoted(text: string): string {
  const decoded = text
    .replace(/=[ \t]{0,20}\n/g, '')
    .replace(/=([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return toLines(decoded);
}

/** Octets held as ISO 8859-1 to text. A charset that nobody knows, or none: UTF-8 where it is that, or else Windows-1252. */
function decodeCharset(octets: string, charset: string): string {
  const label = charset.trim().toLowerCase();
  if (!/[\u0080-\u00ff\u001b]/.test(octets)) return octets;
  const bytes = Buffer.from(octets.slice(0, MAX_TEXT * 4), 'latin1');
  const isNamed = label !== '' && label !== 'us-ascii' && label !== 'utf-8' && label !== 'utf8';
  return (isNamed ? decodeAs(label, bytes, false) : null) ?? guessCharset(octets, bytes);
}

function guessCharset(octets: string, bytes: Buffer): string {
  if (/\u001b[$(]/.test(octets)) return decodeAs('iso-2022-jp', bytes, false) ?? octets;
  return decodeAs('utf-8', bytes, true) ?? decodeAs('windows-1252', bytes, false) ?? octets;
}

function decodeAs(label: string, bytes: Buffer, isStrict: boolean): string | null {
  try {
    return new TextDecoder(label, { fatal: isStrict }).decode(bytes);
  } catch {
    return null;
  }
}

/** RFC 2047; adjacent encoded words are joined. */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return decodeCharset(value, '');
  return value
    .replace(/\?=\s{1,10}=\?/g, '?==?')
    .replace(
      /=\?([A-Za-z0-9_.:*-]{1,40})\?([bBqQ])\?([^?\s]{0,2000})\?=/g,
      (_all, charset: string, encoding: string, text: string) => {
        const octets =
          encoding.toLowerCase() === 'b'
            ? Buffer.from(text, 'base64').toString('latin1')
            : decodeQuoted(text.replace(/_/g, ' '));
        return decodeCharset(octets, charset.split('*')[0] ?? '');
      },
    );
}

/** Text of HTML, roughly: tags away, blocks on lines of their own, the few entities that reports use. */
export function textOfHtml(html: string): string {
  const pieces: string[] = [];
  const unclosed = new Set<string>();
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    pieces.push(html.slice(at, open === -1 ? html.length : open));
    if (open === -1) break;
    const name = /^<\/?([a-zA-Z!][a-zA-Z0-9-]{0,10})/.exec(html.slice(open, open + 14))?.[1]?.toLowerCase();
    if (name === undefined) {
      pieces.push('<');
      at = open + 1;
      continue;
    }
    const close = html.indexOf('>', open);
    if (close === -1) break;
    at = close + 1;
    if (name === 'style' || name === 'script' || name === 'head') {
      if (html[open + 1] === '/' || unclosed.has(name)) continue;
      const end = html.indexOf(`</${name}`, at);
      if (end === -1) unclosed.add(name);
      else at = end;
    } else if (/^(?:br|p|div|tr|li|h[1-6]|table|pre|hr|td)$/.test(name)) pieces.push('\n');
  }
  return pieces
    .join('')
    .replace(/&nbsp;/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&#64;/g, '@')
    .replace(/&amp;/g, '&');
}
