/** Reading, sealing and testing of providers, for those who manage them. */
import { isIP } from 'node:net';
import { type Credentials, openCredentials, sealCredentials } from '../base/credentials.ts';
import { readImapUrl } from '../base/imap-url.ts';
import type { Secrets } from '../base/secrets.ts';
import type { ManagedProvider } from '../data/port/senders.ts';
import type { Store } from '../data/store.ts';
import { DEFAULT_PROVIDER, type ProviderKind } from '../policy/pool.ts';
import { type Probe, probeTransport, probeWords } from './probe.ts';
import { readProviderUrl } from './provider-url.ts';
import { outboundSettings } from './relay.ts';
import type { TlsResult } from './tls-results.ts';
import { kindOfUrl, type TransportParts, type TransportSettings } from './transports/open-transport.ts';

export type ProviderToolsParts = {
  store: Pick<Store, 'providerSettings'>;
  secrets: Secrets;
  transportParts: TransportParts;
  /** What the gateway's own provider is: POSTERN_OUTBOUND. */
  outbound: string;
};

const GONE = 'It was removed meanwhile.';
const UNREADABLE =
  'Its credentials were sealed under a master secret that is gone: give them again (PATCH /v1/providers/{id}).';
const SINK = 'The sink takes everything and keeps it here.';

export function providerTools({ store, secrets, transportParts, outbound }: ProviderToolsParts) {
  const ownKind: ProviderKind = kindOfUrl(outbound) ?? 'sink';

  /** What to connect with, or why not. */
  async function settingsOf(provider: ManagedProvider): Promise<TransportSettings | string> {
    if (provider.no === DEFAULT_PROVIDER) return outboundSettings(outbound, ownKind);
    const settings = await store.providerSettings({ no: provider.no });
    if (settings === null) return GONE;
    const { id, kind, url, sealed, ehloName } = settings;
    const credentials = sealed === null ? null : openCredentials(secrets, sealed, `provider/${id}`);
    if (sealed !== null && credentials === null) return UNREADABLE;
    return { id, kind, url, credentials, ehloName, isTenants: true };
  }

  return {
    ownKind,
    read: readProviderUrl,
    readImap(text: string) {
      const read = readImapUrl(text);
      if ('error' in read) return read;
      const { url, credentials, host, port, isSecure, isVerified } = read;
      return { url, credentials, host, endpoint: `${isSecure ? 'imaps' : 'imap'}://${host}:${port}?${isVerified}` };
    },
    refusal(host: string): string | null {
      const { guard } = transportParts;
      // Names of this machine alone (RFC 6761 §6.3); all others are looked up when they are connected to.
      if (/^(?:.*\.)?localhost\.?$/i.test(host)) return guard.refusal('127.0.0.1');
      return isIP(host) === 0 ? null : guard.refusal(host);
    },
    seal: (credentials: Credentials, context: string): Uint8Array => sealCredentials(secrets, credentials, context),
    tls: (provider: ManagedProvider): TlsResult[] =>
      transportParts.tlsResults.of(provider.no === DEFAULT_PROVIDER ? 'default' : provider.id),
    async test(provider: ManagedProvider): Promise<{ ok: boolean; detail: string }> {
      const settings = await settingsOf(provider);
      if (typeof settings === 'string') return { ok: false, detail: settings };
      if (settings.kind === 'sink') return { ok: true, detail: SINK };
      const probe = await probeTransport(settings, transportParts);
      return probeWords(provider.no === DEFAULT_PROVIDER ? withoutPlace(probe) : probe);
    },
  };
}

/** Where the gateway's own next hop stands is no tenant's business. */
function withoutPlace(probe: Probe): Probe {
  return 'where' in probe ? { ...probe, where: "The gateway's own next hop" } : probe;
}
