import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Secrets } from './secrets.ts';

/** What a token names: 16 bytes of a UUID, and the number of its tenant (0 to 2^32 − 1). */
export type Named = { id: Uint8Array; tenant: number };

/**
 * Tokens that come back to us through strangers: in the envelope recipient of a bounce, in the `In-Reply-To` of a reply, in a
 * link that somebody follows.
 * Each is 30 octets in lower-case base32 (RFC 4648 §6; 48 characters, no padding and no unused bits): UUID, tenant number,
 * and the first 80 bits of an HMAC-SHA-256 under a key of its own purpose, so that no kind is good for another.
 * Letter case is ignored on the way back, since a local part passes through systems that change it.
 */
export type Tokens = {
  /** `b+<token>@<domain>`, 50 octets before the "@" (at most 64: RFC 5321 §4.5.3.1.1). `domain` in ASCII. */
  makeReturnPath(recipient: Named, domain: string): string;
  /** Whom a bounce to this address is about; null unless we made the address. The domain is not looked at. */
  parseReturnPath(address: string): { recipientId: Uint8Array; tenant: number } | null;
  /** `r+<token>@<domain>`: where a reply to a message counts as one. */
  makeReplyAddress(message: Named, domain: string): string;
  /** Which message a mail to this address answers; null unless we made the address. */
  parseReplyAddress(address: string): { messageId: Uint8Array; tenant: number } | null;
  /** `u+<token>@<domain>`: whatever is written to it unsubscribes its recipient (RFC 2369 §3.2). */
  makeUnsubscribeAddress(recipient: Named, domain: string): string;
  /** Who unsubscribes by a mail to this address; null unless we made it. */
  parseUnsubscribeAddress(address: string): { recipientId: Uint8Array; tenant: number } | null;
  /** The token by which a recipient unsubscribes (RFC 8058): the last part of a link. */
  makeUnsubscribe(recipient: Named): string;
  /** Who unsubscribes; null unless we made the token. */
  parseUnsubscribe(token: string): { recipientId: Uint8Array; tenant: number } | null;
  /** The token of the picture that shows that a recipient opened the mail. */
  makeOpen(recipient: Named): string;
  /** Who opened it; null unless we made the token. */
  parseOpen(token: string): { recipientId: Uint8Array; tenant: number } | null;
  /** The token of a link that leads to `url`: a token as above, whose MAC covers the URL too, a full stop, the URL in base64url. */
  makeClick(recipient: Named, url: string): string;
  /** Who followed which link; null unless we made the token. */
  parseClick(token: string): { recipientId: Uint8Array; tenant: number; url: string } | null;
  /** `<<token>@<domain>>`, a msg-id (RFC 5322 §3.6.4). */
  makeMessageId(message: Named, domain: string): string;
  /** Which message a msg-id (with or without angle brackets) belongs to; null unless we made it. */
  parseMessageId(messageId: string): { messageId: Uint8Array; tenant: number } | null;
};

const MAC_BYTES = 10;
const TOKEN_BYTES = 16 + 4 + MAC_BYTES;
const TOKEN_LENGTH = (TOKEN_BYTES * 8) / 5;

export function openTokens(secrets: Secrets): Tokens {
  const returnPathKeys = keysFor(secrets, 'return-path');
  const messageIdKeys = keysFor(secrets, 'message-id');
  const unsubscribeKeys = keysFor(secrets, 'unsubscribe');
  const openKeys = keysFor(secrets, 'open');
  const clickKeys = keysFor(secrets, 'click');
  const replyKeys = keysFor(secrets, 'reply-address');
  const unsubscribeAddressKeys = keysFor(secrets, 'unsubscribe-address');
  return {
    makeReturnPath: (recipient, domain) => makeAddress('b', returnPathKeys, recipient, domain),
    parseReturnPath(address) {
      const named = parseAddress('b', returnPathKeys, address);
      return named && { recipientId: named.id, tenant: named.tenant };
    },
    makeReplyAddress: (message, domain) => makeAddress('r', replyKeys, message, domain),
    parseReplyAddress(address) {
      const named = parseAddress('r', replyKeys, address);
      return named && { messageId: named.id, tenant: named.tenant };
    },
    makeUnsubscribeAddress: (recipient, domain) => makeAddress('u', unsubscribeAddressKeys, recipient, domain),
    parseUnsubscribeAddress(address) {
      const named = parseAddress('u', unsubscribeAddressKeys, address);
      return named && { recipientId: named.id, tenant: named.tenant };
    },
    makeUnsubscribe: (recipient) => makeToken(unsubscribeKeys, recipient),
    parseUnsubscribe(token) {
      const named = parseToken(unsubscribeKeys, token);
      return named && { recipientId: named.id, tenant: named.tenant };
    },
    makeOpen: (recipient) => makeToken(openKeys, recipient),
    parseOpen(token) {
      const named = parseToken(openKeys, token);
      return named && { recipientId: named.id, tenant: named.tenant };
    },
    makeClick(recipient, url) {
      const bytes = Buffer.from(url);
      return `${makeToken(clickKeys, recipient, bytes)}.${bytes.toString('base64url')}`;
    },
    parseClick(token) {
      if (token.charCodeAt(TOKEN_LENGTH) !== 0x2e) return null;
      const url = Buffer.from(token.slice(TOKEN_LENGTH + 1), 'base64url');
      const named = parseToken(clickKeys, token.slice(0, TOKEN_LENGTH), url);
      return named && { recipientId: named.id, tenant: named.tenant, url: url.toString() };
    },
    makeMessageId: (message, domain) => `<${makeToken(messageIdKeys, message)}@${checkDomain(domain)}>`,
    parseMessageId(messageId) {
      const start = messageId.startsWith('<') ? 1 : 0;
      if (messageId.charCodeAt(start + TOKEN_LENGTH) !== 0x40) return null;
      const named = parseToken(messageIdKeys, messageId.slice(start, start + TOKEN_LENGTH));
      return named && { messageId: named.id, tenant: named.tenant };
    },
  };
}

/**
 * As key objects: an HMAC takes 5 µs with one and 24 µs with the bare octets. A change of the master secret changes them in
 * place, so that new tokens are of the new one and old ones are still known.
 */
function keysFor(secrets: Secrets, purpose: string): KeyObject[] {
  const make = (): KeyObject[] => secrets.keysFor(purpose).map((key) => createSecretKey(key));
  const keys = make();
  secrets.onReplaced(() => {
    keys.splice(0, keys.length, ...make());
  });
  return keys;
}

/** A letter says what an address is for, beside the key of its purpose. */
function makeAddress(letter: string, keys: readonly KeyObject[], named: Named, domain: string): string {
  return `${letter}+${makeToken(keys, named)}@${checkDomain(domain)}`;
}

function parseAddress(letter: string, keys: readonly KeyObject[], address: string): Named | null {
  if (address.charAt(0).toLowerCase() !== letter || address.charAt(1) !== '+') return null;
  if (address.charCodeAt(2 + TOKEN_LENGTH) !== 0x40) return null;
  return parseToken(keys, address.slice(2, 2 + TOKEN_LENGTH));
}

function checkDomain(domain: string): string {
  // Both results stand in headers and in SMTP commands as they are.
  if (!/^[a-z0-9.-]{1,255}$/i.test(domain)) throw new RangeError('the domain of a token is not plain ASCII');
  return domain;
}

const NOTHING = new Uint8Array();

/** What is named has a fixed length, so that it cannot run over into what is beside it. */
function macOf(key: KeyObject, named: Uint8Array, beside: Uint8Array): Buffer {
  return createHmac('sha256', key).update(named).update(beside).digest().subarray(0, MAC_BYTES);
}

/** `beside`: covered by the MAC, and no part of the token. */
function makeToken(keys: readonly KeyObject[], { id, tenant }: Named, beside: Uint8Array = NOTHING): string {
  if (id.length !== 16) throw new RangeError('a token names an id of 16 bytes');
  const token = Buffer.alloc(TOKEN_BYTES);
  token.set(id, 0);
  token.writeUInt32BE(tenant, 16);
  token.set(macOf(keys[0]!, token.subarray(0, 20), beside), 20);
  return encodeBase32(token);
}

function parseToken(keys: readonly KeyObject[], text: string, beside: Uint8Array = NOTHING): Named | null {
  const token = decodeBase32(text);
  if (token === null) return null;
  const named = token.subarray(0, 20);
  const mac = token.subarray(20);
  for (const key of keys) {
    if (timingSafeEqual(macOf(key, named, beside), mac)) {
      return { id: new Uint8Array(named.subarray(0, 16)), tenant: named.readUInt32BE(16) };
    }
  }
  return null;
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Value of each ASCII octet in base32, both cases; −1 for all others. A table, since Unicode case mapping would let "K" (U+212A) in. */
const BASE32_VALUES = Int8Array.from({ length: 128 }, (_, code) =>
  BASE32.indexOf(String.fromCharCode(code).toLowerCase()),
);

/** `bytes` in multiples of 5, so that no bits are left over. */
function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let bitCount = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    bitCount += 8;
    while (bitCount >= 5) {
      bitCount -= 5;
      text += BASE32[(bits >>> bitCount) & 31];
    }
  }
  return text;
}

function decodeBase32(text: string): Buffer | null {
  if (text.length !== TOKEN_LENGTH) return null;
  const bytes = Buffer.alloc(TOKEN_BYTES);
  let bits = 0;
  let bitCount = 0;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const value = BASE32_VALUES[text.charCodeAt(i)] ?? -1;
    if (value < 0) return null;
    bits = ((bits << 5) | value) & 0xfff;
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[length++] = (bits >>> bitCount) & 0xff;
    }
  }
  return bytes;
}
