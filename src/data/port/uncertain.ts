/** The part of the port about recipients of which nobody knows whether they have the message: listed, and decided by people. */
import type { RecipientState } from '../../core/states.ts';
import type { Actor, Refused } from './management.ts';
import type { MessageName } from './messages.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export type UncertainRow = {
  messageId: string;
  recipientId: string;
  email: string;
  subject: string;
  attempts: number;
  /** Since when nobody knows; null where its event is no longer kept. */
  since: number | null;
  /** The attempt of which no answer came, as its event has it. */
  provider: string | null;
  mailbox: string | null;
  reply: string | null;
  /** When it is sent again; null: it is held, and waits for a person. */
  nextAttemptAt: number | null;
  /** Whether it can be sent again at all: its content is still kept. */
  hasContent: boolean;
};

/** `delivered`, `failed`: a person found out. `give_up`: nobody ever will, and it is not sent again. */
export const UNCERTAIN_DECISIONS = ['resend', 'delivered', 'failed', 'give_up'] as const;
export type UncertainDecision = (typeof UNCERTAIN_DECISIONS)[number];

export type UncertainAnswer =
  | { outcome: 'decided' }
  | { outcome: 'missing'; resource: 'message' | 'recipient' }
  /** It is not uncertain, but in this state. */
  | { outcome: 'conflict'; state: RecipientState }
  /** Its content was freed: there is nothing to send. */
  | { outcome: 'no_content' }
  | Refused;

export interface UncertainWrites {
  /** A person's word on one recipient; sent again it is marked as a possible duplicate and keeps its Message-ID. */
  decideUncertain(
    input: MessageName & { recipientId: string; decision: UncertainDecision; note: string | null; actor: Actor },
  ): Promise<UncertainAnswer>;
  /**
   * The provider told by another way, and with proof, that it took the message of an attempt without an answer: `sent` from now on.
   * `later`: the attempt is not settled yet, ask again. `ignored`: the recipient is in another state, or not of this tenant.
   */
  resolveUncertain(input: { tenantNo: number; recipientId: string }): Promise<'resolved' | 'later' | 'ignored'>;
}

export interface UncertainReads {
  /** The newest first; `held`: those alone that wait for a person. */
  uncertain(input: Space & Paging & { held: boolean }): Promise<Page<UncertainRow>>;
}
