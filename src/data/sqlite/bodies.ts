/** Stored bodies: the text of core/content-text.ts, compressed by a later sweep. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** What the column `body_form` says of the body beside it. */
export const BODY_NONE = 0;
export const BODY_JSON = 1;
export const BODY_ZSTD = 2;
export const BODY_BLOB = 3;

/** With a checksum, so that a flipped bit is found and not sent. */
const PARAMS = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: 3 };

export function packBody(body: Uint8Array): Uint8Array {
  return zstdCompressSync(body, { params: PARAMS });
}

/** Null where it is not what was packed. */
export function unpackBody(body: Uint8Array): Uint8Array | null {
  try {
    return zstdDecompressSync(body);
  } catch {
    return null;
  }
}
