/**
 * Header fields: text, names, addresses, ids and parameters turned into lines (RFC 5322, RFC 2047, RFC 2231, RFC 6532).
 *
 * What holds for every result: one field, no CR or LF but in its own folds, no line of more than 998 octets (76 wherever
 * the content lets itself be folded), and nothing in it that reads as more than the caller's value. Text that would be
 * decoded by a reader (`=?…?=`) is encoded itself, so that it arrives as it was written. What cannot be carried (CR, LF, NUL,
 * lone surrogates; in addresses and ids also blanks and specials) is a ComposeFault.
 *
 * Absent on purpose: parsing. Nothing here takes a header apart or guesses what a string may contain.
 */

import { domainToASCII } from 'node:url';
import { buildHeaderParam, encodeWord } from 'nodemailer/lib/mime-funcs';
import { ComposeFault } from './compose-fault.ts';

/** Preferred longest line, without CRLF: RFC 2047 §2 allows 76 to a line with encoded words. */
const LINE = 76;

/** A stretch without blanks longer than this is encoded, so that a line with the field name stays below 998 octets. */
const MAX_WORD = 800;

const MAX_NAME = 76;

export type HeaderAddress = { email: string; name: string | null };

/** `Name: text`, folded before blanks; a whole field with its CRLF. `text` must be free of line breaks. */
export function foldField(name: string, text: string): string {
  if (name.length + 2 + text.length <= LINE) return `${name}: ${text}\r\n`;
  return foldChunks(name, splitChunks(text));
}

/** A chunk may begin with blanks, which stay: a fold goes before them, never inside a chunk. */
function foldChunks(name: string, chunks: readonly string[]): string {
  let folded = `${name}: ${chunks[0] ?? ''}`;
  let column = folded.length;
  for (let i = 1; i < chunks.length; i++) {
    const chunk = chunks[i]!;
    if (column + chunk.length > LINE) {
      folded += '\r\n';
      column = 0;
    }
    folded += chunk;
    column += chunk.length;
  }
  return `${folded}\r\n`;
}

/** Text as chunks of its leading blanks and the word behind them. */
function splitChunks(text: string): string[] {
  const chunks: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = start;
    while (text.charCodeAt(end) === 0x20) end++;
    while (end < text.length && text.charCodeAt(end) !== 0x20) end++;
    chunks.push(text.slice(start, end));
    start = end;
  }
  return chunks;
}

/** A field of free text: Subject and what a caller adds (RFC 5322 §2.2.1 unstructured, RFC 2047 §5 rule 1). */
export function textField(name: string, value: string, field: string): string {
  checkText(value, field);
  return foldField(name, isPlainText(value) ? value : encodeText(value));
}

/** A field of addresses; the empty string where there are none. `isUtf8`: the message needs SMTPUTF8 anyway. */
export function addressField(
  name: string,
  addresses: readonly HeaderAddress[],
  isUtf8: boolean,
  field: string,
): string {
  if (addresses.length === 0) return '';
  const chunks: string[] = [];
  addresses.forEach((address, i) => {
    const place = addresses.length === 1 ? field : `${field}[${i}]`;
    const addrSpec = formatAddrSpec(address.email, isUtf8, `${place}.email`);
    const first = chunks.length;
    if (address.name === null || address.name === '') {
      chunks.push(addrSpec);
    } else {
      checkText(address.name, `${place}.name`);
      chunks.push(...splitChunks(formatPhrase(address.name)), ` <${addrSpec}>`);
    }
    if (i > 0) {
      chunks[first - 1] += ',';
      chunks[first] = ` ${chunks[first]}`;
    }
  });
  return foldChunks(name, chunks);
}

/** A field of msg-ids, each in angle brackets whether it came so or not (RFC 5322 §3.6.4). */
export function idField(name: string, ids: readonly string[], field: string): string {
  if (ids.length === 0) return '';
  return foldField(name, ids.map((id, i) => formatId(id, ids.length === 1 ? field : `${field}[${i}]`)).join(' '));
}

/** `<id>`; printable ASCII without blanks and angle brackets. */
export function formatId(id: string, field: string): string {
  const bare = id.startsWith('<') && id.endsWith('>') ? id.slice(1, -1) : id;
  if (!/^[!-;=?-~]+$/.test(bare) || bare.length > MAX_WORD)
    throw new ComposeFault(field, 'is not one message or content id');
  return `<${bare}>`;
}

/** A name for a field that a caller adds: the characters of a token (narrower than RFC 5322 §2.2, which allows "=?" too). */
export function checkFieldName(name: string, field: string): void {
  if (!/^[!#$%&'*+.0-9A-Z^_`a-z|~-]+$/.test(name) || name.length > MAX_NAME)
    throw new ComposeFault(field, 'is not a header name');
}

/** `; name=value` with quoting or RFC 2231 where needed, several parts for a long value, each led by "; ". */
export function formatParameter(name: string, value: string, field: string): string {
  checkText(value, field);
  if (/^[A-Za-z0-9_.+-]{1,60}$/.test(value)) return `; ${name}=${value}`;
  if (/^[ -~]{1,60}$/.test(value) && !value.includes('=?')) return `; ${name}="${escapeQuoted(value)}"`;
  return buildHeaderParam(name, value, 50)
    .map((part) =>
      part.key.endsWith('*') ? `; ${part.key}=${part.value}` : `; ${part.key}="${escapeQuoted(part.value)}"`,
    )
    .join('');
}

/** Whether the address as given can only travel with SMTPUTF8 (RFC 6531): its local part is not ASCII. */
export function needsUtf8(email: string): boolean {
  const at = email.lastIndexOf('@');
  return !isAscii(email.slice(0, at));
}

/** Bars what no header can carry, encoded or not. */
function checkText(text: string, field: string): void {
  if (/[\r\n\0]/.test(text)) throw new ComposeFault(field, 'has a line break or NUL');
  if (!text.isWellFormed()) throw new ComposeFault(field, 'has a lone surrogate');
}

/** RFC 5322 §3.4.1 addr-spec. Exactly one "@" outside a quoted local part, so that no reader can see another domain. */
function formatAddrSpec(email: string, isUtf8: boolean, field: string): string {
  const at = email.lastIndexOf('@');
  const local = email.slice(0, Math.max(at, 0));
  const domain = email.slice(at + 1);
  if (Buffer.byteLength(local) > 64 || Buffer.byteLength(domain) > 255) throw new ComposeFault(field, 'is too long');
  if (!isLocalPart(local) || !isDomain(domain)) throw new ComposeFault(field, 'is not one e-mail address');
  if (isUtf8 || isAscii(domain)) return email;
  const aLabel = domainToASCII(domain);
  if (!/^[a-z0-9._-]+$/.test(aLabel)) throw new ComposeFault(field, 'has no domain that DNS could know');
  return `${local}@${aLabel}`;
}

/** Not ASCII and neither blank, control, separator, bidi control nor surrogate: what RFC 6532 adds to atext, less the invisible. */
const UTF8_ATEXT = '[^\\0-\\x7f\\p{Cc}\\p{Cs}\\p{Z}\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]';
const DOT_ATOM = new RegExp(`^(?:[\\w!#$%&'*+/=?^\`{|}~.-]|${UTF8_ATEXT})+$`, 'u');
const QUOTED_STRING = new RegExp(`^"(?:[ !#-\\[\\]-~]|\\\\[ -~]|${UTF8_ATEXT})*"$`, 'u');
const DOMAIN = new RegExp(`^(?:[A-Za-z0-9._-]|${UTF8_ATEXT})+$`, 'u');

function isLocalPart(local: string): boolean {
  if (QUOTED_STRING.test(local)) return !local.includes('=?');
  const isDotAtom = DOT_ATOM.test(local) && !local.startsWith('.') && !local.endsWith('.') && !local.includes('..');
  return isDotAtom && !local.includes('=?');
}

function isDomain(domain: string): boolean {
  return DOMAIN.test(domain);
}

/** A display name: as it is where it is words, quoted where it is ASCII, else encoded words (RFC 2047 §5 rule 3). */
function formatPhrase(name: string): string {
  if (isPlainText(name)) {
    if (/^[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+$/.test(name)) return name;
    // Readers agree on folded encoded words more than on folds inside a quoted string.
    if (name.length <= LINE) return `"${escapeQuoted(name)}"`;
  }
  return encodeText(name);
}

function encodeText(text: string): string {
  // Q where most is readable, B where it is shorter: a character of two to four octets costs six to twelve in Q.
  return encodeWord(text, Buffer.byteLength(text) - text.length > text.length / 6 ? 'B' : 'Q', 52);
}

/** Printable ASCII that every reader takes literally and that survives folding: no "=?", no blanks at the ends, no endless word. */
function isPlainText(text: string): boolean {
  if (!/^[ -~]*$/.test(text) || text.includes('=?')) return false;
  if (text.startsWith(' ') || text.endsWith(' ')) return false;
  return text.length <= MAX_WORD || splitChunks(text).every((chunk) => chunk.length <= MAX_WORD);
}

function escapeQuoted(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
