/** The operator's queue of quarantines, and one with its sample messages. */
import type { DatabaseSync } from 'node:sqlite';
import { readContentText } from '../../core/content-text.ts';
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { QuarantineReads, SampleMessage } from '../port/quarantine.ts';
import type { ReadCalls } from './calls.ts';
import { prepared } from './database.ts';
import { alikeAccounts } from './likeness.ts';
import { pageOf } from './paging.ts';
import { QUARANTINE_SELECT, quarantineOfRow, quarantineRowById, type WithTenant } from './quarantine-rows.ts';
import { parsePublicId } from './row-id.ts';
import { messageRow, recipientRows } from './stored.ts';
import { contentOf } from './stored-content.ts';

const EXCERPT = 500;
const WAITING = ['active', 'under_review'] as const;

type Place = { score: number; since: number; no: number };

function placeOf(cursor: string | null): Place {
  const parts = /^([0-9]{1,15})-([0-9]{1,15})-([0-9]{1,15})$/.exec(cursor ?? '');
  if (parts === null) return { score: Number.MAX_SAFE_INTEGER, since: 0, no: 0 };
  return { score: Number(parts[1]), since: Number(parts[2]), no: Number(parts[3]) };
}

export const QUARANTINE_READS: ReadCalls<QuarantineReads> = {
  alikeAccounts,

  quarantines(db, { states, mode, tenantId, limit, cursor }) {
    const { score, since, no } = placeOf(cursor);
    const rows = prepared(
      db,
      `${QUARANTINE_SELECT} WHERE q.state IN (SELECT value FROM json_each(:states))
         AND (:mode IS NULL OR q.space % 2 = (:mode = 'test')) AND (:tenant IS NULL OR t.id = :tenant)
         AND (q.score < :score OR (q.score = :score AND (q.since > :since OR (q.since = :since AND q.no > :no))))
       ORDER BY q.score DESC, q.since, q.no LIMIT :most`,
    ).all({
      states: JSON.stringify(states.length === 0 ? WAITING : states),
      mode,
      tenant: tenantId,
      score,
      since,
      no,
      most: limit + 1,
    }) as unknown as WithTenant[];
    const page = pageOf(rows, limit, (row) => `${row.score}-${row.since}-${row.no}`);
    return { rows: page.rows.map((row) => quarantineOfRow(db, row)), next: page.next };
  },

  quarantineById(db, { id }) {
    const row = quarantineRowById(db, id);
    if (row === null) return null;
    const quarantine = quarantineOfRow(db, row);
    const samples = quarantine.evidence.sample_message_ids.flatMap((sample) => sampleOf(db, sample) ?? []);
    return { quarantine, samples };
  },
};

function sampleOf(db: DatabaseSync, id: string): SampleMessage | null {
  const named = parsePublicId('msg', id);
  const message = named === null ? null : messageRow(db, named.row);
  if (message === null) return null;
  return {
    id,
    createdAt: message.created_at,
    from: message.from_email,
    subject: message.subject,
    recipients: recipientRows(db, message.id).map(({ email, state }) => ({ email, state: RECIPIENT_STATES[state]! })),
    excerpt: excerptOf(db, message.id),
  };
}

/** The beginning of what was written; of content in the blob store nothing is shown. */
function excerptOf(db: DatabaseSync, message: number): string | null {
  const stored = contentOf(db, message);
  if (stored === null || 'blob' in stored) return null;
  const content = readContentText(Buffer.from(stored.inline).toString('utf8'));
  return (content.text ?? content.html ?? '').slice(0, EXCERPT);
}
