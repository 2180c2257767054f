/** The part of the port that takes what comes back: replies, bounces, complaints, unsubscribes, deliveries. */
import type { Mode } from '../../core/message.ts';
import type { BounceClass } from '../../core/reasons.ts';
import type { ReturnKind } from '../../core/returns.ts';
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

/** `known`: the address had unsubscribed before, and nothing changed. */
export type UnsubscribeAnswer = { outcome: 'applied' | 'known' } | { outcome: 'not_found' };

export interface ReturnsWrites {
  /** What the caller's own mailbox or provider saw, about a recipient that was written to. */
  reportReturn(input: ReturnInput): Promise<ReturnAnswer>;
  /** A recipient followed the link that only they have. */
  unsubscribe(input: { tenantNo: number; recipientId: string }): Promise<UnsubscribeAnswer>;
}
