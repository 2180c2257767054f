/**
 * TypeIDs (TypeID specification 0.3): a prefix, an underscore, and a UUID of version 7 (RFC 9562 §5.7) in 26 characters of
 * Crockford's base32 in lower case. Ids made by one process are strictly increasing, so they may serve as a time order.
 */
import { randomFillSync } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** The five bits of an ASCII character, or 255. */
const bitsOf = new Uint8Array(128).fill(255);
for (let bits = 0; bits < 32; bits++) bitsOf[alphabet.charCodeAt(bits)] = bits;

const uuidBytes = 16;
const textLength = 26;

/** Code units of the alphabet, by five bits. */
const unitOf = new Uint8Array(32);
for (let bits = 0; bits < 32; bits++) unitOf[bits] = alphabet.charCodeAt(bits);

/** Reused: an id is made whole from its units, for pairs of characters put together leave a dozen strings behind. */
const units: number[] = new Array(textLength).fill(0);

/** Writes sixteen bytes as a TypeID. */
export function encodeTypeId(prefix: string, bytes: Uint8Array): string {
  if (bytes.length !== uuidBytes) throw new RangeError('A TypeID holds sixteen bytes');
  units[0] = unitOf[bytes[0]! >> 5]!;
  units[1] = unitOf[bytes[0]! & 31]!;
  for (let from = 1, at = 2; from < uuidBytes; from += 5, at += 8) fiveBytes(bytes, from, at);
  return `${prefix}_${String.fromCharCode(...units)}`;
}

/** Forty bits are eight characters. */
function fiveBytes(bytes: Uint8Array, from: number, at: number): void {
  const high = (bytes[from]! << 12) | (bytes[from + 1]! << 4) | (bytes[from + 2]! >> 4);
  const low = ((bytes[from + 2]! & 15) << 16) | (bytes[from + 3]! << 8) | bytes[from + 4]!;
  units[at] = unitOf[high >> 15]!;
  units[at + 1] = unitOf[(high >> 10) & 31]!;
  units[at + 2] = unitOf[(high >> 5) & 31]!;
  units[at + 3] = unitOf[high & 31]!;
  units[at + 4] = unitOf[low >> 15]!;
  units[at + 5] = unitOf[(low >> 10) & 31]!;
  units[at + 6] = unitOf[(low >> 5) & 31]!;
  units[at + 7] = unitOf[low & 31]!;
}

/** The sixteen bytes of a TypeID with this prefix, or null for anything else (another prefix, upper case, more than 128 bits). */
export function decodeTypeId(prefix: string, text: string): Uint8Array | null {
  const start = prefix.length + 1;
  if (text.length !== start + textLength || text.charCodeAt(prefix.length) !== 0x5f || !text.startsWith(prefix)) {
    return null;
  }
  const bytes = new Uint8Array(uuidBytes);
  let held = 0;
  let heldBits = -2;
  let at = 0;
  for (let i = start; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const bits = unit < 128 ? bitsOf[unit]! : 255;
    if (bits === 255 || (i === start && bits > 7)) return null;
    held = ((held << 5) | bits) & 0xfff;
    heldBits += 5;
    if (heldBits >= 8) {
      heldBits -= 8;
      bytes[at++] = (held >> heldBits) & 255;
    }
  }
  return bytes;
}

const pool = new Uint8Array(8192);
let poolAt = pool.length;
let lastMs = 0;
let sequence = 0;

/**
 * A new UUID of version 7. Its twelve bits after the version count within one millisecond, from a random start below 2,048
 * (RFC 9562 §6.2, method 1); a clock that steps back, or a full count, goes on from the last id.
 */
export function newUuid(): Uint8Array {
  return fillUuid(new Uint8Array(uuidBytes));
}

function fillUuid(bytes: Uint8Array): Uint8Array {
  if (poolAt + 10 > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = ((pool[poolAt]! & 7) << 8) | pool[poolAt + 1]!;
  } else if (++sequence > 0xfff) {
    lastMs++;
    sequence = 0;
  }
  const high = Math.floor(lastMs / 0x10000);
  bytes[0] = high >>> 24;
  bytes[1] = high >>> 16;
  bytes[2] = high >>> 8;
  bytes[3] = high;
  bytes[4] = lastMs >>> 8;
  bytes[5] = lastMs;
  bytes[6] = 0x70 | (sequence >> 8);
  bytes[7] = sequence;
  for (let i = 8; i < uuidBytes; i++) bytes[i] = pool[poolAt + i - 6]!;
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  poolAt += 10;
  return bytes;
}

const newest = new Uint8Array(uuidBytes);

/** A new id, for example "msg_01kaf2s0m8e7vrx0n3j5t9q4zc". */
export function newId(prefix: string): string {
  return encodeTypeId(prefix, fillUuid(newest));
}
