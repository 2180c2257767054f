/**
 * One connection to a mailbox's IMAP server (RFC 9051), opened read-only and behind the guard.
 *
 * What holds: the host is resolved here, only addresses that the guard lets through are connected to, and the certificate is checked for
 * the name; without TLS a password goes to this machine alone. What the server sends is bounded.
 */
import { isIP } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { ImapFlow, ImapFlowOptions } from 'imapflow';
import { type AddressGuard, guardedAddresses } from '../../base/address-guard.ts';
import type { Credentials } from '../../base/credentials.ts';
import type { Dns } from '../../base/dns.ts';
import { readImapUrl } from '../../base/imap-url.ts';

export type ConnectionParts = {
  dns: Pick<Dns, 'addresses'>;
  guard: AddressGuard;
  /** For tests, whom to trust. */
  ca?: string;
  /** Until the server has let us in. */
  connectMs?: number;
};

export type Opened =
  | { outcome: 'open'; client: ImapFlow }
  /** `isRefused`: by what is set, so that another try soon is of no use. */
  | { outcome: 'failed'; why: string; isRefused: boolean };

const CONNECT_MS = 15_000;
const SILENCE_MS = 10 * 60_000;
const MAX_LITERAL = 8 * 1024 * 1024;

export async function openImap(url: string, credentials: Credentials, parts: ConnectionParts): Promise<Opened> {
  const read = readImapUrl(url);
  if ('error' in read) return { outcome: 'failed', why: read.error, isRefused: true };
  const found = await guardedAddresses(read.host, parts.dns, parts.guard);
  if (found.outcome !== 'ok') {
    return { outcome: 'failed', why: found.why, isRefused: found.outcome === 'refused' };
  }
  const { address } = found.addresses[0]!;
  const connectMs = parts.connectMs ?? CONNECT_MS;
  const tls: NonNullable<ImapFlowOptions['tls']> = { rejectUnauthorized: read.isVerified };
  if (parts.ca !== undefined) tls.ca = parts.ca;
  // Where no mailbox is read its 30 MB stay out of memory.
  const { ImapFlow: Client } = await import('imapflow');
  const client: ImapFlow = new Client({
    ...{ host: address, port: read.port, secure: read.isSecure, tls },
    // An address is no server name (RFC 6066 §3), and the certificate is checked for it as the host.
    ...(isIP(read.host) === 0 ? { servername: read.host } : {}),
    ...(read.isSecure || isHere(address) ? {} : { doSTARTTLS: true }),
    auth: { user: credentials.user, pass: credentials.pass },
    logger: false,
    ...{ disableAutoIdle: true, disableCompression: true },
    ...{ connectionTimeout: connectMs, greetingTimeout: connectMs, socketTimeout: SILENCE_MS },
    ...{ maxLiteralSize: MAX_LITERAL, maxResponseSize: MAX_LITERAL + 64 * 1024 },
    clientInfo: { name: 'Postern' },
  });
  // A fault after the connection was made ends what is under way; here it must only not be unheard.
  client.on('error', () => undefined);
  const tooLate = new AbortController();
  try {
    const late = pause(2 * connectMs, 'late' as const, { signal: tooLate.signal }).catch(() => 'late' as const);
    const connecting = client.connect();
    // Given up, it may still end badly, and nobody listens then.
    connecting.catch(() => undefined);
    if ((await Promise.race([connecting, late])) !== 'late') return { outcome: 'open', client };
    client.close();
    return { outcome: 'failed', why: 'the server did not let us in within its time', isRefused: false };
  } catch (fault) {
    client.close();
    return { outcome: 'failed', ...whyNot(fault) };
  } finally {
    tooLate.abort();
  }
}

function isHere(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** In words that hold nothing but what the server said, and that in one line. */
export function whyNot(fault: unknown): { why: string; isRefused: boolean } {
  const { authenticationFailed, responseText, message, code } = fault as {
    authenticationFailed?: boolean;
    responseText?: string;
    message?: string;
    code?: string;
  };
  const said = (responseText ?? message ?? code ?? 'no connection').replaceAll(/[\s\p{C}]{1,500}/gu, ' ').slice(0, 300);
  if (authenticationFailed === true)
    return { why: `the server refuses the user or password: ${said}`, isRefused: true };
  return { why: said, isRefused: false };
}
