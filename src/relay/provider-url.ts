/**
 * Addresses of providers, as people write them: what kind it is, and the credentials taken out of it.
 *
 * Invariant: what is answered as `url` holds no credentials, and no sentence about an address repeats any.
 */
import type { Credentials } from '../base/credentials.ts';
import type { ProviderKind } from '../policy/pool.ts';
import { parseSmtpUrl } from './smtp/smtp-url.ts';

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
const REGION = /^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/;
/** Parameters that say how far the peer is made sure of. */
const TRUST = ['tls', 'verify'];
const SES_PARAMETERS = ['endpoint', 'configuration_set'];

export function readProviderUrl(text: string): ProviderUrlReading {
  if (text === 'sink:' || text === 'direct:') {
    return { kind: text === 'sink:' ? 'sink' : 'direct', url: text, credentials: null, host: null, endpoint: text };
  }
  if (text.startsWith('ses:')) return readSesUrl(text);
  if (!/^smtps?:/.test(text)) return { error: `The address is none of ${KINDS}.` };
  const parsed = parseSmtpUrl(text);
  if ('error' in parsed) return parsed;
  const { host, port, user, pass = '' } = parsed.options;
  const url = new URL(text);
  const trust = TRUST.map((name) => `${name}=${url.searchParams.get(name) ?? ''}`).join('&');
  return {
    kind: 'smtp',
    url: withoutCredentials(url),
    credentials: user === undefined ? null : { user, pass },
    host,
    endpoint: `${url.protocol}//${host}:${port}?${trust}`,
  };
}

function readSesUrl(text: string): ProviderUrlReading {
  if (!URL.canParse(text) || !text.startsWith('ses://')) {
    return { error: 'The address of SES is ses://key:secret@region, with %2F for / in the secret.' };
  }
  const url = new URL(text);
  if (!REGION.test(url.hostname) || url.port !== '' || url.hash !== '' || url.pathname.replace('/', '') !== '') {
    return {
      error:
        'The address of SES names a region, for example ses://key:secret@eu-west-1; write %2F for / in the secret.',
    };
  }
  const unknown = [...url.searchParams.keys()].find((name) => !SES_PARAMETERS.includes(name));
  if (unknown !== undefined)
    return { error: `The address of SES has parameters other than ${SES_PARAMETERS.join(' and ')}.` };
  const endpoint = readEndpoint(url.searchParams.get('endpoint'));
  if ('error' in endpoint) return endpoint;
  const user = decoded(url.username);
  const pass = decoded(url.password);
  if (user === null || pass === null) return { error: 'Key or secret hold a % that is no escape; write %25 for %.' };
  if ((user === '') !== (pass === ''))
    return { error: 'The address of SES has a key without a secret, or a secret without a key.' };
  return {
    kind: 'ses',
    url: withoutCredentials(url),
    credentials: user === '' ? null : { user, pass },
    host: endpoint.host,
    endpoint: `ses://${url.hostname}?${endpoint.url}`,
  };
}

function readEndpoint(text: string | null): { url: string; host: string | null } | { error: string } {
  if (text === null) return { url: '', host: null };
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['https:', 'http:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    return { error: 'The parameter endpoint must be an address like https://email.example.com, without credentials.' };
  }
  return { url: url.href, host: url.hostname.replace(/^\[(.*)\]$/, '$1') };
}

function withoutCredentials(url: URL): string {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare.href;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
