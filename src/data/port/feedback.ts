/** The part of the port by which feedback finds what it is about. */
import type { Mode } from '../../core/message.ts';
import type { RecipientState } from '../../core/states.ts';

/** A recipient whom something that came back names, with proof. */
export type WrittenTo = {
  mode: Mode;
  messageId: string;
  recipientId: string;
  email: string;
  key: string;
  state: RecipientState;
};

/** A provider whose notifications are taken in. */
export type NotifyingProvider = { tenantNo: number; mode: Mode; url: string };

export interface FeedbackReads {
  writtenTo(input: { tenantNo: number; recipientId: string }): Promise<WrittenTo | null>;
  /** Null: there is no such provider, or it is none of SES. */
  notifyingProvider(input: { id: string }): Promise<NotifyingProvider | null>;
}
