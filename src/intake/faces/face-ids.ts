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
