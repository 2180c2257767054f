/**
 * The same id in the forms that other systems' clients know: a UUID is the 128 bits of a TypeID, `eml_` and 24 characters are its free
 * bits in base 36, `req_` has the same characters behind another prefix. All are computed, both ways; nothing of them is stored.
 */
import { decodeTypeId, encodeTypeId } from './ids.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const SHORT = /^eml_[0-9a-z]{24}$/;
const SHORT_DIGITS = 24;

/** The 128 bits of a TypeID (`msg_…`) as a UUID (RFC 9562 §4). Throws on what is no TypeID of this kind. */
export function uuidOf(prefix: string, id: string): string {
  const hex = hexOf(prefix, id);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Our id of what a UUID names; null where the text is neither a UUID nor our own id. */
export function idOfUuid(prefix: string, text: string): string | null {
  if (decodeTypeId(prefix, text) !== null) return text;
  return UUID.test(text) ? encodeTypeId(prefix, Buffer.from(text.replaceAll('-', ''), 'hex')) : null;
}

/** `eml_…` for `msg_…`: what a UUID of version 7 holds beside version and variant (RFC 9562 §5.7). Throws on any other text. */
export function shortOf(id: string): string {
  const bits = BigInt(`0x${hexOf('msg', id)}`);
  const free = ((bits >> 80n) << 74n) | (((bits >> 64n) & 0xfffn) << 62n) | (bits & ((1n << 62n) - 1n));
  return `eml_${free.toString(36).padStart(SHORT_DIGITS, '0')}`;
}

/** The `msg_…` that an `eml_…` stands for; null for any other text. */
export function idOfShort(text: string): string | null {
  if (!SHORT.test(text)) return null;
  let free = 0n;
  for (const digit of text.slice(4)) free = free * 36n + BigInt(Number.parseInt(digit, 36));
  if (free >> 122n !== 0n) return null;
  const high = ((free >> 74n) << 80n) | (7n << 76n) | (((free >> 62n) & 0xfffn) << 64n);
  const bits = high | (2n << 62n) | (free & ((1n << 62n) - 1n));
  return encodeTypeId('msg', Buffer.from(bits.toString(16).padStart(32, '0'), 'hex'));
}

/** `req_…` for `msg_…`: the same bits. Throws on any other text. */
export function requestOf(id: string): string {
  const bytes = decodeTypeId('msg', id);
  if (bytes === null) throw new RangeError(`${id} is no msg_ id`);
  return encodeTypeId('req', bytes);
}

/** The `msg_…` that a `req_…` stands for; null for any other text. */
export function idOfRequest(text: string): string | null {
  const bytes = decodeTypeId('req', text);
  return bytes === null ? null : encodeTypeId('msg', bytes);
}

/** Our id of a message, whichever form of it was given; any other text as it is. */
export function messageIdIn(text: string): string {
  return idOfUuid('msg', text) ?? idOfShort(text) ?? idOfRequest(text) ?? text;
}

function hexOf(prefix: string, id: string): string {
  const bytes = decodeTypeId(prefix, id);
  if (bytes === null) throw new RangeError(`${id} is no ${prefix}_ id`);
  return Buffer.from(bytes).toString('hex');
}
