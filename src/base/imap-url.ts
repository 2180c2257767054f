/** Reads `imap://` and `imaps://` addresses (RFC 5092 names the schemes): where a mailbox is read. */
import { domainToASCII } from 'node:url';
import type { Credentials } from './credentials.ts';

export type ImapUrl = {
  /** Without credentials. */
  url: string;
  credentials: Credentials | null;
  host: string;
  port: number;
  /** TLS from the first octet; else the connection changes to TLS before it signs in. */
  isSecure: boolean;
  /** Whether the certificate must prove the host; `?verify=no` takes any. */
  isVerified: boolean;
};

/** The address, or what is wrong with it in a sentence that never repeats the password. */
export function readImapUrl(text: string): ImapUrl | { error: string } {
  if (!/^imaps?:\/\//i.test(text) || !URL.canParse(text)) {
    return { error: 'Write imaps://user:pass@host:port, with %40 for @ and %2F for / in user and password.' };
  }
  const url = new URL(text);
  const user = decoded(url.username);
  const pass = decoded(url.password);
  if (user === null || pass === null) return { error: 'User or password hold a % that is no escape; write %25 for %.' };
  if (user === '' && pass !== '') return { error: 'The address has a password but no user.' };
  const host = hostOf(url.hostname);
  if (host === '') return { error: 'The address names no host.' };
  if (url.pathname.replace('/', '') !== '' || url.hash !== '') {
    return { error: 'Nothing may follow the host and port; write %2F for / and %23 for # in a password.' };
  }
  const verify = url.searchParams.get('verify') ?? 'yes';
  const names = [...url.searchParams.keys()];
  if (names.some((name) => name !== 'verify') || names.length > 1 || !['yes', 'no'].includes(verify)) {
    return { error: 'The only parameter an address for reading mail may have is verify, yes or no.' };
  }
  const isSecure = url.protocol === 'imaps:';
  url.username = '';
  url.password = '';
  return {
    url: url.href,
    credentials: user === '' ? null : { user, pass },
    host,
    port: Number(url.port) || (isSecure ? 993 : 143),
    isSecure,
    isVerified: verify === 'yes',
  };
}

/** A bracketed address without its brackets, a name as A-label; empty where it is neither. */
function hostOf(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : domainToASCII(decoded(hostname) ?? '');
}

function decoded(text: string): string | null {
  try {
    const plain = decodeURIComponent(text);
    return plain.includes('\0') ? null : plain;
  } catch {
    return null;
  }
}
