/** Reading captured mail, newest first. The cursor is the number of the last row shown. */
import type { DatabaseSync } from 'node:sqlite';
import type { CaptureRow, DeliveryReads } from '../port/delivery.ts';
import type { Page } from '../store.ts';
import { spaceOf } from './spaces.ts';

type Row = { no: number; id: string; mail_from: string; rcpt_to: string; received_at: number; raw: Uint8Array };

const COLUMNS = 'no, id, mail_from, rcpt_to, received_at, raw';

function captureOf(row: Row): CaptureRow {
  return { id: row.id, from: row.mail_from, to: row.rcpt_to, receivedAt: row.received_at, raw: row.raw };
}

type Input<Name extends keyof DeliveryReads> = Parameters<DeliveryReads[Name]>[0];

export const captureReads = {
  captures(db: DatabaseSync, input: Input<'captures'>): Page<CaptureRow> {
    const before = /^\d{1,15}$/.test(input.cursor ?? '') ? Number(input.cursor) : Number.MAX_SAFE_INTEGER;
    const rows = db
      .prepare(
        `SELECT ${COLUMNS} FROM capture WHERE space = :space AND no < :before AND (:key IS NULL OR rcpt_key = :key)
         ORDER BY no DESC LIMIT :limit`,
      )
      .all({
        space: spaceOf(input.tenantNo, input.mode),
        before,
        key: input.recipient,
        limit: input.limit + 1,
      }) as unknown as Row[];
    const shown = rows.slice(0, input.limit);
    return { rows: shown.map(captureOf), next: rows.length > shown.length ? String(shown.at(-1)!.no) : null };
  },
  captureById(db: DatabaseSync, input: Input<'captureById'>): CaptureRow | null {
    const row = db
      .prepare(`SELECT ${COLUMNS} FROM capture WHERE id = ? AND space = ?`)
      .get(input.id, spaceOf(input.tenantNo, input.mode)) as unknown as Row | undefined;
    return row === undefined ? null : captureOf(row);
  },
};
