/**
 * Openings and clicks: counted, the first of each kind told, those of people noted on the contact.
 *
 * Invariant: a recipient has at most four events of it (opened and clicked, by a person and by a machine) and one row of counts,
 * however often links are followed; nothing that a machine did is a sign of life.
 */
import { eventNumber } from '../../core/events.ts';
import { stateNumber } from '../../core/states.ts';
import {
  type EngagementAnswer,
  type EngagementInput,
  type EngagementReads,
  type EngagementRow,
  MOST_COUNTED,
} from '../port/engagement.ts';
import type { ReadCalls } from './calls.ts';
import { prepared } from './database.ts';
import type { Entry } from './ledger-entry.ts';
import { findMessage } from './messages-reads.ts';
import { findRecipient } from './proven-returns.ts';
import { publicId } from './row-id.ts';
import type { Space } from './spaces.ts';
import { type RecipientRow, recipientRows } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/** Nobody reads so soon after the next hop has taken a mail. */
const SOON_MS = 5000;

/** The counts of a kind, of people first and of machines. */
const COLUMNS = {
  opened: ['opened', 'opened_machine', 'first_opened'],
  clicked: ['clicked', 'clicked_machine', 'first_clicked'],
} as const;

const SENT = stateNumber('sent');

type Row = Record<string, number | null>;

export function noteEngagement(state: WriterState, input: EngagementInput): EngagementAnswer {
  state.flushRows();
  const found = findRecipient(state, input.tenantNo, input.recipientId);
  if (found === null) return { outcome: 'not_found' };
  const { message, row } = found;
  const space = state.spaces.get(message.space);
  const now = space.now(state.realNow);
  const at = Math.min(now, Math.max(message.created_at, input.at ?? now));
  const machine = input.machine ?? (isTooSoon(space, row, at) ? 'soon' : null);
  const isFirst = count(state, space, row.id, input.kind, machine !== null, at);
  if (machine === null) noteSignOfLife(state, space, row, at);
  if (!isFirst) return { outcome: 'known' };
  state.emit(space, `message.${input.kind}`, now, row.id, {
    machine: machine !== null,
    why: machine,
    proxy: input.proxy,
    ...(input.kind === 'clicked' ? { url: input.url } : {}),
    channel: input.channel,
    happened_at: at,
  });
  state.tally(space, machine === null ? input.kind : `${input.kind}_machine`, now, 1);
  return { outcome: 'applied' };
}

/** On a clock that stands still everything happens at once, so that nothing follows from it. */
function isTooSoon(space: Space, row: RecipientRow, at: number): boolean {
  if (space.frozenAt !== null) return false;
  // Taken by a provider that has not yet told of the delivery: nobody knows since when it lies there.
  return row.closed_at === null ? row.state !== SENT : at - row.closed_at < SOON_MS;
}

/** Whether it is the first of its kind. */
function count(
  state: WriterState,
  space: Space,
  recipient: number,
  kind: EngagementInput['kind'],
  isMachine: boolean,
  at: number,
): boolean {
  const [people, machines, first] = COLUMNS[kind];
  const column = isMachine ? machines : people;
  const known = prepared(state.db, 'SELECT * FROM engagement WHERE recipient = ?').get(recipient) as Row | undefined;
  if (known === undefined) {
    prepared(state.db, 'INSERT INTO engagement (recipient, space, last) VALUES (?, ?, ?)').run(recipient, space.no, at);
  }
  const before = known?.[column] ?? 0;
  if (before >= MOST_COUNTED) return false;
  const firstAt = isMachine ? '' : `, ${first} = coalesce(${first}, :at)`;
  prepared(
    state.db,
    `UPDATE engagement SET ${column} = ${column} + 1, last = max(last, :at)${firstAt} WHERE recipient = :recipient`,
  ).run({ at, recipient });
  return before === 0;
}

function noteSignOfLife(state: WriterState, space: Space, row: RecipientRow, at: number): void {
  const contact = space.contact(row.key ?? row.email) as Entry;
  if (contact.engagedAt !== null && contact.engagedAt >= at) return;
  contact.engagedAt = at;
  state.ledger.contactChanged(contact);
}

const TYPES: ReadonlySet<number> = new Set([eventNumber('message.opened'), eventNumber('message.clicked')]);

/** Counts are kept as long as the events that told of them. */
export function forgetEngagement(
  state: WriterState,
  gone: readonly { type: number; recipient: number | null }[],
): void {
  const remove = prepared(state.db, 'DELETE FROM engagement WHERE recipient = ?');
  for (const { type, recipient } of gone) if (recipient !== null && TYPES.has(type)) remove.run(recipient);
}

export const ENGAGEMENT_READS: ReadCalls<EngagementReads> = {
  engagement(db, { tenantNo, mode, messageId }) {
    const message = findMessage(db, { tenantNo, mode, id: messageId });
    if (message === null) return null;
    return recipientRows(db, message.id).flatMap((row) => {
      const known = prepared(db, 'SELECT * FROM engagement WHERE recipient = ?').get(row.id) as Row | undefined;
      return known === undefined ? [] : [rowOf(known, publicId('rcp', row.id, message.nonce), row.email)];
    });
  },
};

function rowOf(row: Row, recipientId: string, email: string): EngagementRow {
  return {
    recipientId,
    email,
    opened: row['opened']!,
    openedByMachines: row['opened_machine']!,
    clicked: row['clicked']!,
    clickedByMachines: row['clicked_machine']!,
    firstOpenedAt: row['first_opened'] ?? null,
    firstClickedAt: row['first_clicked'] ?? null,
    lastAt: row['last']!,
  };
}
