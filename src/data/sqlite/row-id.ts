/**
 * Row numbers of messages and recipients, and the public ids made of them.
 *
 * A row number is (milliseconds since 2025) x 4096 + a counter, so rows lie in order of arrival and fit a safe integer
 * until 2094. A public id is a UUIDv7 (RFC 9562 §5.7): the same milliseconds and counter, and 54 random bits (`nonce`) that
 * are kept in the message's row, so that ids need no index and still cannot be guessed.
 */
import { randomFillSync } from 'node:crypto';
import { decodeTypeId, encodeTypeId } from '../../base/ids.ts';

const ROW_EPOCH_MS = Date.UTC(2025, 0, 1);
const SLOTS_A_MS = 4096;

export function firstRowOf(ms: number): number {
  return (ms - ROW_EPOCH_MS) * SLOTS_A_MS;
}

export function rowTime(row: number): number {
  return Math.floor(row / SLOTS_A_MS) + ROW_EPOCH_MS;
}

const bytes = new Uint8Array(16);

/** A message and its first recipient have the same number: what follows the prefix is made once. */
let last = { row: -1, nonce: -1, rest: '' };

/** The public id of a row. `prefix`: `msg` for a message, `rcp` for a recipient. */
export function publicId(prefix: 'msg' | 'rcp', row: number, nonce: number): string {
  if (last.row === row && last.nonce === nonce) return prefix + last.rest;
  const id = encodeId(prefix, row, nonce);
  last = { row, nonce, rest: id.slice(prefix.length) };
  return id;
}

function encodeId(prefix: string, row: number, nonce: number): string {
  const ms = rowTime(row);
  const counter = row % SLOTS_A_MS;
  const high = Math.floor(ms / 4_294_967_296);
  const low = ms % 4_294_967_296;
  bytes[0] = high >>> 8;
  bytes[1] = high;
  bytes[2] = low >>> 24;
  bytes[3] = low >>> 16;
  bytes[4] = low >>> 8;
  bytes[5] = low;
  bytes[6] = 0x70 | (counter >>> 8);
  bytes[7] = counter;
  const nonceHigh = Math.floor(nonce / 4_294_967_296);
  const nonceLow = nonce % 4_294_967_296;
  bytes[8] = 0x80 | (nonceHigh >>> 16);
  bytes[9] = nonceHigh >>> 8;
  bytes[10] = nonceHigh;
  bytes[11] = nonceLow >>> 24;
  bytes[12] = nonceLow >>> 16;
  bytes[13] = nonceLow >>> 8;
  bytes[14] = nonceLow;
  bytes[15] = 0;
  return encodeTypeId(prefix, bytes);
}

/** The row and nonce an id names, or null when it is none of ours. Whether such a row exists is for the reader to see. */
export function parsePublicId(prefix: 'msg' | 'rcp', id: string): { row: number; nonce: number } | null {
  const b = decodeTypeId(prefix, id);
  if (b === null || b[6]! >>> 4 !== 7 || b[8]! >>> 6 !== 2 || b[15] !== 0) return null;
  const ms = (b[0]! * 256 + b[1]!) * 4_294_967_296 + b[2]! * 16_777_216 + b[3]! * 65_536 + b[4]! * 256 + b[5]!;
  if (ms < ROW_EPOCH_MS) return null;
  const row = firstRowOf(ms) + (b[6]! & 15) * 256 + b[7]!;
  const nonceHigh = (b[8]! & 63) * 65_536 + b[9]! * 256 + b[10]!;
  const nonceLow = b[11]! * 16_777_216 + b[12]! * 65_536 + b[13]! * 256 + b[14]!;
  const nonce = nonceHigh * 4_294_967_296 + nonceLow;
  return Number.isSafeInteger(row) && Number.isSafeInteger(nonce) ? { row, nonce } : null;
}

const pool = new Uint32Array(1024);
let poolAt = pool.length;

/** 53 random bits. */
export function newNonce(): number {
  if (poolAt >= pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const high = pool[poolAt]! & 0x1fffff;
  const low = pool[poolAt + 1]!;
  poolAt += 2;
  return high * 4_294_967_296 + low;
}
