/**
 * A space's past, in order: its events, with the messages that they accepted, held or refused. A page looks at a bounded number
 * of events. What happened to a message later is seen in its rows, so that only recipients that moved or ended unsent need be
 * remembered by the one who reads on.
 */
import type { DatabaseSync } from 'node:sqlite';
import { serialize } from 'node:v8';
import { EVENT_TYPES, type EventType } from '../../core/events.ts';
import { isBadSign } from '../../core/returns.ts';
import { RECIPIENT_STATES, type RecipientState } from '../../core/states.ts';
import type { PastLine, PastRecipient } from '../../policy/history.ts';
import type { HistoryPage, HistoryReads } from '../port/history.ts';
import { prepared } from './database.ts';
import { eventsFrom, firstLate } from './event-log.ts';
import { LAST_ACCEPTANCE_TYPE } from './event-rows.ts';
import { hasLeft } from './places.ts';
import { publicId } from './row-id.ts';
import { spaceOf, tenantNoOf } from './spaces.ts';
import { factsOf, messageRow, type RecipientRow, recipientRows, sendOfRow, sendRecipientOf } from './stored.ts';
import { verdictsOf } from './verdicts.ts';

const EVENTS_A_PAGE = 400;

type LoggedRow = { seq: number; type: number; at: number; recipient: number | null; data: string | null };

export const HISTORY_READS = {
  history(db: DatabaseSync, input: Parameters<HistoryReads['history']>[0]): HistoryPage {
    const space = spaceOf(input.tenantNo, input.mode);
    const after = input.after ?? before(db, space, input.since);
    const rows: LoggedRow[] = eventsFrom(db, space, { first: after + 1, last: after + EVENTS_A_PAGE });
    const past = rows.filter(({ at }) => at < input.until);
    const lines = past.flatMap((row) => lineOf(db, space, row) ?? []);
    const isLast = past.length < rows.length || rows.length < EVENTS_A_PAGE;
    return {
      lines: serialize(lines),
      count: lines.length,
      lastAt: lines.at(-1)?.at ?? null,
      next: isLast ? null : rows.at(-1)!.seq,
    };
  },
};

/** The number of the last event before a time: a space's clock never goes back by more than minutes. */
function before(db: DatabaseSync, space: number, since: number): number {
  return firstLate(db, space, ({ at }) => at >= since) - 1;
}

function lineOf(db: DatabaseSync, space: number, row: LoggedRow): PastLine | null {
  const { type, recipient, data } = row;
  if (type <= LAST_ACCEPTANCE_TYPE && data === null && recipient !== null) return sendLine(db, recipient);
  const told = data === null ? {} : (JSON.parse(data) as Told);
  const name = EVENT_TYPES[type]!;
  if (recipient !== null && (ENDS.has(name) || PLACES.has(name))) return changeLine(db, row, name);
  return returnLine(db, space, row, name, told);
}

/** An event about the first recipient names the message too: they share a number. */
function sendLine(db: DatabaseSync, no: number): PastLine | null {
  const message = messageRow(db, no);
  if (message === null) return null;
  const recipients = recipientRows(db, no).map(pastRecipient);
  const id = publicId('msg', message.id, message.nonce);
  return { kind: 'send', id, at: message.created_at, send: sendOfRow(db, message), recipients };
}

function pastRecipient(row: RecipientRow): PastRecipient {
  const facts = factsOf(row);
  const { first, later } = verdictsOf(row);
  return {
    no: row.id,
    email: row.email,
    recipient: sendRecipientOf(row, facts),
    facts,
    verdict: first,
    isRemembered: first.verdict === 'hold' || later?.cause === 'reschedule' || endedUnsent(row),
  };
}

const UNSENT: ReadonlySet<RecipientState> = new Set(['cancelled', 'expired', 'blocked']);

function endedUnsent(row: RecipientRow): boolean {
  return UNSENT.has(RECIPIENT_STATES[row.state]!) && !hasLeft(row);
}

const ENDS: ReadonlySet<EventType> = new Set(['message.cancelled', 'message.expired', 'message.blocked']);
/** Of those that were accepted before: with another time, or when their hold ended. */
const PLACES: ReadonlySet<EventType> = new Set(['message.scheduled', 'message.accepted']);

function changeLine(db: DatabaseSync, { at, recipient }: LoggedRow, name: EventType): PastLine | null {
  const no = recipient!;
  const row = recipientRow(db, no);
  if (row === null) return null;
  if (PLACES.has(name)) return { kind: 'placed', at, no, departAt: row.depart_at };
  return endedUnsent(row) ? { kind: 'unsent', at, no } : null;
}

/** A message's recipients are numbered on from it, so the row is near where it would be as a message's first. */
function recipientRow(db: DatabaseSync, no: number): RecipientRow | null {
  const found = prepared(db, 'SELECT message FROM recipient WHERE id = ?').get(no) as { message: number } | undefined;
  return recipientRows(db, found?.message ?? no).find(({ id }) => id === no) ?? null;
}

type Told = { happened_at?: number; reported?: boolean; class?: string | null; email?: string };

function returnLine(db: DatabaseSync, space: number, row: LoggedRow, name: EventType, told: Told): PastLine | null {
  const at = told.happened_at ?? row.at;
  switch (name) {
    case 'message.replied': {
      const key = told.email ?? (row.recipient === null ? null : keyOf(db, row.recipient));
      return key === null || !isBelieved(db, space, told) ? null : { kind: 'reply', at, key };
    }
    case 'message.bounced':
      return isBadSign(told.class ?? null) ? { kind: 'sign', at, sign: 'bounce' } : null;
    case 'message.complained':
      return { kind: 'sign', at, sign: 'complaint' };
    case 'message.unsubscribed':
      return { kind: 'sign', at, sign: 'unsubscribe' };
    case 'account.quarantine_released':
      return { kind: 'released', at: row.at };
    default:
      return null;
  }
}

function keyOf(db: DatabaseSync, recipient: number): string | null {
  const row = recipientRow(db, recipient);
  return row === null ? null : (row.key ?? row.email);
}

/** Whether a reply reset anything: one that was only reported does so for established tenants alone. */
function isBelieved(db: DatabaseSync, space: number, { reported }: Told): boolean {
  if (reported !== true) return true;
  const tenant = prepared(db, 'SELECT trust FROM tenant WHERE no = ?').get(tenantNoOf(space));
  return tenant?.['trust'] === 'established';
}
