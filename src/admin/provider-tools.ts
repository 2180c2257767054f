/** What the routes of providers and mailboxes need of the stage that connects to them. */
import type { Credentials } from '../base/credentials.ts';
import type { ManagedProvider } from '../data/port/senders.ts';
import type { ProviderKind } from '../policy/pool.ts';

export type ReadAddress = {
  /** Without credentials. */
  url: string;
  credentials: Credentials | null;
  /** The host that would be connected to, where the address names one. */
  host: string | null;
  /** Credentials given for one endpoint are never sent to another. */
  endpoint: string;
};

export type Tested = {
  ok: boolean;
  /** In words: what was found, or what is wrong. */
  detail: string;
};

/** How TLS is with one host of a provider. */
export type TlsSeen = {
  host: string;
  outcome: TlsOutcome;
  /** Null in plain text. */
  protocol: string | null;
  cipher: string | null;
  /** Why it is not `verified`. */
  why: string | null;
  requiredBy: 'settings' | 'mta-sts' | null;
  lastSeenAt: number;
  counts: Record<TlsOutcome, number>;
};

export const TLS_OUTCOMES = ['verified', 'unverified', 'plain', 'failed'] as const;
export type TlsOutcome = (typeof TLS_OUTCOMES)[number];

export type ProviderTools = {
  /**
   * An address of a provider; what is wrong with one is said without repeating credentials. `beside`: those that are given
   * beside it, or `kept` where those it has are to stay.
   */
  read(url: string, beside: Credentials | 'kept' | null): (ReadAddress & { kind: ProviderKind }) | { error: string };
  /** An address at which mail is read. */
  readImap(url: string): ReadAddress | { error: string };
  /** Why this host, as it is written, may not be connected to; null for a name that is to be looked up. */
  refusal(host: string): string | null;
  seal(credentials: Credentials, context: string): Uint8Array;
  /** Connects as a delivery would, and sends nothing. Never longer than half a minute. */
  test(provider: ManagedProvider): Promise<Tested>;
  /** What TLS came to with the hosts that were met, the last one first. */
  tls(provider: ManagedProvider): TlsSeen[];
  /** What the gateway's own provider is. */
  ownKind: ProviderKind;
};
