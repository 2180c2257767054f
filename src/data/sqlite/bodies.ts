/** Stored bodies: as they came, and compressed by a later sweep. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export function packBody(body: Uint8Array): Uint8Array {
  return zstdCompressSync(body);
}

export function unpackBody(body: Uint8Array): Uint8Array {
  return zstdDecompressSync(body);
}
