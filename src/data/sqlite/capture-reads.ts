/** Reading captured mail and recent verdicts, newest first. A cursor is the number of the last row shown. */
import type { DatabaseSync } from 'node:sqlite';
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { CaptureReads, CaptureRow, RecentVerdict } from '../port/captures.ts';
import type { Page } from '../store.ts';
import { eventsBefore } from './event-log.ts';
import { LAST_ACCEPTANCE_TYPE } from './event-rows.ts';
import { publicId } from './row-id.ts';
import { spaceOf } from './spaces.ts';
import { MESSAGE_COLUMNS, type MessageRow, RECIPIENT_COLUMNS, type RecipientRow } from './stored.ts';
import { verdictsOf } from './verdicts.ts';

/** A page holds whole messages: no more of them than this, but always one. */
const MOST_PAGE_BYTES = 16 * 1024 * 1024;

type Input<Name extends keyof CaptureReads> = Parameters<CaptureReads[Name]>[0];

type Row = {
  no: number;
  id: string;
  recipient: number;
  message: number | null;
  nonce: number | null;
  mail_from: string;
  rcpt_to: string;
  received_at: number;
  raw: Uint8Array;
};

const SELECT = `SELECT c.no, c.id, c.recipient, r.message, m.nonce, c.mail_from, c.rcpt_to, c.received_at, c.raw
  FROM capture c LEFT JOIN recipient r ON r.id = c.recipient LEFT JOIN message m ON m.id = r.message`;

export const captureReads = {
  captures(db: DatabaseSync, input: Input<'captures'>): Page<CaptureRow> {
    const rows = db
      .prepare(
        `${SELECT} WHERE c.space = :space AND c.no < :before AND (:key IS NULL OR c.rcpt_key = :key) ORDER BY c.no DESC`,
      )
      .iterate({ space: spaceOf(input.tenantNo, input.mode), before: before(input.cursor), key: input.recipient });
    const shown: CaptureRow[] = [];
    let bytes = 0;
    let last = 0;
    for (const row of rows as IterableIterator<unknown> as IterableIterator<Row>) {
      bytes += row.raw.length;
      if (shown.length > 0 && (shown.length === input.limit || bytes > MOST_PAGE_BYTES)) {
        return { rows: shown, next: String(last) };
      }
      shown.push(captureOf(row));
      last = row.no;
    }
    return { rows: shown, next: null };
  },

  captureById(db: DatabaseSync, input: Input<'captureById'>): CaptureRow | null {
    const row = db
      .prepare(`${SELECT} WHERE c.id = ? AND c.space = ?`)
      .get(input.id, spaceOf(input.tenantNo, input.mode)) as unknown as Row | undefined;
    return row === undefined ? null : captureOf(row);
  },

  recentVerdicts(db: DatabaseSync, input: Input<'recentVerdicts'>): Page<RecentVerdict> {
    const events: { seq: number; at: number; recipient: number }[] = [];
    // What was decided again has an event each time, and is shown once.
    const seen = new Set<number>();
    for (const { seq, type, at, recipient } of eventsBefore(
      db,
      spaceOf(input.tenantNo, input.mode),
      before(input.cursor),
    )) {
      if (type > LAST_ACCEPTANCE_TYPE || recipient === null || seen.has(recipient)) continue;
      seen.add(recipient);
      events.push({ seq, at, recipient });
      if (events.length > input.limit) break;
    }
    const shown = events.slice(0, input.limit);
    const rows = shown.flatMap(({ at, recipient }) => verdictRow(db, recipient, at) ?? []);
    return { rows, next: events.length > shown.length ? String(shown.at(-1)!.seq) : null };
  },
};

function before(cursor: string | null): number {
  return /^\d{1,15}$/.test(cursor ?? '') ? Number(cursor) : Number.MAX_SAFE_INTEGER;
}

function captureOf(row: Row): CaptureRow {
  const known = row.message !== null && row.nonce !== null;
  return {
    id: row.id,
    messageId: known ? publicId('msg', row.message!, row.nonce!) : null,
    recipientId: known ? publicId('rcp', row.recipient, row.nonce!) : null,
    from: row.mail_from,
    to: row.rcpt_to,
    receivedAt: row.received_at,
    raw: row.raw,
  };
}

function verdictRow(db: DatabaseSync, id: number, at: number): RecentVerdict | null {
  const found = db.prepare(`SELECT ${RECIPIENT_COLUMNS} FROM recipient WHERE id = ?`).get(id);
  if (found === undefined) return null;
  const row = found as unknown as RecipientRow;
  const message = db.prepare(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE id = ?`).get(row.message) as
    | MessageRow
    | undefined;
  if (message === undefined) return null;
  const { first, later } = verdictsOf(row);
  return {
    messageId: publicId('msg', message.id, message.nonce),
    recipientId: publicId('rcp', id, message.nonce),
    email: row.email,
    subject: message.subject,
    decidedAt: later?.at ?? at,
    state: RECIPIENT_STATES[row.state]!,
    verdict: later ?? first,
  };
}
