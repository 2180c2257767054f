/** Mailboxes whose mail is read: how far, and how it goes. */
import type { ImapNote, ImapReads, ReadMailbox } from '../port/imap.ts';
import type { ReadCalls } from './calls.ts';
import { prepared } from './database.ts';
import { parsePublicId, publicId } from './row-id.ts';
import type { Row } from './rows.ts';
import { imapOf } from './sender-rows.ts';
import { modeOf, tenantNoOf } from './spaces.ts';
import { messageRow, recipientRows } from './stored.ts';
import { contentOf } from './stored-content.ts';
import type { WriterState } from './writer-state.ts';

export function noteImap(state: WriterState, note: ImapNote): boolean {
  const { mailbox, seenAt, place } = note;
  const row = prepared(state.db, 'SELECT space, imap_url FROM mailbox WHERE no = ? AND deleted_at IS NULL').get(
    mailbox,
  );
  if (row === undefined) return false;
  prepared(
    state.db,
    `INSERT INTO imap_place (mailbox, state, since) VALUES (?1, ?2, ?3)
     ON CONFLICT (mailbox) DO UPDATE SET since = iif(state = ?2, since, ?3), state = ?2`,
  ).run(mailbox, note.state, state.realNow);
  prepared(
    state.db,
    `UPDATE imap_place SET error = ?2, seen_at = coalesce(?3, seen_at), copied_seq = coalesce(?4, copied_seq)
     WHERE mailbox = ?1`,
  ).run(mailbox, note.error?.slice(0, 500) ?? null, seenAt, note.copiedSeq);
  if (place !== null) {
    prepared(state.db, 'UPDATE imap_place SET url = ?, uid_validity = ?, uid = ? WHERE mailbox = ?').run(
      ...[place.url, place.uidValidity, place.uid, mailbox],
    );
  }
  if (seenAt !== null && row['imap_url'] !== null) state.spaces.get(row['space'] as number).readsMailboxes = true;
  return true;
}

export const IMAP_READS: ReadCalls<ImapReads> = {
  readMailboxes(db) {
    const rows = prepared(
      db,
      `SELECT m.*, p.url AS place_url, p.uid_validity, p.uid, p.copied_seq
       FROM mailbox m INDEXED BY mailbox_read LEFT JOIN imap_place p ON p.mailbox = m.no
       WHERE m.deleted_at IS NULL AND m.imap_url IS NOT NULL AND m.space % 2 = 0 ORDER BY m.no`,
    ).all();
    return rows.map(readMailboxOf);
  },

  sentCopy(db, { tenantNo, recipientId }) {
    const parsed = parsePublicId('rcp', recipientId);
    const number = prepared(db, 'SELECT message FROM recipient WHERE id = ?').get(parsed?.row ?? 0) as
      | { message: number }
      | undefined;
    const message = number === undefined ? null : messageRow(db, number.message);
    if (parsed === null || message === null || message.nonce !== parsed.nonce) return null;
    const row = recipientRows(db, message.id).find(({ id }) => id === parsed.row);
    const content = contentOf(db, message.id);
    const tenant = prepared(db, 'SELECT id FROM tenant WHERE no = ?').get(tenantNo) as { id: string } | undefined;
    if (row === undefined || content === null || tenant === undefined || tenantNoOf(message.space) !== tenantNo)
      return null;
    return {
      // No delivery shares what is made for this one.
      recipient: -row.id,
      recipientId,
      message: message.id,
      messageId: publicId('msg', message.id, message.nonce),
      tenantNo,
      tenantId: tenant.id,
      mode: modeOf(message.space),
      token: 0,
      attempt: 0,
      now: message.created_at,
      createdAt: message.created_at,
      expiresAt: message.expires_at,
      kind: (message.flags & 1) === 1 ? 'marketing' : 'transactional',
      email: row.email,
      from: { email: message.from_email, name: message.from_name },
      content,
      size: message.size,
      possibleDuplicate: false,
      // Its sender's own look at it counts for nobody.
      tracksReplies: false,
      route: {
        provider: { no: 0, id: 'default', name: 'default', kind: 'default', version: 0 },
        mailbox: null,
        why: [],
      },
    };
  },
};

function readMailboxOf(row: Row): ReadMailbox {
  const space = row['space'] as number;
  const uidValidity = row['uid_validity'] as string | null;
  return {
    no: row['no'] as number,
    id: row['id'] as string,
    tenantNo: tenantNoOf(space),
    mode: modeOf(space),
    address: row['address'] as string,
    imap: imapOf(row)!,
    version: row['version'] as number,
    place: uidValidity === null ? null : { url: row['place_url'] as string, uidValidity, uid: row['uid'] as number },
    copiedSeq: row['copied_seq'] as number | null,
  };
}
