/** Custom headers: which names a caller may set, and what a value may hold. */

import { isStorable, isWithinOctets } from '../base/text.ts';
import { type FieldErrors, isFields, within } from './field-errors.ts';

const maxHeaders = 50;
const maxNameLength = 76;
const maxValueOctets = 998;

/** Written by Postern, or by the relays on the way, in lower case; a caller's own would contradict them. */
const owned: ReadonlySet<string> = new Set(
  (
    'from sender reply-to to cc bcc apparently-to subject date message-id in-reply-to references return-path received ' +
    'delivered-to mime-version dkim-signature domainkey-signature authentication-results received-spf feedback-id ' +
    'list-unsubscribe list-unsubscribe-post'
  ).split(' '),
);
const ownedPrefixes = ['content-', 'x-postern-', 'resent-', 'arc-', 'list-unsubscribe-'];

/** A field name (RFC 5322 §3.6.8), kept to the characters of a token, so that none looks like an encoded word or an address. */
const fieldName = /^[!#$%&'*+.0-9A-Z^_`a-z|~-]+$/;
/** Controls but the tab; what lies beyond ASCII is encoded on the wire. */
const valueControls = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * The headers of a mail that another program wrote: a name may stand again, and more and longer ones are taken than from a caller
 * who writes them himself, since those that mail gathers on its way are many.
 */
export class MailHeaders {
  readonly pairs: readonly (readonly [name: string, value: string])[];

  constructor(pairs: readonly (readonly [name: string, value: string])[]) {
    this.pairs = pairs;
  }
}

const maxMailHeaders = 200;
const maxMailValueOctets = 8_000;

/** Whether a header is Postern's own to write. */
export function isOwnedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return owned.has(lower) || ownedPrefixes.some((prefix) => lower.startsWith(prefix));
}

/** Reads {"X-Name": "value"} into pairs in the order given. */
export function readHeaders(value: unknown, errors: FieldErrors): [name: string, value: string][] {
  const headers: [string, string][] = [];
  if (value === undefined || value === null) return headers;
  if (value instanceof MailHeaders) return readMailHeaders(value, errors);
  if (!isFields(value)) {
    errors.invalid('headers', 'It must be an object of header names and values.');
    return headers;
  }
  const seen = new Set<string>();
  for (const name in value) {
    if (seen.size >= maxHeaders) {
      errors.invalid('headers', `It has at most ${maxHeaders} headers.`);
      return headers;
    }
    const text = value[name];
    const trouble = nameTrouble(name, seen) ?? valueTrouble(text);
    if (trouble !== null) errors.invalid(within('headers', name), trouble);
    else headers.push([name, text as string]);
    seen.add(name.toLowerCase());
  }
  return headers;
}

function readMailHeaders({ pairs }: MailHeaders, errors: FieldErrors): [string, string][] {
  if (pairs.length > maxMailHeaders) errors.invalid('headers', `It has at most ${maxMailHeaders} headers of its own.`);
  const headers: [string, string][] = [];
  for (const [name, text] of pairs.slice(0, maxMailHeaders)) {
    const trouble = nameTrouble(name, none) ?? valueTrouble(text, maxMailValueOctets);
    if (trouble !== null) errors.invalid(within('headers', name), trouble);
    else headers.push([name, text]);
  }
  return headers;
}

const none: ReadonlySet<string> = new Set();

function nameTrouble(name: string, seen: ReadonlySet<string>): string | null {
  if (name.length > maxNameLength || !fieldName.test(name)) {
    return `A header name is 1 to ${maxNameLength} ASCII letters, digits and hyphens, such as "X-Job".`;
  }
  if (isOwnedHeader(name)) {
    return 'This header is written by Postern; where it may be set, it has a field of its own.';
  }
  return seen.has(name.toLowerCase()) ? 'The same header stands twice, in another letter case.' : null;
}

function valueTrouble(value: unknown, maxOctets = maxValueOctets): string | null {
  if (typeof value !== 'string') return 'A header value must be a string.';
  if (!isWithinOctets(value, maxOctets)) return `A header value has at most ${maxOctets} octets.`;
  if (!isStorable(value) || valueControls.test(value)) {
    return 'A header value holds no line ends, no control characters and no lone surrogates.';
  }
  return null;
}
