/** The part of the port about messages that wait for a person: approvals and reviews of content. */
import type { RecipientState } from '../../core/states.ts';
import type { AdmitRequest, StaleCanaries } from './admission.ts';
import type { Actor, Refused } from './management.ts';
import type { MessageName, RecipientDecision, StoredMessage } from './messages.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

/**
 * `void`: the message was changed, and a new approval asked for. `cancelled`: nothing was left to decide, since the message was
 * cancelled.
 */
export const APPROVAL_STATES = ['pending', 'approved', 'rejected', 'expired', 'void', 'cancelled'] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

export type ApprovalRow = {
  id: string;
  messageId: string;
  state: ApprovalState;
  /** Codes of the reasons it was asked for. */
  reasons: string[];
  /** SHA-256 over envelope and content, in hex: what exactly is approved. */
  hash: string;
  requestedAt: number;
  expiresAt: number;
  decidedAt: number | null;
  /** As the audit log shows who decided. */
  decidedBy: string | null;
  note: string | null;
  subject: string;
  from: { email: string; name: string | null };
  agent: string | null;
  recipients: { email: string; kind: 'to' | 'cc' | 'bcc' }[];
};

/** An approval with the message to judge. */
export type WholeApproval = {
  approval: ApprovalRow;
  message: StoredMessage;
  /** The content as core/content-text.ts writes it, or its blob; null once it is gone. */
  content: { inline: Uint8Array } | { blob: string } | null;
};

export type DecideAnswer =
  | { outcome: 'decided'; approval: ApprovalRow }
  | { outcome: 'missing' }
  /** It has been decided, or is void: nothing changed. `changed`: the message is not the one it was asked for. */
  | { outcome: 'conflict'; state: ApprovalState | 'changed' }
  | Refused;

/** A message that waits, or waited, for a person and of which nothing has left. */
export type HeldMessage = {
  /** The approval that is in force: a change made meanwhile has another. */
  approval: string;
  content: WholeApproval['content'];
  /** The departure asked for, which may have been changed since the content was stored. */
  sendAt: number | null;
};

export type ReplaceInput = MessageName & {
  /** The whole message as it shall be. Its principal, agent, keys and expiry stay as they were. */
  request: AdmitRequest;
  /** The approval that the change was made from. */
  approval: string;
};

export type ReplaceAnswer =
  /** Blobs that nothing holds any more. */
  | { outcome: 'done'; unused: string[] }
  | { outcome: 'not_found' }
  /** It waits for nobody, or something of it has left; `changed`: somebody else changed it meanwhile. */
  | { outcome: 'conflict'; state: RecipientState | 'partial' | 'changed' }
  | { outcome: 'invalid'; param: string; message: string }
  /** At least one recipient would be blocked: nothing changed. */
  | { outcome: 'refused'; now: number; recipients: RecipientDecision[] };

export interface ApprovalsWrites {
  /** Another envelope or content for a held message: its approval is void, and a new one is asked for. */
  replaceHeld(input: ReplaceInput): Promise<ReplaceAnswer | StaleCanaries>;

  /** A person's decision on what waits: releases it, or cancels it for good. */
  decideApproval(
    input: Space & { id: string; decision: 'approve' | 'reject'; note: string | null; actor: Actor },
  ): Promise<DecideAnswer>;
}

export interface ApprovalsReads {
  /** Newest first. */
  approvals(input: Space & Paging & { state: ApprovalState | null }): Promise<Page<ApprovalRow>>;
  /** Null: no such message. `held` null: it can only be given another time. */
  heldMessage(input: MessageName): Promise<{ held: HeldMessage | null; status: RecipientState | 'partial' } | null>;
  approval(input: Space & { id: string }): Promise<WholeApproval | null>;
}
