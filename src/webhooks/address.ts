/**
 * Which addresses an endpoint may have: https on 443 or 8443 to public addresses, and whatever the operator has opened.
 *
 * A URL is read as the WHATWG URL Standard has it, since that is how it will be called; what that standard would silently mend (blanks,
 * control characters, backslashes, a missing host) is refused before, so that what was registered is what a person has read.
 */
import { isIP } from 'node:net';
import { type AddressGuard, guardedAddresses, openAddressGuard, openOnly } from '../base/address-guard.ts';
import type { Dns, HostAddress } from '../base/dns.ts';

export const MOST_URL_LENGTH = 2048;

export type Reachable =
  | { outcome: 'ok'; addresses: HostAddress[]; guard: AddressGuard }
  | { outcome: 'refused' | 'unresolved' | 'failed'; why: string };

export type Addresses = {
  /** Where a URL that was read may be reached, asked of the DNS now. */
  reach(url: URL): Promise<Reachable>;
};

const PORTS: ReadonlySet<string> = new Set(['', '443', '8443']);
/** Names that no public DNS answers for (RFC 6761, RFC 6762, and `internal`, reserved by ICANN in 2024). */
const LOCAL_NAMES = ['.internal', '.local', '.localhost'];

/** A URL as it was given, or what is wrong with it in words. */
export function readUrl(text: string): URL | { wrong: string } {
  if (text.length > MOST_URL_LENGTH) return { wrong: `It is longer than ${MOST_URL_LENGTH} characters.` };
  if (/[\u0000-\u0020\u007f-\u00a0\\]/.test(text))
    return { wrong: 'It has a blank, a control character or a backslash.' };
  const written = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1];
  if (written === undefined || !URL.canParse(text))
    return { wrong: 'It must be a whole URL, such as https://example.com/hook.' };
  const url = new URL(text);
  if (written.includes('@')) return { wrong: 'It holds a user name or a password: whoever signs needs none.' };
  if (written.includes('%')) return { wrong: 'Its host name has an escaped character.' };
  if (url.hash !== '' || text.endsWith('#')) return { wrong: 'It has a fragment, which is never sent.' };
  return url;
}

export function openAddresses(dns: Pick<Dns, 'addresses'>, allow: readonly string[]): Addresses {
  const publicOnes = openAddressGuard(allow);
  const opened = openOnly(allow, 'plain http, other ports than 443 and 8443, or local names');
  return {
    async reach(url) {
      const guard = isUsual(url) ? publicOnes : opened;
      const found = await guardedAddresses(url.hostname, dns, guard);
      return found.outcome === 'ok' ? { ...found, guard } : found;
    },
  };
}

/** Https, on a port for it, to a name that the public DNS may have. */
function isUsual(url: URL): boolean {
  if (url.protocol !== 'https:' || !PORTS.has(url.port)) return false;
  const host = url.hostname.replace(/\.$/, '');
  if (host.startsWith('[') || isIP(host) !== 0) return true;
  return host.includes('.') && !LOCAL_NAMES.some((end) => host.endsWith(end));
}
