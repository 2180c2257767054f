/**
 * Addresses of providers, as people write them: what kind it is, and the credentials taken out of it.
 *
 * Invariant: what is answered as `url` holds no credentials, and no sentence about an address repeats any.
 */
import type { Credentials } from '../base/credentials.ts';
import type { ProviderKind } from '../policy/pool.ts';
import { parseDirectUrl } from './direct/direct-url.ts';
import { parseSesUrl } from './ses/ses-url.ts';
import { parseSmtpUrl } from './smtp/smtp-url.ts';
import { withCredentials } from './transports/open-transport.ts';

export type ProviderUrl = {
  kind: ProviderKind;
  /** Without credentials. */
  url: string;
  credentials: Credentials | null;
  /** The host that is connected to, where the address names one. */
  host: string | null;
  /** Whom credentials are for, and how well they are kept from others on the way: where two differ, credentials of one are not the other's. */
  endpoint: string;
};

export type ProviderUrlReading = ProviderUrl | { error: string };

const KINDS = 'smtp://user:pass@host:port, smtps://…, ses://key:secret@region, direct: or sink:';
/** Parameters that say how far the peer is made sure of, and who else is told credentials. */
const TRUST = ['tls', 'verify', 'token_url'];

/** Where nothing is said of credentials that there are, the address is read as if it had some. */
const KEPT: Credentials = { user: 'kept', pass: 'kept' };

/** `beside`: credentials that are given beside the address, or `kept` where those it has are to stay; they are not answered. */
export function readProviderUrl(text: string, beside: Credentials | 'kept' | null = null): ProviderUrlReading {
  if (text === 'sink:') return { kind: 'sink', url: text, credentials: null, host: null, endpoint: text };
  if (text.startsWith('direct:')) {
    const parsed = parseDirectUrl(text);
    return 'error' in parsed
      ? parsed
      : { kind: 'direct', url: text, credentials: null, host: null, endpoint: 'direct:' };
  }
  if (text.startsWith('ses:')) return readSesUrl(text);
  if (!/^smtps?:/.test(text)) return { error: `The address is none of ${KINDS}.` };
  return readSmtpUrl(text, beside === 'kept' ? KEPT : beside);
}

function readSmtpUrl(text: string, beside: Credentials | null): ProviderUrlReading {
  const bare = parseSmtpUrl(text);
  const hasOwn = 'options' in bare && bare.options.user !== undefined;
  // With a user other things hold: the usual port, and ways of signing in.
  const parsed = hasOwn || beside === null ? bare : parseSmtpUrl(withCredentials(text, beside));
  if ('error' in parsed) return parsed;
  const { host, port, user, pass = '' } = parsed.options;
  const url = new URL(text);
  url.port = String(port);
  const trust = TRUST.map((name) => `${name}=${url.searchParams.get(name) ?? ''}`).join('&');
  return {
    kind: 'smtp',
    url: withoutCredentials(url),
    credentials: hasOwn ? { user: user!, pass } : null,
    host,
    endpoint: `${url.protocol}//${host}:${port}?${trust}`,
  };
}

function readSesUrl(text: string): ProviderUrlReading {
  const parsed = parseSesUrl(text);
  if ('error' in parsed) return parsed;
  const { region, endpoint, keys } = parsed.options;
  return {
    kind: 'ses',
    url: withoutCredentials(new URL(text)),
    credentials: keys === null ? null : { user: keys.accessKeyId, pass: keys.secretAccessKey },
    host: endpoint === null ? null : endpoint.hostname.replace(/^\[(.*)\]$/, '$1'),
    endpoint: `ses://${region}?${endpoint?.href ?? ''}`,
  };
}

function withoutCredentials(url: URL): string {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare.href;
}
