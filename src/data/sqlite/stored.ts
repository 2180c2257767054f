/** Reading messages back: by the writer (a repeated key) and by the reader (everything else). */
import type { DatabaseSync } from 'node:sqlite';
import { RECIPIENT_STATES } from '../../core/states.ts';
import { type Facts, unpackFacts } from '../../policy/facts.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import type { DecidedReason, DecidedWarning, Verdict } from '../../policy/verdict.ts';
import type { Admission, RecipientKind, StoredMessage, StoredRecipient } from '../store.ts';
import { publicId } from './row-id.ts';
import { tenantNoOf } from './spaces.ts';

const KINDS: readonly RecipientKind[] = ['to', 'cc', 'bcc'];

export type MessageRow = {
  id: number;
  nonce: number;
  space: number;
  created_at: number;
  installation: number;
  identity: number | null;
  policy: number;
  flags: number;
  send_at: number | null;
  expires_at: number;
  agent: string | null;
  from_email: string;
  from_name: string | null;
  subject: string;
  meta: string | null;
  request_id: string;
  content_hash: string | null;
  size: number;
  repeats: number;
  body_form: number;
};

export type RecipientRow = {
  id: number;
  message: number;
  space: number;
  kind: number;
  email: string;
  key: string | null;
  name: string | null;
  state: number;
  due: number | null;
  depart_at: number;
  attempts: number;
  possible_duplicate: number;
  closed_at: number | null;
  facts: Uint8Array | null;
  verdict: string | null;
};

export const MESSAGE_COLUMNS =
  'id, nonce, space, created_at, installation, identity, policy, flags, send_at, expires_at, agent, from_email, from_name, subject, meta, request_id, content_hash, size, repeats, body_form';
export const RECIPIENT_COLUMNS =
  'id, message, space, kind, email, key, name, state, due, depart_at, attempts, possible_duplicate, closed_at, facts, verdict';

export function verdictOf(row: RecipientRow): Verdict {
  if (row.verdict === null) return { verdict: 'accept', departAt: row.depart_at, reasons: [], warnings: [] };
  const stored = JSON.parse(row.verdict) as {
    v: Verdict['verdict'];
    d: number;
    r: DecidedReason[];
    w: DecidedWarning[];
  };
  return { verdict: stored.v, departAt: stored.d, reasons: stored.r, warnings: stored.w };
}

/** Whether a recipient was refused at acceptance, so that it never counted. */
export function wasRefused(row: RecipientRow): boolean {
  if (row.verdict === null) return false;
  const stored = JSON.parse(row.verdict) as { v: Verdict['verdict']; late?: boolean };
  return stored.v === 'block' && stored.late !== true;
}

export function factsOf(row: RecipientRow): Facts | null {
  return row.facts === null ? null : unpackFacts(row.facts);
}

export function recipientRows(db: DatabaseSync, message: number): RecipientRow[] {
  return db
    .prepare(`SELECT ${RECIPIENT_COLUMNS} FROM recipient WHERE id >= ? AND id < ? AND message = ? ORDER BY id`)
    .all(message, message + 128, message) as unknown as RecipientRow[];
}

export function messageRow(db: DatabaseSync, row: number): MessageRow | null {
  const found = db.prepare(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE id = ?`).get(row);
  return (found as unknown as MessageRow | undefined) ?? null;
}

export function scopesOf(db: DatabaseSync, row: MessageRow): Admission['scopes'] {
  const found = db
    .prepare(
      `SELECT t.id AS tenant, i.id AS installation, a.id AS app FROM tenant t, installation i, app a
       WHERE t.no = ? AND i.no = ? AND a.no = i.app`,
    )
    .get(tenantNoOf(row.space), row.installation) as { tenant: string; installation: string; app: string };
  const identity =
    row.identity === null
      ? null
      : ((db.prepare('SELECT id FROM identity WHERE no = ?').get(row.identity) as { id: string } | undefined)?.id ??
        null);
  return { ...found, identity, agent: row.agent };
}

/** What was answered when the message was admitted, or null when its rows are gone. */
export function readAdmission(db: DatabaseSync, row: number): Admission | null {
  const message = messageRow(db, row);
  if (message === null) return null;
  const recipients = recipientRows(db, row);
  return {
    messageId: publicId('msg', message.id, message.nonce),
    createdAt: message.created_at,
    requestId: message.request_id,
    policyVersion: message.policy,
    engine: recipients[0] === undefined ? 0 : (factsOf(recipients[0])?.engine ?? 0),
    scopes: scopesOf(db, message),
    identityCap: recipients[0] === undefined ? null : (factsOf(recipients[0])?.identityCap ?? null),
    recipients: recipients.map((recipient) => ({
      id: publicId('rcp', recipient.id, message.nonce),
      email: recipient.email,
      key: recipient.key ?? recipient.email,
      ...verdictOf(recipient),
      limits: factsOf(recipient)?.limits ?? [],
    })),
  };
}

/** The message as it stands now. */
export function readStored(db: DatabaseSync, message: MessageRow): StoredMessage {
  const rows = recipientRows(db, message.id);
  return {
    id: publicId('msg', message.id, message.nonce),
    createdAt: message.created_at,
    requestId: message.request_id,
    policyVersion: message.policy,
    engine: rows[0] === undefined ? 0 : (factsOf(rows[0])?.engine ?? 0),
    kind: (message.flags & 1) === 1 ? 'marketing' : 'transactional',
    from: message.from_email,
    subject: message.subject,
    meta: message.meta === null ? {} : (JSON.parse(message.meta) as Record<string, unknown>),
    agent: message.agent,
    sendAt: message.send_at,
    expiresAt: message.expires_at,
    contentHash: message.content_hash,
    size: message.size,
    repeats: message.repeats,
    hasContent: message.body_form !== 0,
    scopes: scopesOf(db, message),
    recipients: rows.map((row) => storedRecipient(row, message.nonce)),
  };
}

function storedRecipient(row: RecipientRow, nonce: number): StoredRecipient {
  return {
    id: publicId('rcp', row.id, nonce),
    email: row.email,
    name: row.name,
    kind: KINDS[row.kind]!,
    state: RECIPIENT_STATES[row.state]!,
    departAt: row.depart_at,
    nextAttemptAt: row.due,
    attempts: row.attempts,
    possibleDuplicate: row.possible_duplicate === 1,
    closedAt: row.closed_at,
    verdict: verdictOf(row),
    limits: factsOf(row)?.limits ?? [],
  };
}

/** What the decision was made on beside the facts, read back from the rows. */
export function sendOfRow(db: DatabaseSync, message: MessageRow): Send {
  return {
    kind: (message.flags & 1) === 1 ? 'marketing' : 'transactional',
    onLimit: (message.flags & 2) === 2 ? 'defer' : 'reject',
    sendAt: message.send_at,
    scopes: scopesOf(db, message),
    contentSize: message.size,
  };
}

export function sendRecipientOf(row: RecipientRow, facts: Facts | null): SendRecipient {
  const key = row.key ?? row.email;
  return {
    key,
    domain: key.slice(key.lastIndexOf('@') + 1),
    undeliverable: facts?.undeliverable ?? null,
    simulated: facts?.simulated ?? null,
  };
}
