/** Recipients of which nobody knows whether they have the message: the list, and what a person decides. */
import type { DatabaseSync } from 'node:sqlite';
import { eventNumber } from '../../core/events.ts';
import { RECIPIENT_STATES, stateNumber } from '../../core/states.ts';
import type { UncertainReads, UncertainRow, UncertainWrites } from '../port/uncertain.ts';
import { audit, by } from './audit.ts';
import { BODY_NONE } from './bodies.ts';
import type { ReadCalls, WriteCalls } from './calls.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { findMessage } from './messages-reads.ts';
import { below, pageOf } from './paging.ts';
import { findRecipient } from './proven-returns.ts';
import { moveTo, queueRow, queueStatements, SENDING } from './queue-rows.ts';
import { publicId } from './row-id.ts';
import { spaceOf } from './spaces.ts';
import { messageRow, type RecipientRow, recipientRows } from './stored.ts';

const UNCERTAIN = stateNumber('uncertain');
/** What a person sends again after the message's own end has so long to arrive. */
const RESEND_WITHIN_MS = 86_400_000;

export const UNCERTAIN_WRITES: WriteCalls<UncertainWrites> = {
  decideUncertain(state, { recipientId, decision, note, actor, ...name }) {
    state.flushRows();
    const message = findMessage(state.db, name);
    if (message === null) return { outcome: 'missing', resource: 'message' };
    const row = recipientRows(state.db, message.id).find(
      (one) => publicId('rcp', one.id, message.nonce) === recipientId,
    );
    if (row === undefined) return { outcome: 'missing', resource: 'recipient' };
    const loosens = ['uncertain'];
    if (!actor.mayApprove) return { outcome: 'human_decision_required', needs: 'approve', loosens };
    if (row.state !== UNCERTAIN) return { outcome: 'conflict', state: RECIPIENT_STATES[row.state]! };
    if (note === null) return { outcome: 'human_decision_required', needs: null, loosens };
    if (decision === 'resend' && message.body_form === BODY_NONE) return { outcome: 'no_content' };
    const space = state.spaces.get(message.space);
    const now = space.now(state.realNow);
    const told = { decision, decided_by: actor.name };
    if (decision === 'resend') {
      const end = Math.max(message.expires_at, now + RESEND_WITHIN_MS);
      prepared(state.db, 'UPDATE message SET expires_at = ? WHERE id = ?').run(end, message.id);
      prepared(state.db, 'UPDATE recipient SET due = ?, waits = NULL WHERE id = ?').run(now, row.id);
      space.nextDue = Math.min(space.nextDue, now);
      state.emit(space, 'message.uncertain', now, row.id, { ...told, policy: 'resend', next_attempt_at: now });
    } else closeWith(state, space, row, decision === 'delivered' ? 'delivered' : 'failed', now, told);
    audit(state, {
      tenantNo: name.tenantNo,
      mode: name.mode,
      ...by(actor),
      action: 'recipient.uncertain_decided',
      target: recipientId,
      note,
      before: { state: 'uncertain' },
      after: { decision },
    });
    return { outcome: 'decided' };
  },

  resolveUncertain(state, { tenantNo, recipientId }) {
    state.flushRows();
    const found = findRecipient(state, tenantNo, recipientId);
    const row = found === null ? null : queueRow(state.db, found.row.id);
    if (row === null) return 'ignored';
    if (row.state === SENDING) return row.dot === 1 ? 'later' : 'ignored';
    if (row.state !== UNCERTAIN) return 'ignored';
    const space = state.spaces.get(row.space);
    queueStatements(state.db).close.run(moveTo(row, 'sent'), null, null, row.id);
    state.emit(space, 'message.sent', space.now(state.realNow), row.id, { late: true });
    return 'resolved';
  },
};

function uncertainRow(db: DatabaseSync, row: RecipientRow): UncertainRow | null {
  const message = messageRow(db, row.message);
  if (message === null) return null;
  const event = prepared(
    db,
    `SELECT at, data FROM event WHERE recipient = ? AND recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL)
       AND type = ? AND instr(data, '"decision"') = 0 ORDER BY id DESC LIMIT 1`,
  ).get(row.id, eventNumber('message.uncertain')) as { at: number; data: string } | undefined;
  const said = event === undefined ? {} : (JSON.parse(event.data) as Record<string, string | null>);
  return {
    messageId: publicId('msg', message.id, message.nonce),
    recipientId: publicId('rcp', row.id, message.nonce),
    email: row.email,
    subject: message.subject,
    attempts: row.attempts,
    since: event?.at ?? null,
    provider: said['provider'] ?? null,
    mailbox: said['mailbox'] ?? null,
    reply: said['reply'] ?? null,
    nextAttemptAt: row.due,
    hasContent: message.body_form !== BODY_NONE,
  };
}

export const UNCERTAIN_READS: ReadCalls<UncertainReads> = {
  uncertain(db, { tenantNo, mode, held, limit, cursor }) {
    const rows = prepared(
      db,
      `SELECT id, message FROM recipient INDEXED BY recipient_uncertain
       WHERE state = 12 AND space = ? AND id < ? AND (? = 0 OR due IS NULL) ORDER BY id DESC LIMIT ?`,
    ).all(spaceOf(tenantNo, mode), below(cursor), held ? 1 : 0, limit + 1) as { id: number; message: number }[];
    const page = pageOf(rows, limit, ({ id }) => String(id));
    const whole = page.rows.map(({ id, message }) => recipientRows(db, message).find((row) => row.id === id)!);
    return { rows: whole.map((row) => uncertainRow(db, row)).filter((row) => row !== null), next: page.next };
  },
};
