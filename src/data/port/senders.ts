/**
 * The part of the port that manages providers and mailboxes: what mail leaves through.
 *
 * Invariant: credentials come here sealed, are given out sealed, to whoever opens a transport, and stand in no other answer.
 */

import type { Ramp } from '../../policy/document.ts';
import type { HealthLevel, HealthOutcome, HealthRates } from '../../policy/health.ts';
import type { Mailbox, Provider, ProviderCaps, ProviderKind, ProviderState } from '../../policy/pool.ts';
import type { ImapSettings, ImapState } from './imap.ts';
import type { Actor, Refused } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

/** What a transport is opened with. Credentials stay sealed: whoever has the master secret opens them. */
export type ProviderSettings = {
  id: string;
  kind: ProviderKind;
  /** Without credentials. */
  url: string;
  /** Credentials as `base/credentials.ts` seals them, in the context `provider/<id>`. */
  sealed: Uint8Array | null;
  ehloName: string | null;
  version: number;
};

/** `keep`: they stay as they are. */
export type ImapChange = Omit<ImapSettings, 'sealed'> & { sealed: Uint8Array | null | 'keep' };

/** How the reading of its mail goes. */
export type ImapReading = { state: ImapState; error: string | null; since: number; lastSeenAt: number | null };

/** What is a mailbox's own; where `sealed` is null it uses its provider's credentials. */
export type MailboxSettings = {
  id: string;
  address: string;
  provider: number;
  imap: ImapSettings | null;
  /** Credentials for its provider, sealed in the context `mailbox/<id>`. */
  sealed: Uint8Array | null;
  version: number;
};

export type ProviderFields = {
  name: string;
  kind: ProviderKind;
  url: string;
  /** Credentials given for one endpoint are never sent to another. */
  endpoint: string;
  sealed: Uint8Array | null;
  ehloName: string | null;
  weight: number;
  priority: number;
  caps: ProviderCaps;
};

/** A provider as people see it. */
export type ManagedProvider = Provider & {
  /** Null for the gateway's own. */
  url: string | null;
  ehloName: string | null;
  hasCredentials: boolean;
  testedAt: number | null;
  /** How many mailboxes are on it. */
  mailboxes: number;
  createdAt: number | null;
  updatedAt: number | null;
};

export type MailboxFields = {
  address: string;
  /** The address in its one form. */
  key: string;
  /** Id, name, or `default`. */
  provider: string;
  /** Id or handle; null: it belongs to nobody. */
  identity: string | null;
  dailyCap: number | null;
  warmup: Ramp | null;
  sealed: Uint8Array | null;
  imap: ImapSettings | null;
};

export type MailboxChange = Partial<Omit<MailboxFields, 'imap'>> & { imap?: ImapChange | null };

export type ManagedMailbox = Mailbox & {
  /** What its warm-up is made from. */
  ramp: Ramp | null;
  /** Of its provider. */
  providerId: string;
  providerName: string;
  providerState: ProviderState;
  identityId: string | null;
  identityHandle: string | null;
  stateNote: string | null;
  hasCredentials: boolean;
  imap: (Omit<ImapSettings, 'sealed'> & { hasCredentials: boolean; reading: ImapReading | null }) | null;
  createdAt: number;
  updatedAt: number;
};

/** What happened through a mailbox in one hour, and the lowest score in it. */
export type HealthHour = Record<HealthOutcome, number> & { at: number; score: number };

/** How a mailbox stands on its clock. */
export type MailboxHealth = {
  score: number;
  level: HealthLevel;
  excludedSince: number | null;
  recoversAt: number | null;
  rates: HealthRates;
  /** What each kind of bad sign takes off the score. */
  penalties: Record<Exclude<HealthOutcome, 'delivered'>, number>;
  /** Hours in which something happened, the newest first. */
  hours: HealthHour[];
};

export type SenderTrouble =
  | { outcome: 'missing' }
  /** Another one has the name or the address. */
  | { outcome: 'taken' }
  /** There are as many as there may be. */
  | { outcome: 'full'; most: number }
  /** What a field names does not exist. */
  | { outcome: 'unknown'; param: 'provider' | 'identity'; value: string }
  /** It is the gateway's own: its settings are the gateway's. */
  | { outcome: 'not_yours' }
  /** Mailboxes are on it: some of their addresses, and how many there are. */
  | { outcome: 'used'; mailboxes: string[]; count: number }
  /** It is in this state already. */
  | { outcome: 'conflict'; state: string }
  | Refused;

export type ProviderAnswer = { outcome: 'done'; provider: ManagedProvider } | SenderTrouble;
/** `no_keys`: SES without keys of its own would be asked with the gateway's. */
export type ProviderChanged = ProviderAnswer | { outcome: 'no_keys' };
export type MailboxAnswer = { outcome: 'done'; mailbox: ManagedMailbox } | SenderTrouble;

type Change = Space & { id: string; note: string | null; actor: Actor };

export interface SendersWrites {
  createProvider(input: Change & { fields: ProviderFields }): Promise<ProviderAnswer>;
  /** Raising or removing a cap needs a person. Another endpoint gets no credentials that were given for the one before. */
  changeProvider(input: Change & { change: Partial<ProviderFields> }): Promise<ProviderChanged>;
  /** Also for `default`. What a person turned off a person turns on. */
  turnProvider(input: Change & { on: boolean }): Promise<ProviderAnswer>;
  deleteProvider(input: Change): Promise<ProviderAnswer>;
  /** What a test of these settings came to; nothing is noted where they have changed meanwhile. */
  noteProviderTest(input: { no: number; version: number; failure: string | null }): Promise<boolean>;
  createMailbox(input: Change & { fields: MailboxFields }): Promise<MailboxAnswer>;
  /** A higher cap and a quicker warm-up need a person. */
  changeMailbox(input: Change & { change: MailboxChange }): Promise<MailboxAnswer>;
  pauseMailbox(input: Change): Promise<MailboxAnswer>;
  /** What a person paused a person resumes; what the operator paused, the operator. */
  resumeMailbox(input: Change): Promise<MailboxAnswer>;
  deleteMailbox(input: Change): Promise<MailboxAnswer>;
}

export interface SendersReads {
  /** By number. Null for one that is gone, and for the gateway's own, whose settings are the gateway's. */
  providerSettings(input: { no: number }): Promise<ProviderSettings | null>;
  mailboxSettings(input: { no: number }): Promise<MailboxSettings | null>;
  /** The gateway's own stands on the first page. */
  providers(input: Space & Paging): Promise<Page<ManagedProvider>>;
  /** By id or name. */
  provider(input: Space & { id: string }): Promise<ManagedProvider | null>;
  /** Of all tenants: those whose last test failed, and was before this time; the oldest first. */
  failingProviders(input: { before: number; most: number }): Promise<ManagedProvider[]>;
  /** Of one identity or provider, by number, where they are given. */
  mailboxes(
    input: Space & Paging & { identity: number | null; provider: number | null },
  ): Promise<Page<ManagedMailbox>>;
  /** By id or address key. */
  mailbox(input: Space & { id: string }): Promise<ManagedMailbox | null>;
  /** By number. */
  mailboxHealth(input: Space & { no: number }): Promise<MailboxHealth>;
}
