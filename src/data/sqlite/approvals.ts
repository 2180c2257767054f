/** Approvals: a person's decision on what waits, and the end of those nobody decides in time. */
import type { ApprovalsWrites, DecideAnswer } from '../port/approvals.ts';
import type { Actor } from '../port/management.ts';
import { type ApprovalLine, approvalOf, endApproval, isBound, reopenApproval } from './approval-rows.ts';
import { approvalRow } from './approvals-reads.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { rejectHeld, release } from './holds.ts';
import { refuseLoosening } from './policies.ts';
import { modeOf, type Space, spaceOf } from './spaces.ts';
import { messageRow, recipientRows } from './stored.ts';
import type { WriterState } from './writer-state.ts';

type Decision = { decision: 'approve' | 'reject'; note: string | null; actor: Actor };

export const APPROVAL_WRITES: WriteCalls<Omit<ApprovalsWrites, 'replaceHeld'>> = {
  decideApproval(state, { tenantNo, mode, id, decision, note, actor }): DecideAnswer {
    state.flushRows();
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    const found = prepared(state.db, 'SELECT * FROM approval WHERE space = ? AND id = ?').get(space.no, id);
    if (found === undefined) return { outcome: 'missing' };
    const refused = refuseDecision({ decision, note, actor });
    if (refused !== null) return refused;
    const approval = found as unknown as ApprovalLine;
    const now = space.now(state.realNow);
    if (approval.state === 'pending' && approval.expires_at <= now) expire(state, space, approval, now);
    if (approval.state !== 'pending') return { outcome: 'conflict', state: approval.state };
    return settleDecision(state, space, approval, { decision, note, actor });
  },
};

/** Approving loosens, so a person says why; rejecting is a person's decision too, and needs no words. */
function refuseDecision({ decision, note, actor }: Decision) {
  const loosens = [`approval.${decision}`];
  return refuseLoosening(loosens, decision === 'reject' ? (note ?? '') : note, actor);
}

function settleDecision(state: WriterState, space: Space, approval: ApprovalLine, decided: Decision): DecideAnswer {
  const { decision, note, actor } = decided;
  const now = space.now(state.realNow);
  const message = messageRow(state.db, approval.message)!;
  const rows = recipientRows(state.db, message.id);
  if (!isBound(state.db, approval, message, rows)) {
    reopenApproval(state, space, message, rows);
    return { outcome: 'conflict', state: 'changed' };
  }
  const to = decision === 'approve' ? 'approved' : 'rejected';
  endApproval(state, space, approval, { to, now, by: actor, note, nonce: message.nonce });
  const result =
    to === 'approved'
      ? release(state, space, message, 'approval')
      : {
          rejected: rejectHeld(state, space, message, { by: 'approval', approval_id: approval.id, decision: to, note }),
        };
  audit(state, {
    tenantNo: space.tenant.no,
    mode: modeOf(space.no),
    ...by(actor),
    action: `approval.${to}`,
    target: approval.id,
    note,
    before: { state: 'pending', hash: approval.hash },
    after: { state: to, ...result },
  });
  return { outcome: 'decided', approval: approvalRow(state.db, approvalOf(state.db, message.id)!)! };
}

function expire(state: WriterState, space: Space, approval: ApprovalLine, now: number): void {
  const message = messageRow(state.db, approval.message);
  endApproval(state, space, approval, { to: 'expired', now, nonce: message?.nonce ?? 0 });
  if (message === null) return;
  rejectHeld(state, space, message, { by: 'approval', approval_id: approval.id, decision: 'expired' });
}

/** Ends up to `most` approvals whose time is over, in all spaces that are known; answers how many. */
export function expireApprovals(state: WriterState, most: number): number {
  let count = 0;
  for (const space of state.spaces.all()) {
    if (count >= most) break;
    if (space.nextHoldEnd <= space.now(state.realNow)) count += expireIn(state, space, most - count);
  }
  return count;
}

function expireIn(state: WriterState, space: Space, most: number): number {
  state.flushRows();
  const now = space.now(state.realNow);
  const over = prepared(
    state.db,
    "SELECT * FROM approval WHERE space = ? AND state = 'pending' AND expires_at <= ? ORDER BY expires_at LIMIT ?",
  ).all(space.no, now, most) as unknown as ApprovalLine[];
  for (const approval of over) expire(state, space, approval, now);
  space.nextHoldEnd = state.spaces.holdEnd(space.no);
  return over.length;
}

/** Removes decided approvals requested before a time; answers how many. */
export function forgetApprovals(state: WriterState, before: number, most: number): number {
  const { changes } = prepared(
    state.db,
    `DELETE FROM approval WHERE no IN (SELECT no FROM approval ORDER BY no LIMIT ?)
       AND requested_at <= ? AND state <> 'pending'`,
  ).run(most, before);
  return Number(changes);
}
