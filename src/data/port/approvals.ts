/** The part of the port about messages that wait for a person: approvals and reviews of content. */
import type { Page, Space, StoredMessage } from '../store.ts';
import type { Actor, Paging, Refused } from './management.ts';

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
  /** The canonical submission as JSON, where it is stored, or its blob; null once it is gone. */
  content: { inline: Uint8Array } | { blob: string } | null;
};

export type DecideAnswer =
  | { outcome: 'decided'; approval: ApprovalRow }
  | { outcome: 'missing' }
  /** It has been decided, or is void: nothing changed. `changed`: the message is not the one it was asked for. */
  | { outcome: 'conflict'; state: ApprovalState | 'changed' }
  | Refused;

export interface ApprovalsWrites {
  /** A person's decision on what waits: releases it, or cancels it for good. */
  decideApproval(
    input: Space & { id: string; decision: 'approve' | 'reject'; note: string | null; actor: Actor },
  ): Promise<DecideAnswer>;
}

export interface ApprovalsReads {
  /** Newest first. */
  approvals(input: Space & Paging & { state: ApprovalState | null }): Promise<Page<ApprovalRow>>;
  approval(input: Space & { id: string }): Promise<WholeApproval | null>;
}
