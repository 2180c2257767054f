/** The operator's queue of quarantines, and one with its sample messages. */
import type { DatabaseSync } from 'node:sqlite';
import { readContentText } from '../../core/content-text.ts';
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { QuarantineReads, SampleMessage } from '../port/quarantine.ts';
import { BODY_JSON, BODY_ZSTD, unpackBody } from './bodies.ts';
import { prepared } from './database.ts';
import { alikeAccounts } from './likeness.ts';
import { pageOf } from './paging.ts';
import { QUARANTINE_SELECT, quarantineOfRow, quarantineRowById, type WithTenant } from './quarantine-rows.ts';
import { parsePublicId } from './row-id.ts';
import { messageRow, recipientRows } from './stored.ts';

const EXCERPT = 500;
const WAITING = ['active', 'under_review'] as const;

type Calls = {
  [Name in keyof QuarantineReads]: (
    db: DatabaseSync,
    input: Parameters<QuarantineReads[Name]>[0],
  ) => Awaited<ReturnType<QuarantineReads[Name]>>;
};

type Place = { score: number; since: number; no: number };

function placeOf(cursor: string | null): Place {
  const parts = /^([0-9]{1,15})-([0-9]{1,15})-([0-9]{1,15})$/.exec(cursor ?? '');
  if (parts === null) return { score: Number.MAX_SAFE_INTEGER, since: 0, no: 0 };
  return { score: Number(parts[1]), since: Number(parts[2]), no: Number(parts[3]) };
}

export const QUARANTINE_READS: Calls = {
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
  const row = prepared(db, 'SELECT body_form, body FROM message WHERE id = ?').get(message);
  if (row === undefined || row['body'] === null) return null;
  const form = row['body_form'];
  const body = row['body'] as string | Uint8Array;
  const octets = form === BODY_ZSTD ? unpackBody(body as Uint8Array) : form === BODY_JSON ? body : null;
  if (octets === null) return null;
  const text = typeof octets === 'string' ? octets : Buffer.from(octets).toString('utf8');
  const content = readContentText(text);
  return (content.text ?? content.html ?? '').slice(0, EXCERPT);
}
