/**
 * What mail of one tenant and mode can leave through: its providers and their mailboxes. Plain data, as the tables have it; which
 * of them a recipient gets is route.ts's to say.
 */

export const PROVIDER_KINDS = ['smtp', 'ses', 'direct', 'sink'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

export const PROVIDER_STATES = ['active', 'inactive', 'error'] as const;
export type ProviderState = (typeof PROVIDER_STATES)[number];

/** Recipients that a provider takes at most in each span of time. */
export type ProviderCaps = { second?: number; minute?: number; hour?: number; day?: number };

/** The number and the name of the gateway's own provider. */
export const DEFAULT_PROVIDER = 0;
export const DEFAULT_PROVIDER_NAME = 'default';

export type Provider = {
  /** 0: the gateway's own, "default". */
  no: number;
  id: string;
  name: string;
  /** `default`: whatever the gateway was started with. */
  kind: ProviderKind | 'default';
  state: ProviderState;
  stateNote: string | null;
  /** Its share of what providers of one priority carry. */
  weight: number;
  /** The lower goes first. */
  priority: number;
  caps: ProviderCaps;
  /** Grows with every change of settings. */
  version: number;
};

export const MAILBOX_STATES = ['active', 'paused'] as const;
export type MailboxState = (typeof MAILBOX_STATES)[number];

/** How a new mailbox's places grow, for each family of destinations by itself. */
export type MailboxWarmup = {
  /** The places of each UTC day from the first send to a family on; after the last one there is no end of them. */
  places: readonly number[];
};

export type Mailbox = {
  no: number;
  id: string;
  address: string;
  /** Number of its provider. */
  provider: number;
  /** Number of the identity that sends through it, or null. */
  identity: number | null;
  /** Recipients a UTC day; null: no cap. */
  dailyCap: number | null;
  warmup: MailboxWarmup | null;
  state: MailboxState;
  pausedBy: 'tenant' | 'operator' | null;
  /** 0 to 100. */
  health: number;
  /** Since when it is left out, its health below the threshold; null: it is not. */
  excludedSince: number | null;
  /** When its bad signs will have aged so far that it comes back if nothing new happens; null where it is not left out. */
  recoversAt: number | null;
  /** Grows with every change of settings. */
  version: number;
};

export type Pool = {
  /** By number, the gateway's own under 0 among them. */
  providers: ReadonlyMap<number, Provider>;
  mailboxes: ReadonlyMap<number, Mailbox>;
  /** By number of the identity. */
  byIdentity: ReadonlyMap<number, readonly Mailbox[]>;
};
