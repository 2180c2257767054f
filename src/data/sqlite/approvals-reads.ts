/** Reading approvals: the list, and one with the message to judge. */
import type { DatabaseSync } from 'node:sqlite';
import { messageStatus, RECIPIENT_STATES } from '../../core/states.ts';
import type { ApprovalRow, ApprovalsReads } from '../port/approvals.ts';
import type { ApprovalLine } from './approval-rows.ts';
import { approvalOf, FLAG_APPROVAL, recipientsOf } from './approval-rows.ts';
import type { ReadCalls } from './calls.ts';
import { prepared } from './database.ts';
import { findMessage } from './messages-reads.ts';
import { below, pageOf } from './paging.ts';
import { publicId } from './row-id.ts';
import { spaceOf } from './spaces.ts';
import { messageRow, readStored, recipientRows } from './stored.ts';
import { contentOf } from './stored-content.ts';

const KINDS = ['to', 'cc', 'bcc'] as const;

/** Null where its message is no longer kept. */
export function approvalRow(db: DatabaseSync, line: ApprovalLine): ApprovalRow | null {
  const message = messageRow(db, line.message);
  if (message === null) return null;
  const covered = recipientsOf(line);
  return {
    id: line.id,
    messageId: publicId('msg', message.id, message.nonce),
    state: line.state,
    reasons: JSON.parse(line.reasons) as string[],
    hash: line.hash,
    requestedAt: line.requested_at,
    expiresAt: line.expires_at,
    decidedAt: line.decided_at,
    decidedBy: line.decided_by,
    note: line.note,
    subject: message.subject,
    from: { email: message.from_email, name: message.from_name },
    agent: message.agent,
    recipients: recipientRows(db, message.id)
      .filter(({ id }) => covered.includes(id))
      .map(({ email, kind }) => ({ email, kind: KINDS[kind]! })),
  };
}

export const APPROVAL_READS: ReadCalls<ApprovalsReads> = {
  approvals(db, { tenantNo, mode, state, limit, cursor }) {
    const lines = prepared(
      db,
      'SELECT * FROM approval WHERE space = ? AND no < ? AND (? IS NULL OR state = ?) ORDER BY no DESC LIMIT ?',
    ).all(spaceOf(tenantNo, mode), below(cursor), state, state, limit + 1);
    const page = pageOf(lines, limit, (line) => String(line['no']));
    const rows = page.rows.map((line) => approvalRow(db, line as unknown as ApprovalLine));
    return { rows: rows.filter((row) => row !== null), next: page.next };
  },

  heldMessage(db, name) {
    const message = findMessage(db, name);
    if (message === null) return null;
    const rows = recipientRows(db, message.id);
    const states = rows.map(({ state }) => RECIPIENT_STATES[state]!);
    const approval = (message.flags & FLAG_APPROVAL) === 0 ? null : approvalOf(db, message.id);
    const held =
      approval === null ? null : { approval: approval.id, content: contentOf(db, message.id), sendAt: message.send_at };
    return { held, status: messageStatus(states) };
  },

  approval(db, { tenantNo, mode, id }) {
    const line = prepared(db, 'SELECT * FROM approval WHERE space = ? AND id = ?').get(spaceOf(tenantNo, mode), id);
    const approval = line === undefined ? null : approvalRow(db, line as unknown as ApprovalLine);
    if (approval === null) return null;
    const message = messageRow(db, line!['message'] as number)!;
    return { approval, message: readStored(db, message), content: contentOf(db, message.id) };
  },
};
