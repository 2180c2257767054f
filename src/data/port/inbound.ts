/** The part of the port that takes in mail with proof of what it is about, and shows what came in. */
import type { InboundKind, KeptFor, ProofKind, ReadInbound } from '../../core/inbound.ts';
import type { ProvenKind } from '../../core/returns.ts';
import type { Page } from './page.ts';
import type { ReturnChannel } from './returns.ts';
import type { Space } from './space.ts';

/** What a signed address, or a msg-id of ours, names. */
export type InboundTarget = {
  tenantNo: number;
  proof: ProofKind;
  named: { recipientId: string } | { messageId: string };
};

export type InboundMail = InboundTarget & {
  channel: ReturnChannel;
  /** Envelope sender: '' is the null sender. Null where the mail came without an envelope. */
  mailFrom: string | null;
  rcptTo: string | null;
  /** Of the octets; the same mail to the same target is taken once. */
  digest: string;
  size: number;
  /** The octets, or the name of their blob, which is stored already. */
  raw: { inline: Uint8Array } | { blob: string };
  /** Null: it could not be read. */
  read: ReadInbound | null;
};

export type InboundApplied = {
  kind: ProvenKind;
  recipientId: string;
  event: { id: string; seq: number; type: string };
};

export type InboundAnswer =
  /** Kept. `applied` is what it changed: nothing where `why` says why not. */
  | { outcome: 'taken'; id: string; applied: InboundApplied[]; why: KeptFor | null; unused: string[] }
  /** The same mail was taken before. */
  | { outcome: 'known'; id: string }
  | { outcome: 'not_found' }
  /** What it is about is on the wire at this moment: to be asked again. */
  | { outcome: 'later' };

export type InboundRow = {
  id: string;
  at: number;
  channel: ReturnChannel;
  proof: ProofKind;
  kind: InboundKind | 'unreadable';
  form: string | null;
  outcome: 'applied' | 'kept';
  why: KeptFor | null;
  messageId: string;
  recipientId: string | null;
  recipient: string | null;
  threadId: string | null;
  mailFrom: string | null;
  rcptTo: string | null;
  from: { email: string; name: string | null } | null;
  subject: string;
  ownId: string | null;
  text: string | null;
  /** What it says of recipients, and what it changed. */
  details: {
    reporting_mta: string | null;
    reported: {
      email: string | null;
      class: string | null;
      status: string | null;
      action: string | null;
      said: string;
    }[];
    applied: { kind: string; recipient_id: string; event_id: string; seq: number; type: string }[];
  };
  size: number;
};

export type InboundFilter = {
  kind: string | null;
  outcome: string | null;
  messageId: string | null;
  /** Key of an address: mail about this person, or written by them. */
  person: string | null;
  /** Milliseconds; from this time on. */
  since: number | null;
};

export interface InboundWrites {
  /** Keeps a mail, and applies what it proves, in one transaction. */
  takeInbound(mail: InboundMail): Promise<InboundAnswer>;
}

export interface InboundReads {
  /** Whether there is what an address names. */
  inboundTarget(target: InboundTarget): Promise<boolean>;
  /** Newest first. A page looks at a bounded number of rows: it may hold fewer than asked for, and still name a next one. */
  inbound(input: Space & { filter: InboundFilter; limit: number; cursor: string | null }): Promise<Page<InboundRow>>;
  inboundById(input: Space & { id: string }): Promise<InboundRow | null>;
  inboundRaw(input: Space & { id: string }): Promise<{ inline: Uint8Array } | { blob: string } | null>;
}
