/** The part of the port about mailboxes whose mail is read. */
import type { Mode } from '../../core/message.ts';
import type { Claimed } from './delivery.ts';

/** `waiting`: to be read in its turn. `watching`: read up to now, and told of more. `failing`: not readable now. */
const IMAP_STATES = ['waiting', 'watching', 'failing'] as const;
export type ImapState = (typeof IMAP_STATES)[number];

export type ImapSettings = {
  /** `imaps://host:port` or `imap://host:port`, without credentials. */
  url: string;
  /** Whether copies of what was sent are put into the folder for sent mail. */
  appendToSent: boolean;
  /** Credentials, sealed in the context `mailbox/<id>/imap`. */
  sealed: Uint8Array | null;
};

/** How far a mailbox was read. UIDs are those of one address and one UIDVALIDITY (RFC 9051 §2.3.1.1). */
export type ImapPlace = { url: string; uidValidity: string; uid: number };

export type ReadMailbox = {
  no: number;
  id: string;
  tenantNo: number;
  mode: Mode;
  address: string;
  imap: ImapSettings;
  version: number;
  place: ImapPlace | null;
  /** Up to which event copies of what was sent were put into its folder; null: none were yet. */
  copiedSeq: number | null;
};

export type ImapNote = {
  mailbox: number;
  state: ImapState;
  /** What is wrong, in words, where it fails. */
  error: string | null;
  /** When it was last read to the end, in milliseconds; null: not now. */
  seenAt: number | null;
  /** Null: unchanged. */
  place: ImapPlace | null;
  copiedSeq: number | null;
};

export interface ImapWrites {
  /** False: the mailbox is gone. The first one that can be read makes replies visible. */
  noteImap(input: ImapNote): Promise<boolean>;
}

export interface ImapReads {
  /** Those of live mode: test mail never leaves the machine. */
  readMailboxes(input: Record<string, never>): Promise<ReadMailbox[]>;
  /** What is needed to make the mail of a recipient once more, for its sender; null where the content is gone. */
  sentCopy(input: { tenantNo: number; recipientId: string }): Promise<Claimed | null>;
}
