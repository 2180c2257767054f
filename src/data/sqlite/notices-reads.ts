/** Notices as the operator lists them. */
import type { DatabaseSync } from 'node:sqlite';
import type { NoticeCopy, NoticeRow, NoticesReads, NoticeText } from '../port/notices.ts';
import type { ReadCalls } from './calls.ts';
import { below, pageOf } from './paging.ts';
import type { Row } from './rows.ts';
import { modeOf, spaceOf } from './spaces.ts';

const SELECT = 'SELECT n.*, t.id AS tenant_id FROM notice n JOIN tenant t ON t.no = n.space / 2';

function noticeOf(db: DatabaseSync, row: Row): NoticeRow {
  const copies = db.prepare('SELECT * FROM notice_copy WHERE notice = ? ORDER BY no').all(row['no'] as number);
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    tenantId: row['tenant_id'] as string,
    mode: modeOf(row['space'] as number),
    kind: row['kind'] as string,
    texts: JSON.parse(row['texts'] as string) as NoticeText[],
    createdAt: row['created_at'] as number,
    copies: copies.map((copy) => ({
      email: copy['email'] as string,
      state: copy['state'] as NoticeCopy['state'],
      attempts: copy['attempts'] as number,
      nextAttemptAt: copy['due'] as number | null,
      reply: copy['reply'] as string | null,
    })),
  };
}

export const NOTICE_READS: ReadCalls<NoticesReads> = {
  notices(db, { tenantNo, mode, limit, cursor }) {
    const space = tenantNo === null ? null : spaceOf(tenantNo, mode ?? 'live');
    const rows = db
      .prepare(`${SELECT} WHERE (?1 IS NULL OR n.space = ?1) AND n.no < ?2 ORDER BY n.no DESC LIMIT ?3`)
      .all(space, below(cursor), limit + 1);
    const page = pageOf(rows, limit, (row) => String(row['no']));
    return { rows: page.rows.map((row) => noticeOf(db, row)), next: page.next };
  },

  noticeById(db, { id }) {
    const row = db.prepare(`${SELECT} WHERE n.id = ?`).get(id);
    return row === undefined ? null : noticeOf(db, row);
  },
};
