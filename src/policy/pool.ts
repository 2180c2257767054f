/**
 * What mail of a space can leave through: its providers, and the mailboxes behind its identities. Loaded with the space and
 * kept; null where a tenant has neither, so that everything about pools is skipped there.
 */

export const PROVIDER_KINDS = ['smtp', 'ses', 'direct', 'sink'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

export const PROVIDER_STATES = ['active', 'inactive', 'error'] as const;
export type ProviderState = (typeof PROVIDER_STATES)[number];

/** The number and the name of the gateway's own provider. */
export const DEFAULT_PROVIDER = 0;
export const DEFAULT_PROVIDER_NAME = 'default';

/** Recipients in a second, minute, hour and day, all of them UTC. Absent: no bound. */
export type ProviderCaps = { second?: number; minute?: number; hour?: number; day?: number };

export type Provider = {
  /** 0: the gateway's own. */
  no: number;
  id: string;
  name: string;
  /** `default`: whatever the gateway was started with. */
  kind: ProviderKind | 'default';
  state: ProviderState;
  stateNote: string | null;
  weight: number;
  /** Lower goes first. */
  priority: number;
  caps: ProviderCaps;
  /** Grows with every change of settings. */
  version: number;
};

export const MAILBOX_STATES = ['active', 'paused'] as const;
export type MailboxState = (typeof MAILBOX_STATES)[number];

/**
 * A ramp: so many recipients a UTC day and destination family at first, multiplied by `factorPercent` / 100 every `everyDays`
 * days; over after `days`.
 */
export type MailboxWarmup = {
  /** When it began, ms. */
  since: number;
  start: number;
  factorPercent: number;
  everyDays: number;
  days: number;
};

export type Mailbox = {
  no: number;
  id: string;
  address: string;
  /** The number of its provider. */
  provider: number;
  identity: number | null;
  /** Recipients a UTC day. */
  dailyCap: number | null;
  warmup: MailboxWarmup | null;
  state: MailboxState;
  pausedBy: 'tenant' | 'operator' | null;
  /** 0 to 100. */
  health: number;
  /** Since when it is left out for its health, ms. */
  excludedSince: number | null;
  /** When its bad signs will have aged so far that it comes back, if nothing new happens; null where it is not left out. */
  recoversAt: number | null;
  /** Grows with every change of settings. */
  version: number;
};

export type Pool = {
  /** By number; the gateway's own is among them. */
  providers: ReadonlyMap<number, Provider>;
  mailboxes: ReadonlyMap<number, Mailbox>;
  /** The mailboxes of each identity, by its number, in the order they were made. */
  byIdentity: ReadonlyMap<number, readonly Mailbox[]>;
};
