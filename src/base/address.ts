/**
 * E-mail addresses as callers write them: one address, strictly.
 *
 * `readAddress` takes a Mailbox of RFC 5321 §4.1.2, with UTF-8 as RFC 6531 §3.3 adds it; `readMailbox` also takes
 * "Name <a@b>" (RFC 5322 §3.4, name-addr) and {email, name}. Invariant: what is routed is what was read. A value holds one
 * address and nothing else, so no two parsers can disagree about its domain; it is read in one pass, without backtracking,
 * after its length was checked. Deliberately absent: comments, folding, groups, routes, domain literals and the obsolete
 * forms; knowledge of providers (dots and plus-tags are kept).
 *
 * The `key` tells whether two addresses are one for suppressions and counters: the local part in NFC and lower case,
 * unquoted where it needs no quotes, and the domain in lower-case A-labels. On the wire goes what was given.
 */
import { readDomain } from './domain.ts';
import { hasControl, hasInvisible, isStorable, isWithinOctets } from './text.ts';

/** An address as the canonical submission holds it (core/message.ts has the same shape; this folder imports no other). */
export type Address = {
  email: string;
  name: string | null;
  key: string;
  domain: string;
  isMixedScript?: true;
};

export type AddressReading = { ok: true; address: Address } | { ok: false; message: string };

export type MailboxReading = { ok: true; address: Address } | { ok: false; field: 'email' | 'name'; message: string };

const maxOctets = 254;
const maxLocalOctets = 64;
const maxNameOctets = 998;
const maxMailboxLength = maxOctets + 2 * maxNameOctets;

/** 1 for the characters of an atom (RFC 5322 §3.2.3, atext). */
const atext = new Uint8Array(128);
for (const character of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~") {
  atext[character.charCodeAt(0)] = 1;
}

/** The key of one bare address, or null where it is none. */
export function addressKey(value: string): string | null {
  const reading = readAddress(value);
  return reading.ok ? reading.address.key : null;
}

/** Reads one bare address; `address.name` is null. */
export function readAddress(value: string): AddressReading {
  if (value.length > maxOctets) return refused('An address has at most 254 octets, and a field holds one address.');
  if (value.charCodeAt(0) === 0x22) return readQuoted(value);
  let at = 0;
  let isAscii = true;
  let hasCapitals = false;
  for (let last = 0x2e; ; at++) {
    const unit = value.charCodeAt(at);
    if (unit === 0x40 || unit === 0x2e) {
      if (last === 0x2e) return refused(dotTrouble(at, unit));
      if (unit === 0x40) break;
    } else if (unit >= 0x80) {
      isAscii = false;
    } else if (!(unit < 0x80 && atext[unit] === 1)) {
      return refused(localTrouble(value, at));
    } else if (unit >= 0x41 && unit <= 0x5a) {
      hasCapitals = true;
    }
    last = unit;
  }
  const domain = value.slice(at + 1);
  const reading = readDomain(domain);
  if (!reading.ok) return refused(domainTrouble(domain, reading.message));
  if (isAscii && at <= maxLocalOctets) {
    // Most are their own key: nothing is put together anew.
    if (!hasCapitals && reading.domain === domain && !reading.isMixedScript) {
      return { ok: true, address: { email: value, name: null, key: value, domain } };
    }
    return accepted(value, value.slice(0, at).toLowerCase(), reading.domain, reading.isMixedScript);
  }
  const local = value.slice(0, at);
  const trouble = unicodeTrouble(local);
  if (trouble !== null) return refused(trouble);
  return accepted(value, foldCase(local), reading.domain, reading.isMixedScript);
}

function accepted(email: string, local: string, domain: string, isMixedScript: boolean): AddressReading {
  const key = `${local}@${domain}`;
  if (!isWithinOctets(email, maxOctets) || !isWithinOctets(key, maxOctets)) {
    return refused('An address has at most 254 octets.');
  }
  const address: Address = { email, name: null, key, domain };
  if (isMixedScript) address.isMixedScript = true;
  return { ok: true, address };
}

function refused(message: string): { ok: false; message: string } {
  return { ok: false, message };
}

function dotTrouble(at: number, unit: number): string {
  if (at === 0 && unit === 0x40) return 'Nothing stands before the "@".';
  return 'A local part neither begins nor ends with a dot, nor holds two in a row, unless it is quoted.';
}

function localTrouble(value: string, at: number): string {
  if (at === value.length) return 'It has no "@": an address is written as bob@example.com.';
  const character = value.charAt(at);
  if (character === '<' || character === '>') return 'Give the bare address here, without angle brackets.';
  if (character === ',' || character === ';' || character === ':') return 'A field holds one address, without groups.';
  if (character === '(' || character === ')') return 'Comments are not taken in addresses.';
  if (character === ' ') return 'A blank stands in the address; only a quoted local part may hold one.';
  return 'A character stands before the "@" that must not stand there unquoted.';
}

/** The usual slips have a sentence of their own. */
function domainTrouble(domain: string, message: string): string {
  if (domain === '') return 'Nothing stands after the "@".';
  if (domain.startsWith('[')) return 'An IP address in brackets is not taken; give a domain.';
  if (/[,;@]/.test(domain)) return 'A field holds one address: an "@", a comma or a semicolon stands after the domain.';
  return domain.includes('(') ? 'Comments are not taken in addresses.' : message;
}

/** A local part in double quotes: blanks and specials, and a backslash before any of them (RFC 5321 §4.1.2, Quoted-string). */
function readQuoted(value: string): AddressReading {
  let content = '';
  let at = 1;
  for (; ; at++) {
    let unit = value.charCodeAt(at);
    if (unit === 0x22) break;
    if (unit === 0x5c) {
      unit = value.charCodeAt(++at);
      if (unit >= 0x80) return refused('A backslash stands before a character that takes none.');
    }
    if (Number.isNaN(unit)) return refused('The quoted local part is not closed.');
    if (unit < 0x20 || unit === 0x7f) return refused('A control character stands in the address.');
    content += value.charAt(at);
  }
  if (value.charCodeAt(at + 1) !== 0x40) return refused('After a quoted local part there must be an "@".');
  const reading = readDomain(value.slice(at + 2));
  if (!reading.ok) return refused(domainTrouble(value.slice(at + 2), reading.message));
  const trouble = unicodeTrouble(value.slice(0, at + 1));
  if (trouble !== null) return refused(trouble);
  const local = foldCase(content);
  const key = isDotAtom(local) ? local : `"${local.replace(/["\\]/g, '\\$&')}"`;
  return accepted(value, key, reading.domain, reading.isMixedScript);
}

function isDotAtom(local: string): boolean {
  let last = 0x2e;
  for (let i = 0; i < local.length; i++) {
    const unit = local.charCodeAt(i);
    if (unit === 0x2e ? last === 0x2e : unit < 0x80 && atext[unit] === 0) return false;
    last = unit;
  }
  return last !== 0x2e;
}

const unseen = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;
const plainAscii = /[\u0000-\u007f]+/g;
const specials = /[\s"(),.:;<>@[\\\]]/;

/** What is wrong with a local part that is long or not ASCII, quotes included, or null. */
function unicodeTrouble(local: string): string | null {
  if (!isWithinOctets(local, maxLocalOctets)) return 'A local part has at most 64 octets.';
  const beyondAscii = local.replace(plainAscii, '');
  if (unseen.test(beyondAscii)) return 'A character that cannot be seen stands in the address.';
  const compatible = beyondAscii.normalize('NFKC');
  return specials.test(compatible)
    ? 'A character stands in the address that passes for "@", a dot or another special.'
    : null;
}

/** Final sigma is a lower-case sigma too, and lower case may undo the normal form. */
function foldCase(local: string): string {
  return local.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

/** Reads "a@b.example", "Name <a@b.example>" or {email, name}; a name of nothing but blanks is none. */
export function readMailbox(value: string | { email: string; name?: string | null }): MailboxReading {
  if (typeof value !== 'string') return named(readAddress(value.email), value.name ?? '');
  if (value.charCodeAt(value.length - 1) !== 0x3e) return named(readAddress(value), '');
  if (value.length > maxMailboxLength) return inEmail('A field holds one address.');
  const phrase = readPhrase(value);
  if (!phrase.ok) return inEmail(phrase.message);
  return named(readAddress(value.slice(phrase.end + 1, -1)), phrase.name);
}

function named(reading: AddressReading, name: string): MailboxReading {
  if (!reading.ok) return inEmail(reading.message);
  if (name === '') return reading;
  const trouble = nameTrouble(name);
  if (trouble !== null) return { ok: false, field: 'name', message: trouble };
  if (name.trim() !== '') reading.address.name = name;
  return reading;
}

function inEmail(message: string): MailboxReading {
  return { ok: false, field: 'email', message };
}

/** What is wrong with a display name, or null. */
function nameTrouble(name: string): string | null {
  if (!isWithinOctets(name, maxNameOctets)) return 'A name has at most 998 octets.';
  if (!isStorable(name)) return 'A name holds no lone surrogates and no U+0000.';
  if (hasControl(name)) return 'A name holds no control characters and none that change the direction of text.';
  if (hasInvisible(name)) return 'A name holds no blanks without width.';
  return isBrokenOut(name)
    ? 'The name looks like an address that was cut in two: a ">" closes nothing after an "@".'
    : null;
}

/** "a@b.example> SIZE=1": harmless when quoted, but never a name; some relay or client down the road will not quote it. */
function isBrokenOut(name: string): boolean {
  const close = name.indexOf('>');
  if (close === -1) return false;
  const before = name.slice(0, close);
  return before.includes('@') && !before.includes('<');
}

type Phrase = { ok: true; name: string; end: number } | { ok: false; message: string };

/**
 * The words before the "<" (RFC 5322 §3.2.5), which stands at `end`. Words are atoms, quoted strings and UTF-8; dots may
 * stand in them ("John Q. Public"), which every mail program writes though only the obsolete grammar has it.
 */
function readPhrase(value: string): Phrase {
  let name = '';
  let isQuoted = false;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit === 0x22) {
      isQuoted = !isQuoted;
    } else if (isQuoted) {
      if (unit === 0x5c) i++;
      name += value.charAt(i);
    } else if (unit === 0x3c) {
      return { ok: true, name: name.trim(), end: i };
    } else if (unit < 0x80 && atext[unit] === 0 && unit !== 0x20 && unit !== 0x2e) {
      return refused(
        unit < 0x20 || unit === 0x7f
          ? 'A control character stands in the name.'
          : `A "${value.charAt(i)}" stands in the name: put the name in double quotes, or give {"email", "name"}; a field holds one address.`,
      );
    } else {
      name += value.charAt(i);
    }
  }
  return refused(isQuoted ? 'The quoted name is not closed.' : 'A ">" stands at the end without a "<" before it.');
}
