/** The part of the port that takes what comes back: replies, bounces, complaints, unsubscribes, deliveries. */
import type { Mode } from '../../core/message.ts';
import type { BounceClass } from '../../core/reasons.ts';
import type { ProvenKind, ReturnKind } from '../../core/returns.ts';
import type { RecipientState } from '../../core/states.ts';

export type ReturnInput = {
  tenantNo: number;
  mode: Mode;
  kind: ReturnKind;
  /** The message it is about, or null. */
  messageId: string | null;
  /** The recipient's address, or null where the message has one only. */
  email: { key: string } | null;
  /** When it happened, in milliseconds; null: now. */
  at: number | null;
  class: BounceClass;
};

export type ReturnAnswer =
  | {
      outcome: 'applied' | 'known';
      messageId: string | null;
      recipientId: string | null;
      email: string;
      status: RecipientState | null;
      /** Null where nothing new was learnt. */
      event: { id: string; seq: number; type: string } | null;
      suppression: { id: string; reason: string } | null;
    }
  | { outcome: 'not_found'; resource: 'message' | 'recipient' }
  /** The message has several recipients and none was named. */
  | { outcome: 'ambiguous' }
  /** `at` lies ahead, or before the message. */
  | { outcome: 'impossible_time' }
  /** Nothing has left for this recipient. */
  | { outcome: 'conflict'; state: RecipientState };

/** Where proof came in: the listener, a mailbox that is polled, SES's notifications, a signed hook. */
export type ReturnChannel = 'smtp' | 'imap' | 'ses' | 'hook';

/** What the report itself says, shown in the event. */
export type ReturnDetail = {
  /** The remote server's words, or the diagnostic; cut at 1,000 characters. */
  reply: string | null;
  /** Enhanced status code (RFC 3463). */
  status: string | null;
  reportingMta: string | null;
  /** How it was written: `dsn`, `arf`, `free_form`, a provider's word. */
  form: string | null;
};

/** What came back about one recipient, with proof of which one. */
export type ProvenReturn = {
  tenantNo: number;
  /** By its own id, or by that of its message with its address (null: the message's only recipient). */
  recipient: { id: string } | { messageId: string; email: { key: string } | null };
  kind: ProvenKind;
  /** Of a bounce or delay; else `unknown`. */
  class: BounceClass;
  /** What the report's reader made of a bounce; null: what its class says. A fault that is not the recipient's never suppresses. */
  hard: boolean | null;
  suppress: boolean | null;
  /** When it happened, in milliseconds; null: now. A time before the message, or ahead, counts as the nearest one that can be. */
  at: number | null;
  channel: ReturnChannel;
  /** The same report twice changes nothing: a digest, a Message-ID, a provider's id. Null: only the state tells. */
  reportId: string | null;
  detail: ReturnDetail | null;
};

/** `known`: the address had unsubscribed before, and nothing changed. */
export type UnsubscribeAnswer = { outcome: 'applied' | 'known' } | { outcome: 'not_found' };

export interface ReturnsWrites {
  /** What the caller's own mailbox or provider saw, about a recipient that was written to. */
  reportReturn(input: ReturnInput): Promise<ReturnAnswer>;
  /**
   * Applies what is proven, whole: state, suppression, contact, risk, event. `conflict` with the state `sending` is to be asked again: the
   * answer to the final dot is not stored yet.
   */
  provenReturn(input: ProvenReturn): Promise<ReturnAnswer>;
  /** A recipient followed the link that only they have. */
  unsubscribe(input: { tenantNo: number; recipientId: string }): Promise<UnsubscribeAnswer>;
}
