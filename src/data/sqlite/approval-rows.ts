/**
 * Rows of approvals, and what binds one to its message: a SHA-256 over sender, envelope and stored content. The content is the
 * canonical submission with its headers, bodies and the hashes of its attachments, so no change of any of them keeps the hash.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { newId } from '../../base/ids.ts';
import { stateNumber } from '../../core/states.ts';
import { formatTime } from '../../core/time.ts';
import type { Policy } from '../../policy/document.ts';
import { type ApprovalAsked, strictestApproval } from '../../policy/facts-approval.ts';
import type { ApprovalState } from '../port/approvals.ts';
import { prepared } from './database.ts';
import { notify } from './notices.ts';
import { publicId } from './row-id.ts';
import type { Space } from './spaces.ts';
import type { MessageRow, RecipientRow } from './stored.ts';
import { contentOf } from './stored-content.ts';
import { verdictsOf } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

/** In a message's flags: it waits for a person, or did. Its approval is looked at before anything of it leaves. */
export const FLAG_APPROVAL = 4;

const CANCELLED = stateNumber('cancelled');

export type ApprovalLine = {
  no: number;
  id: string;
  space: number;
  message: number;
  state: ApprovalState;
  reasons: string;
  recipients: string;
  hash: string;
  requested_at: number;
  expires_at: number;
  decided_at: number | null;
  decided_by: string | null;
  decided_by_id: string | null;
  note: string | null;
};

/** The approval of a message that is in force, decided or not; null where it has none. */
export function approvalOf(db: DatabaseSync, message: number): ApprovalLine | null {
  const found = prepared(db, "SELECT * FROM approval WHERE message = ? AND state <> 'void'").get(message);
  return (found as unknown as ApprovalLine | undefined) ?? null;
}

export function recipientsOf(approval: ApprovalLine): number[] {
  return JSON.parse(approval.recipients) as number[];
}

/** What is approved, in the parts that are hashed. */
export type Bound = {
  fromEmail: string;
  fromName: string | null;
  subject: string;
  /** Kind (0 to, 1 cc, 2 bcc), address and name of each envelope recipient, in order. */
  recipients: readonly (readonly [kind: number, email: string, name: string | null])[];
  /** SHA-256 of the stored canonical submission, in hex. */
  content: string;
};

export function bindingOf(bound: Bound): string {
  const { fromEmail, fromName, subject, recipients, content } = bound;
  return createHash('sha256')
    .update(JSON.stringify([fromEmail, fromName, subject, recipients, content]))
    .digest('hex');
}

export function sha256Of(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The hash of the content as it is stored now; empty where it cannot be read any more. */
function contentHashOf(db: DatabaseSync, message: MessageRow): string {
  const content = contentOf(db, message.id);
  if (content === null) return '';
  return 'blob' in content ? content.blob : sha256Of(content.inline);
}

/** The hash of a message as its rows have it now. */
export function currentBinding(db: DatabaseSync, message: MessageRow, rows: readonly RecipientRow[]): string {
  return bindingOf({
    fromEmail: message.from_email,
    fromName: message.from_name,
    subject: message.subject,
    recipients: rows.map(({ kind, email, name }) => [kind, email, name] as const),
    content: contentHashOf(db, message),
  });
}

/**
 * Whether the message is still, to the last byte, the one that the approval was asked for. Recipients that a change took out
 * before it was asked for are the only ones it need not cover.
 */
export function isBound(
  db: DatabaseSync,
  approval: ApprovalLine,
  message: MessageRow,
  rows: readonly RecipientRow[],
): boolean {
  const covered = recipientsOf(approval);
  const bound = rows.filter(({ id }) => covered.includes(id));
  if (bound.length !== covered.length) return false;
  const isWhole = rows.every((row) => row.state === CANCELLED || covered.includes(row.id));
  return isWhole && currentBinding(db, message, bound) === approval.hash;
}

/** Ends an approval whose message is another one now, and asks for a new one; null where there is none to replace. */
export function reopenApproval(
  state: WriterState,
  space: Space,
  message: MessageRow,
  rows: readonly RecipientRow[],
): ApprovalAsked | null {
  const now = space.now(state.realNow);
  const approval = approvalOf(state.db, message.id);
  if (approval === null) return null;
  const deadline = Math.min(now + space.policy.approvalMs, message.expires_at);
  const asked: ApprovalAsked = { mode: 'all', by: 'change', id: newId('apr'), deadline, isGranted: false };
  endApproval(state, space, approval, { to: 'void', now, nonce: message.nonce });
  const bound = rows.filter((row) => row.state !== CANCELLED);
  requestApproval(state, space, {
    asked,
    message: aboutMessage(message),
    reasons: ['approval_required'],
    recipients: bound.map(({ id }) => id),
    hash: currentBinding(state.db, message, bound),
    now,
  });
  return asked;
}

/**
 * What the look at departure must ask of a recipient: nothing, or an approval that this message does not have. One that was never
 * held leaves while the others wait, as long as it is one of those that the approval was asked for.
 */
export function askedAtDeparture(
  state: WriterState,
  space: Space,
  message: MessageRow,
  row: RecipientRow,
  rows: readonly RecipientRow[],
): ApprovalAsked | null {
  const approval = approvalOf(state.db, message.id);
  if (approval === null) return null;
  if (approval.state === 'approved') {
    return isBound(state.db, approval, message, rows) ? null : reopenApproval(state, space, message, rows);
  }
  if (recipientsOf(approval).includes(row.id) && verdictsOf(row).first.verdict !== 'hold') return null;
  if (approval.state !== 'pending') return reopenApproval(state, space, message, rows);
  return { mode: 'all', by: 'change', id: approval.id, deadline: approval.expires_at, isGranted: false };
}

/** What may be asked of a send by policy, identity and agent; null where nothing can be. `id` empty: nothing is stored. */
export function askedOfSend(
  space: Space,
  send: { agent: string | null; expiresAt: number | null; isStored: boolean },
  now: number,
  policy: Policy = space.policy,
): ApprovalAsked | null {
  const { document, approvalMs } = policy;
  const { mode, by } = strictestApproval(
    document.approvals.mode ?? 'none',
    space.identity?.approvals ?? 'none',
    space.approvalsOfAgent(send.agent),
  );
  if (mode === 'none' && document.content.review === 'never') return null;
  const deadline = Math.min(now + approvalMs, send.expiresAt ?? Number.MAX_SAFE_INTEGER);
  return { mode, by, id: send.isStored ? newId('apr') : '', deadline, isGranted: false };
}

export type NewApproval = {
  asked: ApprovalAsked;
  message: { row: number; nonce: number; subject: string; fromEmail: string };
  /** Codes. */
  reasons: readonly string[];
  /** Row numbers of the recipients. */
  recipients: readonly number[];
  hash: string;
  now: number;
};

/** What an approval says of its message. */
export function aboutMessage(message: MessageRow): NewApproval['message'] {
  return { row: message.id, nonce: message.nonce, subject: message.subject, fromEmail: message.from_email };
}

/** Stores an approval to decide, and tells people of it. */
export function requestApproval(state: WriterState, space: Space, approval: NewApproval): void {
  const { asked, message, reasons, recipients, hash, now } = approval;
  prepared(
    state.db,
    `INSERT INTO approval (id, space, message, state, reasons, recipients, hash, requested_at, expires_at)
     VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, ?)`,
  ).run(
    asked.id,
    space.no,
    message.row,
    JSON.stringify(reasons),
    JSON.stringify(recipients),
    hash,
    now,
    asked.deadline,
  );
  space.nextHoldEnd = Math.min(space.nextHoldEnd, asked.deadline);
  state.emit(space, 'approval.requested', now, null, {
    approval_id: asked.id,
    message_id: publicId('msg', message.row, message.nonce),
    reasons,
    recipients: recipients.length,
    expires_at: asked.deadline,
  });
  const count = recipients.length === 1 ? 'one recipient' : `${recipients.length} recipients`;
  notify(state, space, {
    kind: 'approval',
    occasion: asked.id,
    subject: 'A message waits for the decision of a person',
    lines: [
      `"${message.subject}" from ${message.fromEmail} to ${count} is held until somebody approves or rejects it.`,
      `Without a decision it is rejected at ${formatTime(asked.deadline)}.`,
      `GET /v1/approvals/${asked.id} shows exactly what would leave. A key with \`approve\` decides with POST /v1/approvals/${asked.id}/approve or …/reject.`,
    ],
  });
}

/** Ends an approval in `to`. */
export function endApproval(
  state: WriterState,
  space: Space,
  approval: ApprovalLine,
  end: { to: ApprovalState; now: number; by?: { name: string; id: string }; note?: string | null; nonce: number },
): void {
  const { to, now, by, note, nonce } = end;
  prepared(
    state.db,
    'UPDATE approval SET state = ?, decided_at = ?, decided_by = ?, decided_by_id = ?, note = ? WHERE no = ?',
  ).run(to, now, by?.name ?? null, by?.id ?? null, note ?? null, approval.no);
  approval.state = to;
  state.emit(space, to === 'expired' ? 'approval.expired' : 'approval.decided', now, null, {
    approval_id: approval.id,
    message_id: publicId('msg', approval.message, nonce),
    decision: to,
    decided_by: by?.name ?? null,
    note: note ?? null,
  });
}
