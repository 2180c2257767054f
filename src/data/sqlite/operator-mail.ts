/**
 * Mail to postmaster@ and abuse@ of the gateway's own domains (RFC 5321 §4.5.1, RFC 2142 §4). Whoever wants to fill it has the oldest
 * forgotten; it is held in a few megabytes, whatever comes.
 */
import type { DatabaseSync } from 'node:sqlite';
import { newId } from '../../base/ids.ts';
import type { OperatorMailReads, OperatorMailRow, OperatorMailWrites } from '../port/operator-mail.ts';
import type { Page } from '../store.ts';
import { prepared } from './database.ts';
import { below, pageOf } from './paging.ts';
import type { WriterState } from './writer-state.ts';

const MOST_MAILS = 500;
const MOST_BYTES = 64 * 1024 * 1024;

type WriteInput<Name extends keyof OperatorMailWrites> = Parameters<OperatorMailWrites[Name]>[0];
type ReadInput<Name extends keyof OperatorMailReads> = Parameters<OperatorMailReads[Name]>[0];

export const OPERATOR_MAIL_WRITES = {
  keepOperatorMail(state: WriterState, mail: WriteInput<'keepOperatorMail'>): string {
    const { db } = state;
    const known = prepared(db, 'SELECT id FROM operator_mail WHERE digest = ?').get(mail.digest);
    if (known !== undefined) return String(known['id']);
    const id = newId('opm');
    prepared(
      db,
      `INSERT INTO operator_mail
         (id, received_at, mail_from, rcpt_to, from_email, from_name, subject, text, digest, size, raw)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      ...[id, state.realNow, mail.mailFrom, mail.rcptTo, mail.from?.email ?? null, mail.from?.name ?? null],
      ...[mail.subject, mail.text, mail.digest, mail.raw.length, mail.raw],
    );
    keepBounded(db);
    return id;
  },

  removeOperatorMail: (state: WriterState, { id }: WriteInput<'removeOperatorMail'>): boolean =>
    Number(prepared(state.db, 'DELETE FROM operator_mail WHERE id = ?').run(id).changes) === 1,
};

function keepBounded(db: DatabaseSync): void {
  for (;;) {
    const held = prepared(db, 'SELECT count(*) AS count, sum(size) AS bytes FROM operator_mail').get()!;
    if (Number(held['count']) <= MOST_MAILS && Number(held['bytes']) <= MOST_BYTES) return;
    prepared(db, 'DELETE FROM operator_mail WHERE no = (SELECT min(no) FROM operator_mail)').run();
  }
}

/** Mail that came before a time; answers with how many went. */
export function forgetOperatorMail(db: DatabaseSync, before: number, most: number): number {
  return Number(
    prepared(
      db,
      'DELETE FROM operator_mail WHERE no IN (SELECT no FROM operator_mail WHERE received_at <= ? ORDER BY no LIMIT ?)',
    ).run(before, most).changes,
  );
}

const COLUMNS = 'no, id, received_at, mail_from, rcpt_to, from_email, from_name, subject, text, size';

type Row = Record<string, string | number | null>;

function rowOf(row: Row): OperatorMailRow {
  const text = (name: string): string | null => row[name] as string | null;
  const email = text('from_email');
  return {
    id: text('id')!,
    receivedAt: Number(row['received_at']),
    mailFrom: text('mail_from')!,
    rcptTo: text('rcpt_to')!,
    from: email === null ? null : { email, name: text('from_name') },
    subject: text('subject')!,
    text: text('text'),
    size: Number(row['size']),
  };
}

export const OPERATOR_MAIL_READS = {
  operatorMail(db: DatabaseSync, { limit, cursor }: ReadInput<'operatorMail'>): Page<OperatorMailRow> {
    const rows = prepared(db, `SELECT ${COLUMNS} FROM operator_mail WHERE no < ? ORDER BY no DESC LIMIT ?`).all(
      below(cursor),
      limit + 1,
    ) as Row[];
    const page = pageOf(rows, limit, (row) => String(row['no']));
    return { rows: page.rows.map(rowOf), next: page.next };
  },

  operatorMailById(db: DatabaseSync, { id }: ReadInput<'operatorMailById'>): OperatorMailRow | null {
    const row = prepared(db, `SELECT ${COLUMNS} FROM operator_mail WHERE id = ?`).get(id);
    return row === undefined ? null : rowOf(row as Row);
  },

  operatorMailRaw(db: DatabaseSync, { id }: ReadInput<'operatorMailRaw'>): Uint8Array | null {
    const row = prepared(db, 'SELECT raw FROM operator_mail WHERE id = ?').get(id);
    return row === undefined ? null : (row['raw'] as Uint8Array);
  },

  isSenderDomain: (db: DatabaseSync, { name }: ReadInput<'isSenderDomain'>): boolean =>
    prepared(db, 'SELECT 1 FROM domain WHERE name = ? LIMIT 1').get(name) !== undefined,
};
