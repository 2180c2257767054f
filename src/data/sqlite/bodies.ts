/** Stored bodies: the text of core/content-text.ts, in its row or in a blob; in a row it is compressed by a later sweep. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** What the column `body_form` says of the body beside it. */
export const BODY_NONE = 0;
export const BODY_TEXT = 1;
export const BODY_ZSTD = 2;
export const BODY_BLOB = 3;

/** A body as a row has it: the text or what became of it, or the hash of its blob. */
export type BodyRow = { body_form: number; body: Uint8Array | string | null };

/** The octets of the text, or the blob that holds them; null where it was removed, or cannot be read any more. */
export function openBody({ body_form, body }: BodyRow): { inline: Uint8Array } | { blob: string } | null {
  if (body === null) return null;
  if (body_form === BODY_BLOB) return { blob: String(body) };
  const octets = typeof body === 'string' ? Buffer.from(body) : body;
  if (body_form === BODY_TEXT) return { inline: octets };
  const unpacked = body_form === BODY_ZSTD ? unpackBody(octets) : null;
  return unpacked === null ? null : { inline: unpacked };
}

/** With a checksum, so that a flipped bit is found and not sent. */
const PARAMS = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: 3 };

export function packBody(body: Uint8Array): Uint8Array {
  return zstdCompressSync(body, { params: PARAMS });
}

/** Null where it is not what was packed. */
function unpackBody(body: Uint8Array): Uint8Array | null {
  try {
    return zstdDecompressSync(body);
  } catch {
    return null;
  }
}
