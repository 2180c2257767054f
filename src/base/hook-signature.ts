/**
 * Signatures of calls to a hook, as Standard Webhooks 1.0 has them: HMAC-SHA-256 over `id.timestamp.body`, in base64 after `v1,`;
 * several in one header, parted by blanks, while a secret is exchanged.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** How far a timestamp may lie from now, either way. */
export const HOOK_TOLERANCE_MS = 5 * 60_000;

export type HookHeaders = { id: string; timestamp: string; signature: string };

/** A secret as it is shown: `whsec_` and base64. */
export function newHookSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/** @param secret as it is shown. @returns the header `webhook-signature`. */
export function signHook(secret: string, id: string, timestamp: string, body: Uint8Array): string {
  return `v1,${macOf(secret, id, timestamp, body).toString('base64')}`;
}

/** Null where the call proves that it was made by whoever has the secret, and now; else what is wrong, in words. */
export function hookFault(secret: string, headers: HookHeaders, body: Uint8Array, now: number): string | null {
  const { id, timestamp, signature } = headers;
  if (!/^[\x21-\x7e]{1,200}$/.test(id)) return 'webhook-id must be 1 to 200 printable characters without blanks';
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp must be seconds since 1970';
  if (Math.abs(Number(timestamp) * 1000 - now) > HOOK_TOLERANCE_MS) {
    return 'webhook-timestamp lies more than five minutes from now';
  }
  const wanted = macOf(secret, id, timestamp, body);
  for (const one of signature.split(' ', 10)) {
    const given = one.startsWith('v1,') ? Buffer.from(one.slice(3), 'base64') : Buffer.alloc(0);
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) return null;
  }
  return 'webhook-signature fits neither the secret nor the body';
}

function macOf(secret: string, id: string, timestamp: string, body: Uint8Array): Buffer {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
