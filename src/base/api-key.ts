/**
 * API keys: `pst_live_`, `pst_test_` or `pst_op_`, twelve characters by which a key is found, and 43 that prove it: 256
 * bits in base 62. Stored is the SHA-256 of the whole.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PUBLIC_LENGTH = 12;
const SECRET_LENGTH = 43;
const SHAPE = /^pst_(live|test)_[0-9A-Za-z]{55}$/;

function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    // 248 is the largest multiple of 62 in a byte: nothing above keeps every character equally likely.
    for (const byte of randomBytes(length)) if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
  }
  return text;
}

export type MadeKey = { key: string; prefix: string; hash: Uint8Array };

export function makeKey(mode: 'live' | 'test'): MadeKey {
  const prefix = `pst_${mode}_${randomText(PUBLIC_LENGTH)}`;
  const key = prefix + randomText(SECRET_LENGTH);
  return { key, prefix, hash: hashOf(key) };
}

export function makeOperatorKey(): string {
  return `pst_op_${randomText(48)}`;
}

export function hashOf(key: string): Uint8Array {
  return hash('sha256', key, 'buffer');
}

export function hashText(key: string): string {
  return hash('sha256', key, 'base64');
}

/** The part by which a key is found, or null when it has not the shape of one. */
export function prefixOf(key: string): string | null {
  return SHAPE.test(key) ? key.slice(0, key.length - SECRET_LENGTH) : null;
}

export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
