/** The one place that makes transports: from the settings of a provider, whoever owns it. */
import type { AddressGuard } from '../../base/address-guard.ts';
import type { Dns } from '../../base/dns.ts';
import { guardedDial } from '../smtp/dial.ts';
import type { SmtpOptions, SmtpTimeouts } from '../smtp/settings.ts';
import { parseSmtpUrl } from '../smtp/smtp-url.ts';
import type { TlsResults } from '../tls-results.ts';
import { smtpTransport } from './smtp.ts';
import type { Transport } from './transport.ts';

/** What a peer asks for: user and password, a user and an access token, or a pair of AWS keys. */
export type Credentials = { user: string; pass: string };

export type TransportSettings = {
  /** The provider's id; "default" for the gateway's own. */
  id: string;
  kind: 'smtp' | 'ses' | 'direct' | 'sink';
  /** With credentials in it or without. */
  url: string;
  /** They take the place of those in `url`. */
  credentials: Credentials | null;
  /** Null: the gateway's domain. */
  ehloName: string | null;
  /** The host was named by a tenant: it is looked up by our resolvers, and the guard is in front of it. */
  isTenants: boolean;
};

export type TransportParts = {
  dns: Dns;
  guard: AddressGuard;
  /** The gateway's own domain. */
  domain: string;
  tlsResults: TlsResults;
  timeouts?: Partial<SmtpTimeouts>;
};

const KINDS: Record<string, TransportSettings['kind']> = {
  'smtp:': 'smtp',
  'smtps:': 'smtp',
  'ses:': 'ses',
  'direct:': 'direct',
  'sink:': 'sink',
};

/** The kind of provider that an address stands for; null: of none. */
export function kindOfUrl(url: string): TransportSettings['kind'] | null {
  return KINDS[/^[a-z]+:/i.exec(url)?.[0].toLowerCase() ?? ''] ?? null;
}

/** Connections to one next hop, where its address says nothing else; tenants get no more. */
const CONNECTIONS = 20;

/** A transport, or what is wrong with its settings in a sentence that never repeats a password. Connects to nothing yet. */
export function openTransport(
  settings: TransportSettings,
  parts: TransportParts,
): { transport: Transport } | { error: string } {
  switch (settings.kind) {
    case 'smtp':
      return openSmtp(settings, parts);
    case 'sink':
      return { error: 'What goes to the sink stays here and needs no transport.' };
    default:
      return { error: `There is no transport for ${settings.kind} yet.` };
  }
}

function openSmtp(settings: TransportSettings, parts: TransportParts): { transport: Transport } | { error: string } {
  const read = smtpOptionsOf(settings, parts);
  if ('error' in read) return read;
  const { requireTls, secure } = read.options;
  const requiredBy = requireTls || secure ? 'settings' : null;
  const onOpened: Parameters<typeof smtpTransport>[1] = {
    onOpened: (host, opened) => parts.tlsResults.note(settings.id, host, opened, requiredBy),
  };
  return { transport: smtpTransport(read.options, onOpened) };
}

/** How the client is to talk to the next hop that these settings name. */
export function smtpOptionsOf(
  { url, credentials, ehloName, isTenants }: TransportSettings,
  { dns, guard, domain, timeouts }: TransportParts,
): { options: SmtpOptions } | { error: string } {
  const parsed = parseSmtpUrl(credentials === null ? url : withCredentials(url, credentials));
  if ('error' in parsed) return parsed;
  const options: SmtpOptions = {
    maxConnections: CONNECTIONS,
    ehloName: ehloName ?? domain,
    timeouts,
    ...parsed.options,
  };
  if (!isTenants) return { options };
  const maxConnections = Math.min(options.maxConnections ?? CONNECTIONS, CONNECTIONS);
  return { options: { ...options, maxConnections, connect: guardedDial(dns, guard) } };
}

/** The address with these credentials in the place of its own. */
export function withCredentials(url: string, { user, pass }: Credentials): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  parsed.username = encodeURIComponent(user);
  parsed.password = encodeURIComponent(pass);
  return parsed.href;
}
