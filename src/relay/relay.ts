/** The relay as a whole: composer, key, next hop and dispatcher, started and stopped together. */
import type { Registry } from 'prom-client';
import { openCredentials } from '../base/credentials.ts';
import type { Secrets } from '../base/secrets.ts';
import { openTokens } from '../base/tokens.ts';
import type { Blobs } from '../data/blobs.ts';
import type { Claimed, Store } from '../data/store.ts';
import type { ProviderKind } from '../policy/pool.ts';
import { startComposer } from './composer.ts';
import { Dispatcher } from './dispatcher.ts';
import type { DkimKey } from './dkim.ts';
import { relayFigures } from './figures.ts';
import { openGatewayKey } from './gateway-key.ts';
import { Mails } from './mails.ts';
import { Notifier } from './notifier.ts';
import type { RelayLog } from './relay-log.ts';
import { replies } from './replies.ts';
import { SenderKeys } from './sender-keys.ts';
import { type BookParts, TransportBook } from './transport-book.ts';
import { kindOfUrl, openTransport, type TransportParts, type TransportSettings } from './transports/open-transport.ts';
import type { Transport } from './transports/transport.ts';
import { Ways } from './ways.ts';

export type RelayParts = {
  store: Store;
  blobs: Blobs;
  secrets: Secrets;
  /** The gateway's own domain. */
  domain: string;
  /** Where links lead to. */
  publicUrl: string;
  outbound: Outbound;
  /** What transports of tenants are made with. */
  transports: TransportParts;
  log: RelayLog;
  /** Where figures for Prometheus are registered. */
  registry: Registry;
  /** Whether mail to signed addresses is taken in here: then they are offered for unsubscribing and for replies. */
  takesMail: boolean;
};

/** Null: mail stays in the sink. */
export type Outbound = { kind: ProviderKind; transport: Transport } | null;

export type Relay = {
  /** The mail of a recipient as it is sent, made once more, with its Message-ID; null where it cannot be made. */
  copyOf(claimed: Claimed): Promise<{ octets: Uint8Array; messageId: string } | null>;
  /** A sender domain of this tenant was changed: other keys may sign, and reports come back elsewhere. */
  forgetDomains(tenantNo: number): void;
  /** Waits for answers to dots that are out for at most `graceMs`; what has not reached its dot goes back untried. */
  stop(graceMs: number): Promise<void>;
};

/** The next hop that POSTERN_OUTBOUND names, or what is wrong with it in a sentence that never repeats a password. */
export function openOutbound(url: string, parts: TransportParts): { outbound: Outbound } | { error: string } {
  const kind = kindOfUrl(url);
  if (kind === 'sink') return { outbound: null };
  if (kind === null) return { error: 'POSTERN_OUTBOUND cannot be used: it begins with none of the known schemes.' };
  const opened = openTransport(outboundSettings(url, kind), parts);
  if ('error' in opened) return { error: `POSTERN_OUTBOUND cannot be used: ${opened.error}` };
  return { outbound: { kind, transport: opened.transport } };
}

/** The gateway's own provider as one of the others. */
export function outboundSettings(url: string, kind: TransportSettings['kind']): TransportSettings {
  return { id: 'default', kind, url, credentials: null, ehloName: null, isTenants: false };
}

export function startRelay(parts: RelayParts): Relay {
  const { store, blobs, domain, publicUrl, outbound, log } = parts;
  const composer = startComposer();
  const tokens = openTokens(parts.secrets);
  const ownKeys = gatewayKeys(parts);
  const senderKeys = new SenderKeys({ store, secrets: parts.secrets, domain, gatewayKeys: ownKeys, log });
  const keysFor = (claimed: Claimed) => senderKeys.keysFor(claimed);
  const mailDomain = parts.takesMail ? `bounces.${domain}` : null;
  const mails = new Mails({ blobs, composer, tokens, domain, mailDomain, publicUrl, keysFor });
  const book = new TransportBook({ store, ...openers(parts) });
  const ways = new Ways({ store, outbound, book, log });
  const dispatcher: Dispatcher = new Dispatcher({
    store,
    mails,
    ways,
    tokens,
    returnDomainFor: (claimed) => senderKeys.returnDomainFor(claimed),
    rules: replies(),
    log,
    onDot: relayFigures(parts.registry, { inFlight: () => dispatcher.inFlight, ways, book }).onDot,
  });
  const carrier = outbound?.transport ?? null;
  const notifier = new Notifier({
    store,
    composer,
    domain,
    keysFor: ownKeys,
    outbound: carrier,
    rules: replies(),
    log,
  });
  dispatcher.start();
  notifier.start();
  // Made at the first start, so that its record can be published before the first message.
  let isStopped = false;
  ownKeys().catch((fault) => {
    if (!isStopped) log.error({ error: String(fault) }, 'the DKIM key cannot be opened now');
  });
  return {
    copyOf: (claimed) => copyOf(claimed, mails),
    forgetDomains: (tenantNo) => senderKeys.forget(tenantNo),
    async stop(graceMs) {
      isStopped = true;
      const until = performance.now() + graceMs;
      dispatcher.stop();
      notifier.stop();
      // A fifth, or a second, is kept for storing what became of the dots.
      const answersMs = Math.max(0, graceMs - Math.min(1000, graceMs / 5));
      await Promise.all([outbound?.transport.close(answersMs), book.close(answersMs)]);
      await dispatcher.settled(Math.max(0, until - performance.now()));
      await notifier.settled();
      await composer.close();
    },
  };
}

async function copyOf(claimed: Claimed, mails: Mails): ReturnType<Relay['copyOf']> {
  const mail = await mails.take(claimed);
  if (mail === 'stopped' || 'problem' in mail) return null;
  const octets = Buffer.from(mail.bytes);
  mail.release();
  const header = octets.subarray(0, octets.indexOf('\r\n\r\n')).toString('latin1');
  const messageId = /^Message-ID:\s{0,9}(<[^<>\s]{1,512}>)/im.exec(header)?.[1];
  return messageId === undefined ? null : { octets, messageId };
}

/** How tenants' own transports are made. */
function openers({ secrets, transports }: RelayParts): Pick<BookParts, 'open' | 'openSealed'> {
  return {
    open: (settings) => openTransport({ ...settings, isTenants: true }, transports),
    openSealed: (sealed, context) => openCredentials(secrets, sealed, context),
  };
}

/** The gateway's key, opened once; after a failure whoever signs next tries again. */
function gatewayKeys({ store, secrets, domain, log }: RelayParts): () => Promise<readonly DkimKey[]> {
  let opening: Promise<readonly DkimKey[]> | null = null;
  const open = async (): Promise<readonly DkimKey[]> => {
    const { key, record, isNew } = await openGatewayKey(store, secrets, domain);
    if (isNew)
      log.info({ ...record, type: 'TXT' }, 'made a DKIM key: publish its record where mail leaves this machine');
    return [key];
  };
  return () => {
    opening ??= open().catch((fault) => {
      opening = null;
      throw fault;
    });
    return opening;
  };
}
