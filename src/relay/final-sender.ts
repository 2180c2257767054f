/**
 * The last look at who a message says it is from, on the very octets that go out: exactly one From with exactly one address, the
 * one that was decided on, and nothing beside it that speaks for another sender (RFC 5322 §3.6.2, §3.6.6).
 *
 * What composed these octets keeps to this already; whoever gets another way past it meets this. Linear.
 */
import { readDomain } from '../base/domain.ts';

/** What is wrong, for the sentence "the message …"; null: nothing. `email`: the address that was decided on. */
export function senderProblem(bytes: Uint8Array, email: string): string | null {
  const octets = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = octets.indexOf('\r\n\r\n');
  const head = octets.toString('utf8', 0, end < 0 ? octets.length : end);
  // A reader that takes one of them for a line end sees other fields than we do.
  if (/\r(?!\n)|(?<!\r)\n/.test(head)) return 'has a bare CR or LF in its header';
  const froms: string[] = [];
  for (const field of head.split(/\r\n(?![ \t])/)) {
    const colon = field.indexOf(':');
    const name = field.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name === 'from') froms.push(field.slice(colon + 1));
    else if (name === 'sender' || name === 'return-path' || name.startsWith('resent-')) {
      return `has a ${name} field beside its From`;
    }
  }
  if (froms.length !== 1) return `has ${froms.length} From fields`;
  const address = onlyAddress(froms[0]!);
  if (address === null) return 'has a From that is not exactly one address';
  return isSame(address, email) ? null : 'has another From than was decided on';
}

/** The one address of a From value, or null where it is none, or more. */
function onlyAddress(value: string): string | null {
  const text = value.replaceAll('\r\n', '');
  let isQuoted = false;
  let opened = -1;
  let closed = -1;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i]!;
    if (isQuoted) {
      if (character === '\\') i += 1;
      else if (character === '"') isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === '<') {
      if (opened >= 0) return null;
      opened = i;
    } else if (character === '>') {
      if (opened < 0 || closed >= 0) return null;
      closed = i;
    } else if (character === ',' || character === ';' || character === '(') return null;
  }
  if (isQuoted || opened >= 0 !== closed >= 0) return null;
  if (opened < 0) return text.trim();
  return text.slice(closed + 1).trim() === '' ? text.slice(opened + 1, closed) : null;
}

/** The same local part, and the same domain whichever way it is written. */
function isSame(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [one, other].map((email) => email.lastIndexOf('@')) as [number, number];
  return one.slice(0, a) === other.slice(0, b) && plain(one.slice(a + 1)) === plain(other.slice(b + 1));
}

function plain(domain: string): string {
  const read = readDomain(domain);
  return read.ok ? read.domain : domain;
}
