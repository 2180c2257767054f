/**
 * The one place that makes transports: from the settings of a provider, whoever owns it.
 *
 * What holds: what a tenant names is looked up by our name servers and behind the guard, at the usual ports unless the operator opened
 * the address; it gets no credentials of the machine's and names no file of it; whatever is wrong with settings is one sentence.
 *
 * Deliberately absent: connecting (the first delivery does), and keeping transports (transport-book.ts).
 */
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import type { AddressGuard } from '../../base/address-guard.ts';
import type { Dns } from '../../base/dns.ts';
import type { GuardedFetch } from '../../base/guarded-fetch.ts';
import { type DirectOptions, parseDirectUrl } from '../direct/direct-url.ts';
import { StsPolicies, type StsShelf } from '../direct/mta-sts.ts';
import { parseSesUrl, type SesOptions } from '../ses/ses-url.ts';
import { type AccessTokens, accessTokens } from '../smtp/access-token.ts';
import { guardedDial } from '../smtp/dial.ts';
import { type Dial, isEhloName, type SmtpOptions, type SmtpTimeouts } from '../smtp/settings.ts';
import { parseSmtpUrl } from '../smtp/smtp-url.ts';
import type { TlsResults } from '../tls-results.ts';
import { type DirectParts, directTransport } from './direct.ts';
import { type SesParts, sesTransport } from './ses.ts';
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
  /** In front of whatever a tenant, or the DNS, names. */
  guard: AddressGuard;
  /** Lets through only what the operator opened: tenants may name other ports there. */
  opened: AddressGuard;
  /** The gateway's own domain. */
  domain: string;
  tlsResults: TlsResults;
  /** Null: policies of MTA-STS are kept in memory alone, as long as there is no store. */
  stsShelf?: () => StsShelf | null;
  timeouts?: Partial<SmtpTimeouts>;
  /** Whose mail hosts a test of `direct` greets. Default: somebody large. */
  probeDomain?: string;
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

/** Ports that tenants may name at any public host. */
const MAIL_PORTS = new Set([25, 465, 587, 2465, 2525, 2587]);

type Opened = { transport: Transport } | { error: string };

/** A transport, or what is wrong with its settings in a sentence that never repeats a password. Connects to nothing yet. */
export function openTransport(settings: TransportSettings, parts: TransportParts): Opened {
  const { ehloName } = settings;
  if (ehloName !== null && !isEhloName(ehloName)) {
    return { error: 'The name for EHLO is neither a host name nor an address literal.' };
  }
  switch (settings.kind) {
    case 'smtp':
      return openSmtp(settings, parts);
    case 'direct':
      return openDirect(settings, parts);
    case 'ses':
      return openSes(settings, parts);
    case 'sink':
      return { error: 'What goes to the sink stays here and needs no transport.' };
  }
}

function openSmtp(settings: TransportSettings, parts: TransportParts): Opened {
  const read = smtpOptionsOf(settings, parts);
  if ('error' in read) return read;
  const { requireTls, secure } = read.options;
  const requiredBy = requireTls || secure ? 'settings' : null;
  return {
    transport: smtpTransport(read.options, {
      onOpened: (host, opened) => parts.tlsResults.note(settings.id, host, opened, requiredBy),
    }),
  };
}

/** How the client is to talk to the next hop that these settings name. */
export function smtpOptionsOf(
  settings: TransportSettings,
  parts: TransportParts,
): { options: SmtpOptions } | { error: string } {
  const { credentials, ehloName, isTenants } = settings;
  const trusted = takeAuthorities(settings.url, isTenants);
  if ('error' in trusted) return trusted;
  const { url, ca } = trusted;
  const parsed = parseSmtpUrl(credentials === null ? url : withCredentials(url, credentials));
  if ('error' in parsed) return parsed;
  const options: SmtpOptions = {
    maxConnections: CONNECTIONS,
    ehloName: ehloName ?? parts.domain,
    timeouts: parts.timeouts,
    ...parsed.options,
    tls: { ...parsed.options.tls, ...ca },
    tokens: tokensFor(parsed.options, parts, isTenants, ca),
  };
  if (!isTenants) return { options };
  const maxConnections = Math.min(options.maxConnections ?? CONNECTIONS, CONNECTIONS);
  return { options: { ...options, maxConnections, connect: tenantsDial(options.port, parts) } };
}

function tokensFor(
  { grant, pass = '' }: SmtpOptions,
  { dns, guard, opened }: TransportParts,
  isTenants: boolean,
  ca: { ca?: string },
): AccessTokens | undefined {
  if (grant === undefined) return undefined;
  const blank = pass.indexOf(' ');
  const clientSecret = blank === -1 ? '' : pass.slice(0, blank);
  const isUsual = !isTenants || new URL(grant.tokenUrl).port === '';
  const fetch = lazyFetch(dns, isUsual ? guard : bothOf(guard, opened), ca);
  return accessTokens({ ...grant, clientSecret, refreshToken: pass.slice(blank + 1) }, fetch);
}

function openDirect(settings: TransportSettings, parts: TransportParts): Opened {
  const read = directOf(settings, parts);
  return 'error' in read ? read : { transport: directTransport(read.options, read.parts) };
}

/** How mail is to be carried straight to its receivers under these settings. */
export function directOf(
  { id, url, ehloName, isTenants }: TransportSettings,
  { dns, guard, domain, tlsResults, timeouts, opened, stsShelf }: TransportParts,
): { options: DirectOptions; parts: DirectParts } | { error: string } {
  const trusted = takeAuthorities(url, isTenants);
  if ('error' in trusted) return trusted;
  const parsed = parseDirectUrl(trusted.url);
  if ('error' in parsed) return parsed;
  const { options } = parsed;
  const { ca } = trusted.ca;
  const fetch = lazyFetch(dns, isTenants && options.stsPort !== 443 ? bothOf(guard, opened) : guard, { ca });
  return {
    options: isTenants ? { ...options, maxConnections: Math.min(options.maxConnections, CONNECTIONS) } : options,
    parts: {
      dns,
      dial: isTenants ? tenantsDial(options.port, { dns, guard, opened }, new Set([25])) : guardedDial(dns, guard),
      policies: options.hasMtaSts ? new StsPolicies({ dns, fetch, port: options.stsPort, shelf: stsShelf }) : null,
      ehloName: options.ehloName ?? ehloName ?? domain,
      ...(ca === undefined ? {} : { ca }),
      timeouts,
      onOpened: (host, session, requiredBy) => tlsResults.note(id, host, session, requiredBy),
    },
  };
}

function openSes(settings: TransportSettings, parts: TransportParts): Opened {
  const read = sesOf(settings, parts);
  return 'error' in read ? read : { transport: sesTransport(read.options, read.parts) };
}

/** How mail is to be given to SES under these settings. */
export function sesOf(
  { url, credentials, isTenants }: TransportSettings,
  parts: TransportParts,
): { options: SesOptions; parts: SesParts } | { error: string } {
  const trusted = takeAuthorities(url, isTenants);
  if ('error' in trusted) return trusted;
  const parsed = parseSesUrl(credentials === null ? trusted.url : withCredentials(trusted.url, credentials));
  if ('error' in parsed) return parsed;
  const { options } = parsed;
  const { connectMs } = parts.timeouts ?? {};
  const given = { ...trusted.ca, ...(connectMs === undefined ? {} : { connectMs }) };
  if (!isTenants) return { options, parts: given };
  // The machine's own keys are the operator's.
  if (options.keys === null) return { error: 'The SES address needs a key: ses://key:secret@region.' };
  const { endpoint } = options;
  const isUsual = endpoint === null || (endpoint.protocol === 'https:' && endpoint.port === '');
  const dial = guardedDial(parts.dns, isUsual ? parts.guard : bothOf(parts.guard, parts.opened));
  const maxConnections = Math.min(options.maxConnections, CONNECTIONS);
  return { options: { ...options, maxConnections }, parts: { ...given, dial } };
}

function tenantsDial(
  port: number,
  { dns, guard, opened }: Pick<TransportParts, 'dns' | 'guard' | 'opened'>,
  ports: ReadonlySet<number> = MAIL_PORTS,
): Dial {
  return guardedDial(dns, ports.has(port) ? guard : bothOf(guard, opened));
}

function bothOf(first: AddressGuard, second: AddressGuard): AddressGuard {
  const refusal = (address: string): string | null => first.refusal(address) ?? second.refusal(address);
  return { refusal, allows: (address) => refusal(address) === null };
}

/** The client for HTTP is loaded by the first policy that is fetched. */
function lazyFetch(dns: Dns, guard: AddressGuard, tls: { ca?: string }): GuardedFetch {
  return async (url, bounds) => {
    const { openGuardedFetch } = await import('../../base/guarded-fetch.ts');
    return openGuardedFetch(dns, guard, tls)(url, bounds);
  };
}

/** Takes the parameter `ca=` (a file of certificates in PEM) out of an address: authorities to trust beside the machine's. */
function takeAuthorities(url: string, isTenants: boolean): { url: string; ca: { ca?: string } } | { error: string } {
  const at = url.indexOf('?');
  const query = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  const file = query.get('ca');
  if (file === null) return { url, ca: {} };
  if (isTenants) return { error: 'The parameter ca names a file of the gateway and is not for providers of tenants.' };
  query.delete('ca');
  const rest = query.size === 0 ? '' : `?${query}`;
  try {
    return {
      url: `${url.slice(0, at)}${rest}`,
      ca: { ca: [...getCACertificates('default'), readFileSync(file, 'utf8')].join('\n') },
    };
  } catch (fault) {
    return { error: `The parameter ca names a file that cannot be read: ${(fault as Error).message}.` };
  }
}

/** The address with these credentials in the place of its own. */
export function withCredentials(url: string, { user, pass }: Credentials): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  parsed.username = encodeURIComponent(user);
  parsed.password = encodeURIComponent(pass);
  return parsed.href;
}
