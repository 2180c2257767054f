/** Reads of mail that came in. */
import type { DatabaseSync } from 'node:sqlite';
import type { InboundFilter, InboundReads, InboundRow, InboundTarget } from '../port/inbound.ts';
import type { Page } from '../store.ts';
import { archivesOf } from './archives.ts';
import { prepared } from './database.ts';
import { below } from './paging.ts';
import { parsePublicId } from './row-id.ts';
import { spaceOf, tenantNoOf } from './spaces.ts';
import { messageRow } from './stored.ts';

/** Rows that one page looks at. */
const MOST_LOOKED_AT = 5000;

type Input<Name extends keyof InboundReads> = Parameters<InboundReads[Name]>[0];

type Row = Record<string, string | number | null> & { no: number };

const COLUMNS = `no, id, at, channel, proof, kind, form, outcome, why, message_id, recipient_id, recipient_key, root,
  (SELECT t.id FROM thread t WHERE t.root = inbound.root) AS thread_id, mail_from, rcpt_to, from_email, from_key, from_name, subject, own_id,
  text, details, size`;

/** Only a recipient, or message, whose row or archive is kept: what is beyond retention is nobody's any more. */
function hasTarget(db: DatabaseSync, { tenantNo, named }: InboundTarget): boolean {
  const parsed = 'messageId' in named ? parsePublicId('msg', named.messageId) : parsePublicId('rcp', named.recipientId);
  if (parsed === null) return false;
  const number = 'messageId' in named ? parsed.row : messageOf(db, parsed.row);
  const message = number === null ? null : messageRow(db, number);
  return message !== null && message.nonce === parsed.nonce && tenantNoOf(message.space) === tenantNo;
}

function messageOf(db: DatabaseSync, recipient: number): number | null {
  const stored = prepared(db, 'SELECT message FROM recipient WHERE id = ?').get(recipient);
  if (stored !== undefined) return Number(stored['message']);
  const archived = archivesOf(db)?.findByRecipient(recipient) ?? null;
  return archived === null ? null : Number(archived.message['id']);
}

function inboundOf(row: Row): InboundRow {
  const text = (name: string): string | null => row[name] as string | null;
  const from = text('from_email');
  return {
    id: text('id')!,
    at: Number(row['at']),
    channel: text('channel') as InboundRow['channel'],
    proof: text('proof') as InboundRow['proof'],
    kind: text('kind') as InboundRow['kind'],
    form: text('form'),
    outcome: text('outcome') as InboundRow['outcome'],
    why: text('why') as InboundRow['why'],
    messageId: text('message_id')!,
    recipientId: text('recipient_id'),
    recipient: text('recipient_key'),
    threadId: text('thread_id'),
    mailFrom: text('mail_from'),
    rcptTo: text('rcpt_to'),
    from: from === null ? null : { email: from, name: text('from_name') },
    subject: text('subject')!,
    ownId: text('own_id'),
    text: text('text'),
    details: JSON.parse(text('details')!) as InboundRow['details'],
    size: Number(row['size']),
  };
}

/** The letters of a conversation, oldest first. */
export function lettersOf(db: DatabaseSync, root: number, most: number): (InboundRow & { no: number })[] {
  const rows = prepared(db, `SELECT ${COLUMNS} FROM inbound WHERE root = ? ORDER BY no DESC LIMIT ?`).all(root, most);
  return (rows as Row[]).reverse().map((row) => ({ ...inboundOf(row), no: row.no }));
}

function matches(row: Row, { kind, outcome, messageId, person, since }: InboundFilter): boolean {
  if (kind !== null && row['kind'] !== kind) return false;
  if (outcome !== null && row['outcome'] !== outcome) return false;
  if (messageId !== null && row['message_id'] !== messageId) return false;
  if (person !== null && row['recipient_key'] !== person && row['from_key'] !== person) return false;
  return since === null || Number(row['at']) >= since;
}

export const INBOUND_READS = {
  inboundTarget: (db: DatabaseSync, target: Input<'inboundTarget'>): boolean => hasTarget(db, target),

  inbound(db: DatabaseSync, input: Input<'inbound'>): Page<InboundRow> {
    const rows: InboundRow[] = [];
    let looked = 0;
    let last = 0;
    const found = prepared(db, `SELECT ${COLUMNS} FROM inbound WHERE space = ? AND no < ? ORDER BY no DESC`).iterate(
      spaceOf(input.tenantNo, input.mode),
      below(input.cursor),
    );
    for (const row of found as IterableIterator<unknown> as IterableIterator<Row>) {
      if (rows.length === input.limit || looked === MOST_LOOKED_AT) return { rows, next: String(last) };
      looked += 1;
      last = row.no;
      if (matches(row, input.filter)) rows.push(inboundOf(row));
    }
    return { rows, next: null };
  },

  inboundById(db: DatabaseSync, { tenantNo, mode, id }: Input<'inboundById'>): InboundRow | null {
    const row = prepared(db, `SELECT ${COLUMNS} FROM inbound WHERE id = ? AND space = ?`).get(
      id,
      spaceOf(tenantNo, mode),
    );
    return row === undefined ? null : inboundOf(row as Row);
  },

  inboundRaw(
    db: DatabaseSync,
    { tenantNo, mode, id }: Input<'inboundRaw'>,
  ): { inline: Uint8Array } | { blob: string } | null {
    const row = prepared(db, 'SELECT raw, blob FROM inbound WHERE id = ? AND space = ?').get(
      id,
      spaceOf(tenantNo, mode),
    );
    if (row === undefined) return null;
    return row['blob'] === null ? { inline: row['raw'] as Uint8Array } : { blob: String(row['blob']) };
  },
};
