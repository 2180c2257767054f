/**
 * What came back with proof of whom it is about: found by its id, told apart from what is known already, and applied.
 *
 * Invariant: the same report twice changes nothing. A bounce or delivery is known by the recipient's state, a complaint by the
 * first one, an unsubscribe by its suppression, all else by the report's id, which stands in the event that it made.
 */
import { eventNumber } from '../../core/events.ts';
import { RETURN_EVENTS } from '../../core/returns.ts';
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { ProvenReturn, ReturnAnswer } from '../port/returns.ts';
import { archivesOf } from './archives.ts';
import { prepared } from './database.ts';
import { applyReturn } from './returns.ts';
import { parsePublicId, publicId } from './row-id.ts';
import { type Space, tenantNoOf } from './spaces.ts';
import { type MessageRow, messageRow, type RecipientRow, recipientRows } from './stored.ts';
import type { WriterState } from './writer-state.ts';

const MOST_REPLY = 1000;
/** Events of one recipient that are looked through for a report that came before. */
const MOST_EVENTS = 500;

export type Found = { message: MessageRow; row: RecipientRow };

export function provenReturn(state: WriterState, input: ProvenReturn): ReturnAnswer {
  state.flushRows();
  const found = findNamed(state, input);
  return 'outcome' in found ? found : applyProven(state, found, input, {});
}

function findNamed(state: WriterState, { tenantNo, recipient }: ProvenReturn): Found | ReturnAnswer {
  if ('id' in recipient) {
    return findRecipient(state, tenantNo, recipient.id) ?? { outcome: 'not_found', resource: 'recipient' };
  }
  const found = findMessageRecipients(state, tenantNo, recipient.messageId);
  if (found === null) return { outcome: 'not_found', resource: 'message' };
  const { email } = recipient;
  if (email === null && found.rows.length > 1) return { outcome: 'ambiguous' };
  const row = email === null ? found.rows[0] : found.rows.find((one) => (one.key ?? one.email) === email.key);
  return row === undefined ? { outcome: 'not_found', resource: 'recipient' } : { message: found.message, row };
}

/** `shown`: more for the event. Rows gathered in this group must have been inserted before. */
export function applyProven(
  state: WriterState,
  { message, row }: Found,
  input: Omit<ProvenReturn, 'recipient' | 'tenantNo'>,
  shown: Record<string, unknown>,
): ReturnAnswer {
  const space = state.spaces.get(message.space);
  const now = space.now(state.realNow);
  const { kind, detail, channel, reportId } = input;
  const before = RECIPIENT_STATES[row.state]!;
  // A delay after the delivery, or after the end, changes nothing any more.
  const isDone = kind === 'unsubscribe' ? isUnsubscribed(space, row.key ?? row.email, now) : isKnown(state, row, input);
  if (isDone || (kind === 'delayed' && before !== 'sent')) {
    return { outcome: 'known', ...about({ message, row }), status: before, event: null, suppression: null };
  }
  return applyReturn(state, space, row, message, {
    kind,
    class: input.class,
    at: Math.min(now, Math.max(message.created_at, input.at ?? now)),
    source: 'return',
    ...(input.hard === null ? {} : { hard: input.hard }),
    ...(input.suppress === null ? {} : { suppress: input.suppress }),
    status: detail?.status ?? null,
    shown: {
      ...(detail === null
        ? {}
        : {
            reply: detail.reply?.slice(0, MOST_REPLY) ?? null,
            enhanced_status: detail.status,
            reporting_mta: detail.reportingMta?.slice(0, 255) ?? null,
            form: detail.form,
          }),
      channel,
      ...(reportId === null ? {} : { report_id: reportId }),
      ...shown,
    },
  });
}

/** Whether the address has unsubscribed, and nobody has lifted that since. */
export function isUnsubscribed(space: Space, key: string, now: number): boolean {
  return space
    .contact(key)
    .suppressions.some(({ reason, expiresAt }) => reason === 'unsubscribe' && (expiresAt === null || expiresAt > now));
}

export function about({ message, row }: Found): { messageId: string; recipientId: string; email: string } {
  const { id, nonce } = message;
  return { messageId: publicId('msg', id, nonce), recipientId: publicId('rcp', row.id, nonce), email: row.email };
}

function isKnown(state: WriterState, row: RecipientRow, { kind, reportId }: Pick<ProvenReturn, 'kind' | 'reportId'>) {
  if (kind === 'bounce' || kind === 'delivered') return false;
  if (kind !== 'complaint' && reportId === null) return false;
  const events = prepared(
    state.db,
    `SELECT data FROM event INDEXED BY event_recipient
     WHERE recipient = ? AND recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL) AND type = ? LIMIT ?`,
  ).all(row.id, eventNumber(RETURN_EVENTS[kind]), MOST_EVENTS) as { data: string | null }[];
  if (kind === 'complaint') return events.length > 0;
  return events.some(({ data }) => data !== null && JSON.parse(data).report_id === reportId);
}

/** A message of a tenant with its recipients, or null. */
export function findMessageRecipients(
  state: WriterState,
  tenantNo: number,
  messageId: string,
): { message: MessageRow; rows: RecipientRow[] } | null {
  const parsed = parsePublicId('msg', messageId);
  const message = parsed === null ? null : messageRow(state.db, parsed.row);
  if (message === null || message.nonce !== parsed?.nonce || tenantNoOf(message.space) !== tenantNo) return null;
  return { message, rows: recipientRows(state.db, message.id) };
}

/** A tenant's recipient by its public id, wherever its rows lie; null where there is none. */
export function findRecipient(state: WriterState, tenantNo: number, recipientId: string): Found | null {
  const parsed = parsePublicId('rcp', recipientId);
  if (parsed === null) return null;
  const stored = prepared(state.db, 'SELECT message FROM recipient WHERE id = ?').get(parsed.row) as
    | { message: number }
    | undefined;
  const archived = stored === undefined ? archivesOf(state.db)?.findByRecipient(parsed.row) : undefined;
  const number = stored?.message ?? (archived?.message['id'] as number | undefined);
  const message = number === undefined ? null : messageRow(state.db, number);
  if (message === null || message.nonce !== parsed.nonce || tenantNoOf(message.space) !== tenantNo) return null;
  const row = recipientRows(state.db, message.id).find(({ id }) => id === parsed.row);
  return row === undefined ? null : { message, row };
}
