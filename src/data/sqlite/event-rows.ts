/**
 * Events as readers get them: a row of the log joined with the message and the recipient it is about, so that whoever gets one
 * needs to ask for nothing more.
 *
 * An acceptance has no data of its own: it stands in the message's rows. An event of the same type that comes later (a new
 * time, a block at departure) has data, and so is told apart.
 */
import type { DatabaseSync } from 'node:sqlite';
import { encodeTypeId } from '../../base/ids.ts';
import { EVENT_TYPES, eventNumber } from '../../core/events.ts';
import { RECIPIENT_STATES, type RecipientState } from '../../core/states.ts';
import type { EventRow } from '../store.ts';
import { archivesOf } from './archives.ts';
import { prepared } from './database.ts';
import { publicId } from './row-id.ts';
import { verdictsOf } from './verdicts.ts';

export type LoggedEvent = {
  space: number;
  seq: number;
  type: number;
  at: number;
  recipient: number | null;
  data: string | null;
};

export const EVENT_COLUMNS = 'space, seq, type, at, recipient, data';

/** The types an acceptance can have are numbered up to this one. */
export const LAST_ACCEPTANCE_TYPE = eventNumber('message.blocked');

const SEQ_BITS = 36n;
const SPACE_MASK = 0x3ff_ffff;

/**
 * The public id of an event: the same whenever and by whomever it is read. A UUIDv7 (RFC 9562 §5.7) of the event's time
 * whose random part is the event's number and the space, the latter scattered so that no one reads a count of tenants in it.
 */
export function eventId(space: number, seq: number, at: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(at, 0, 6);
  bytes[6] = 0x70;
  const scattered = Math.imul(space + 1, 0x2545f4d) & SPACE_MASK;
  bytes.writeBigUInt64BE((2n << 62n) | (BigInt(scattered) << SEQ_BITS) | BigInt(seq), 8);
  return encodeTypeId('evt', bytes);
}

type AboutRow = {
  id: number;
  nonce: number;
  message: number;
  email: string;
  state: number;
  depart_at: number;
  verdict: string | null;
  from_email: string;
  subject: string;
  meta: string | null;
  flags: number;
  agent: string | null;
  identity: string | null;
};

function aboutRecipient(db: DatabaseSync, recipient: number): AboutRow | undefined {
  const statement = prepared(
    db,
    `SELECT r.id, m.nonce, r.message, r.email, r.state, r.depart_at, r.verdict, m.from_email, m.subject, m.meta, m.flags,
       m.agent, (SELECT i.handle FROM identity i WHERE i.no = m.identity) AS identity
     FROM recipient r JOIN message m ON m.id = r.message WHERE r.id = ?`,
  );
  return (statement.get(recipient) as unknown as AboutRow | undefined) ?? archivedAbout(db, recipient);
}

function archivedAbout(db: DatabaseSync, recipient: number): AboutRow | undefined {
  const archived = archivesOf(db)?.findByRecipient(recipient) ?? null;
  const row = archived?.recipients.find(({ id }) => id === recipient);
  if (archived === null || row === undefined) return undefined;
  const { nonce, from_email, subject, meta, flags, agent, identity: no } = archived.message;
  const identity = prepared(db, 'SELECT handle FROM identity WHERE no = ?').get(no ?? null)?.['handle'] ?? null;
  return { ...row, nonce, from_email, subject, meta, flags, agent, identity } as unknown as AboutRow;
}

export type StoredMeta = {
  tags?: string[];
  metadata?: [key: string, value: string][];
  thread_id?: string | null;
  purpose?: string | null;
  dedupe_key?: string | null;
  template?: { id: string; slug: string; version: number };
};

/** What a caller annotated a message with, in the shape it was sent in. */
function annotations(meta: StoredMeta): { tags: string[]; metadata: Record<string, string> } {
  return { tags: meta.tags ?? [], metadata: Object.fromEntries(meta.metadata ?? []) };
}

/** One event, whole. `brief` leaves out what stands in the message itself. */
export function eventOf(db: DatabaseSync, logged: LoggedEvent, brief = false): EventRow {
  const { space, seq, at, recipient } = logged;
  const type = EVENT_TYPES[logged.type]!;
  const own = logged.data === null ? null : (JSON.parse(logged.data) as Record<string, unknown>);
  const about = recipient === null ? undefined : aboutRecipient(db, recipient);
  const data = about === undefined ? (own ?? {}) : dataAbout(about, type.slice('message.'.length), own, brief);
  return { id: eventId(space, seq, at), seq, type, createdAt: at, data };
}

function dataAbout(
  row: AboutRow,
  happened: string,
  own: Record<string, unknown> | null,
  brief: boolean,
): Record<string, unknown> {
  const status = RECIPIENT_STATES.includes(happened as RecipientState) ? happened : RECIPIENT_STATES[row.state]!;
  const data: Record<string, unknown> = {
    message_id: publicId('msg', row.message, row.nonce),
    recipient_id: publicId('rcp', row.id, row.nonce),
    email: row.email,
    status,
  };
  if (!brief) {
    const meta = row.meta === null ? {} : (JSON.parse(row.meta) as StoredMeta);
    data['from'] = row.from_email;
    data['subject'] = row.subject;
    data['kind'] = (row.flags & 1) === 1 ? 'marketing' : 'transactional';
    data['identity'] = row.identity;
    data['agent'] = row.agent;
    data['thread_id'] = meta.thread_id ?? null;
    Object.assign(data, annotations(meta));
  }
  return Object.assign(data, own, decisionOf(row, status, own));
}

/** The decision an event tells of: the first one, or for an event with data of its own the later one. */
function decisionOf(row: AboutRow, status: string, own: Record<string, unknown> | null): Record<string, unknown> {
  if (status !== 'accepted' && status !== 'scheduled' && status !== 'held' && status !== 'blocked') return {};
  const { first, later } = verdictsOf(row);
  const decision = own === null ? first : later;
  if (decision === null) return {};
  const told = { reasons: decision.reasons, warnings: decision.warnings };
  return status === 'scheduled' ? { scheduled_at: decision.departAt, ...told } : told;
}
