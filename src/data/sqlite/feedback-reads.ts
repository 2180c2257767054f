/** Reads by which feedback finds what it is about. */
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { FeedbackReads } from '../port/feedback.ts';
import { archivesOf } from './archives.ts';
import type { ReadCalls } from './calls.ts';
import { prepared } from './database.ts';
import { parsePublicId, publicId } from './row-id.ts';
import { modeOf, tenantNoOf } from './spaces.ts';
import { messageRow, recipientRows } from './stored.ts';

export const FEEDBACK_READS: ReadCalls<FeedbackReads> = {
  writtenTo(db, { tenantNo, recipientId }) {
    const parsed = parsePublicId('rcp', recipientId);
    if (parsed === null) return null;
    const stored = prepared(db, 'SELECT message FROM recipient WHERE id = ?').get(parsed.row) as
      | { message: number }
      | undefined;
    const archived = stored === undefined ? archivesOf(db)?.findByRecipient(parsed.row) : undefined;
    const number = stored?.message ?? (archived?.message['id'] as number | undefined);
    const message = number === undefined ? null : messageRow(db, number);
    if (message === null || message.nonce !== parsed.nonce || tenantNoOf(message.space) !== tenantNo) return null;
    const row = recipientRows(db, message.id).find(({ id }) => id === parsed.row);
    if (row === undefined) return null;
    return {
      mode: modeOf(message.space),
      messageId: publicId('msg', message.id, message.nonce),
      recipientId,
      email: row.email,
      key: row.key ?? row.email,
      state: RECIPIENT_STATES[row.state]!,
    };
  },

  notifyingProvider(db, { id }) {
    const row = prepared(
      db,
      `SELECT space, url FROM provider WHERE id = ? AND kind = 'ses' AND deleted_at IS NULL`,
    ).get(id) as { space: number; url: string } | undefined;
    if (row === undefined) return null;
    return { tenantNo: tenantNoOf(row.space), mode: modeOf(row.space), url: row.url };
  },
};
