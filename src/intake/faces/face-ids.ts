/** A face's ids: the same value as ours in another form, computed both ways. */
import { decodeTypeId, encodeTypeId } from '../../base/ids.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The 128 bits of a TypeID (`msg_…`) as a UUID (RFC 9562 §4). Throws on what is no TypeID of this kind. */
export function uuidOf(prefix: string, id: string): string {
  const bytes = decodeTypeId(prefix, id);
  if (bytes === null) throw new RangeError(`${id} is no ${prefix}_ id`);
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Our id of what a UUID names; null where the text is neither a UUID nor our own id. */
export function idOfUuid(prefix: string, text: string): string | null {
  if (decodeTypeId(prefix, text) !== null) return text;
  return UUID.test(text) ? encodeTypeId(prefix, Buffer.from(text.replaceAll('-', ''), 'hex')) : null;
}

const FREE_CHARS = 24;
const FREE = /^[0-9a-z]{24}$/;
const RADIX = 36n;

/**
 * The 122 bits of a version 7 UUID that are free (RFC 9562 §5.7: all but version and variant) in base 36, as 24 characters
 * after `prefix_`.
 */
export function freeBitsOf(prefix: string, kind: string, id: string): string {
  const bytes = decodeTypeId(kind, id);
  if (bytes === null) throw new RangeError(`${id} is no ${kind}_ id`);
  const all = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const free = ((all >> 80n) << 74n) | (((all >> 64n) & 0xfffn) << 62n) | (all & ((1n << 62n) - 1n));
  return `${prefix}_${free.toString(36).padStart(FREE_CHARS, '0')}`;
}

/** Our id (`kind_…`) of what such a text names; null where it is neither that nor our own id. */
export function idOfFreeBits(prefix: string, kind: string, text: string): string | null {
  if (decodeTypeId(kind, text) !== null) return text;
  if (!text.startsWith(`${prefix}_`) || !FREE.test(text.slice(prefix.length + 1))) return null;
  let free = 0n;
  for (const char of text.slice(prefix.length + 1)) free = free * RADIX + BigInt(Number.parseInt(char, 36));
  if (free >> 122n !== 0n) return null;
  const all =
    ((free >> 74n) << 80n) |
    (7n << 76n) |
    (((free >> 62n) & 0xfffn) << 64n) |
    (2n << 62n) |
    (free & ((1n << 62n) - 1n));
  return encodeTypeId(kind, Buffer.from(all.toString(16).padStart(32, '0'), 'hex'));
}
