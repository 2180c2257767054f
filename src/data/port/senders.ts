/** The part of the port that manages providers and mailboxes: what mail leaves through. */
import type { ProviderKind } from '../../policy/pool.ts';

/** What a transport is opened with. Credentials stay sealed: whoever has the master secret opens them. */
export type ProviderSettings = {
  id: string;
  kind: ProviderKind;
  /** Without credentials. */
  url: string;
  /** JSON of `Credentials`, sealed in the context `provider/<id>`. */
  sealed: Uint8Array | null;
  ehloName: string | null;
  version: number;
};

/** What is sealed: what a peer asks for. */
export type Credentials = { user: string; pass: string };

export type ImapSettings = {
  /** `imaps://host:port` or `imap://host:port`, without credentials. */
  url: string;
  /** Whether copies of what was sent are put into the folder for sent mail. */
  appendToSent: boolean;
  /** JSON of `Credentials`, sealed in the context `mailbox/<id>/imap`. */
  sealed: Uint8Array | null;
};

/** What is a mailbox's own; where `sealed` is null it uses its provider's credentials. */
export type MailboxSettings = {
  id: string;
  address: string;
  provider: number;
  imap: ImapSettings | null;
  /** JSON of `Credentials` for its provider, sealed in the context `mailbox/<id>`. */
  sealed: Uint8Array | null;
  version: number;
};

export interface SendersReads {
  /** By number. Null for one that is gone, and for the gateway's own, whose settings are the gateway's. */
  providerSettings(input: { no: number }): Promise<ProviderSettings | null>;
  mailboxSettings(input: { no: number }): Promise<MailboxSettings | null>;
}
