/** Reading messages back: by the writer (a repeated key) and by the reader (everything else). */
import type { DatabaseSync } from 'node:sqlite';
import { readDomain } from '../../base/domain.ts';
import { RECIPIENT_STATES } from '../../core/states.ts';
import { type Facts, unpackFacts } from '../../policy/facts.ts';
import { DEFAULT_PROVIDER_NAME } from '../../policy/pool.ts';
import { type Adapting, adaptingIn } from '../../policy/probation.ts';
import type { AddressTraits, Send, SendRecipient } from '../../policy/send.ts';
import type { StoredRoute } from '../port/routing.ts';
import type { Waits } from '../port/waits.ts';
import type { Admission, RecipientKind, StoredMessage, StoredRecipient } from '../store.ts';
import { type Archived, archivesOf } from './archives.ts';
import { prepared } from './database.ts';
import type { StoredMeta } from './event-rows.ts';
import { AT_ONCE } from './fresh-rows.ts';
import { riskIn } from './risk-shown.ts';
import { publicId } from './row-id.ts';
import { tenantNoOf } from './spaces.ts';
import { verdictsOf } from './verdicts.ts';

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
  seq: number;
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
  /** The way out that it counts on: see the columns. */
  mailbox: number | null;
  provider: number | null;
  routed_at: number | null;
  waits: string | null;
};

export const MESSAGE_COLUMNS =
  'id, nonce, space, created_at, installation, identity, policy, flags, send_at, expires_at, agent, from_email, from_name, subject, meta, request_id, seq, content_hash, size, repeats, body_form';
export const RECIPIENT_COLUMNS =
  'id, message, space, kind, email, key, name, state, due, depart_at, attempts, possible_duplicate, closed_at, facts, verdict, mailbox, provider, routed_at, waits';

export function factsOf(row: RecipientRow): Facts | null {
  return row.facts === null ? null : unpackFacts(row.facts);
}

/** The recipients of a message in order, from the main file or else from an archive. */
export function recipientRows(db: DatabaseSync, message: number): RecipientRow[] {
  const sql = `SELECT ${RECIPIENT_COLUMNS} FROM recipient WHERE id >= ? AND id < ? AND message = ? ORDER BY id`;
  const rows = prepared(db, sql).all(message, message + 128, message) as unknown as RecipientRow[];
  if (rows.length > 0) return rows;
  return (fromArchive(db, message)?.recipients as unknown as RecipientRow[] | undefined) ?? rows;
}

/** A message's row, from the main file or else from an archive. */
export function messageRow(db: DatabaseSync, row: number): MessageRow | null {
  const found = prepared(db, `SELECT ${MESSAGE_COLUMNS} FROM message WHERE id = ?`).get(row);
  if (found !== undefined) return found as unknown as MessageRow;
  return (fromArchive(db, row)?.message as unknown as MessageRow | undefined) ?? null;
}

/** Found by the writer, an archived message is brought back first: whatever changes its rows finds them. */
function fromArchive(db: DatabaseSync, message: number): Archived | null {
  const archives = archivesOf(db);
  const found = archives?.find(message) ?? null;
  if (found !== null && archives?.recalls === true) recall(db, found);
  return found;
}

function recall(db: DatabaseSync, { message, recipients }: Archived): void {
  for (const [table, rows] of [
    ['message', [message]],
    ['recipient', recipients],
  ] as const) {
    for (const row of rows) {
      const names = Object.keys(row);
      const marks = names.map(() => '?').join(', ');
      prepared(db, `INSERT OR IGNORE INTO ${table} (${names.join(', ')}) VALUES (${marks})`).run(...Object.values(row));
    }
  }
  prepared(db, 'INSERT OR REPLACE INTO recalled (message, at) VALUES (?, ?)').run(message['id']!, Date.now());
}

/** Ids never change, so they are looked up once a connection. */
type KnownScopes = {
  installations: Map<number, { tenant: string; installation: string; app: string }>;
  identities: Map<number, string | null>;
};

const MOST_KNOWN = 20_000;
const scopes = new WeakMap<DatabaseSync, KnownScopes>();

function knownScopes(db: DatabaseSync): KnownScopes {
  let known = scopes.get(db);
  if (known === undefined || known.installations.size > MOST_KNOWN || known.identities.size > MOST_KNOWN) {
    known = { installations: new Map(), identities: new Map() };
    scopes.set(db, known);
  }
  return known;
}

export function scopesOf(db: DatabaseSync, row: MessageRow): Admission['scopes'] {
  const known = knownScopes(db);
  let found = known.installations.get(row.installation);
  if (found === undefined) {
    found = prepared(
      db,
      `SELECT t.id AS tenant, i.id AS installation, a.id AS app FROM tenant t, installation i, app a
       WHERE t.no = ? AND i.no = ? AND a.no = i.app`,
    ).get(tenantNoOf(row.space), row.installation) as { tenant: string; installation: string; app: string };
    known.installations.set(row.installation, found);
  }
  return { ...found, identity: identityId(db, known, row.identity), agent: row.agent };
}

function identityId(db: DatabaseSync, known: KnownScopes, no: number | null): string | null {
  if (no === null) return null;
  let id = known.identities.get(no);
  if (id === undefined) {
    const row = prepared(db, 'SELECT id FROM identity WHERE no = ?').get(no) as { id: string } | undefined;
    id = row?.id ?? null;
    if (id !== null) known.identities.set(no, id);
  }
  return id;
}

function adaptingOf(row: RecipientRow | undefined): Adapting {
  const facts = row === undefined ? null : factsOf(row);
  return facts === null ? { identityCap: null, probation: null, warmup: null } : adaptingIn(facts);
}

/** The last recipient that was let through, else the last: the score shown is the one with it. */
function lastAccepted(recipients: readonly RecipientRow[]): number {
  const last = recipients.findLastIndex((row) => verdictsOf(row).first.verdict !== 'block');
  return last < 0 ? recipients.length - 1 : last;
}

/** What was answered when the message was admitted, or null when its rows are gone. */
export function readAdmission(db: DatabaseSync, row: number): Admission | null {
  const message = messageRow(db, row);
  if (message === null) return null;
  const recipients = recipientRows(db, row);
  const facts = recipients.map(factsOf);
  return {
    messageId: publicId('msg', message.id, message.nonce),
    createdAt: message.created_at,
    requestId: message.request_id,
    policyVersion: message.policy,
    engine: facts[0]?.engine ?? 0,
    scopes: scopesOf(db, message),
    ...adaptingOf(recipients[0]),
    risk: riskIn(facts[lastAccepted(recipients)] ?? null),
    recipients: recipients.map((recipient, i) => {
      const { first, standing, policyVersion } = verdictsOf(recipient);
      const id = publicId('rcp', recipient.id, message.nonce);
      // Limits stand in the order of their policy: those of another one say nothing here.
      const isOurs = policyVersion === null || policyVersion === message.policy;
      const limits = isOurs ? (facts[i]?.limits ?? []) : [];
      return { id, email: recipient.email, key: recipient.key ?? recipient.email, ...first, limits, standing };
    }),
  };
}

function handleOf(db: DatabaseSync, identity: number | null): string | null {
  if (identity === null) return null;
  const row = prepared(db, 'SELECT handle FROM identity WHERE no = ?').get(identity) as { handle: string } | undefined;
  return row?.handle ?? null;
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
    from: { email: message.from_email, name: message.from_name },
    identity: handleOf(db, message.identity),
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
    recipients: rows.map((row) => storedRecipient(db, row, message.nonce)),
  };
}

function storedRecipient(db: DatabaseSync, row: RecipientRow, nonce: number): StoredRecipient {
  return {
    id: publicId('rcp', row.id, nonce),
    email: row.email,
    name: row.name,
    kind: KINDS[row.kind]!,
    state: RECIPIENT_STATES[row.state]!,
    departAt: row.depart_at,
    nextAttemptAt: nextAttemptAt(row),
    attempts: row.attempts,
    possibleDuplicate: row.possible_duplicate === 1,
    closedAt: row.closed_at,
    route: storedRoute(db, row),
    waits: row.waits === null ? null : (JSON.parse(row.waits) as Waits),
    ...verdictPartsOf(row),
  };
}

/** Names stay known when what they name is deleted. */
function storedRoute(db: DatabaseSync, row: RecipientRow): StoredRoute | null {
  if (row.provider === null) return null;
  const provider = prepared(db, 'SELECT id, name FROM provider WHERE no = ?').get(row.provider);
  const mailbox = prepared(db, 'SELECT id, address FROM mailbox WHERE no = ?').get(row.mailbox);
  const chosen = factsOf(row)?.pool?.routing?.chosen ?? null;
  const isFirst = row.routed_at === null && chosen?.provider === row.provider && chosen.mailbox === row.mailbox;
  return {
    provider: (provider as StoredRoute['provider'] | undefined) ?? {
      id: DEFAULT_PROVIDER_NAME,
      name: DEFAULT_PROVIDER_NAME,
    },
    mailbox: (mailbox as StoredRoute['mailbox'] | undefined) ?? null,
    why: isFirst ? chosen.why : ['failover'],
  };
}

/** While it is being sent, the row holds the end of the claim. */
function nextAttemptAt({ state, due, depart_at }: RecipientRow): number | null {
  if (RECIPIENT_STATES[state] === 'sending') return null;
  return due === AT_ONCE ? depart_at : due;
}

function verdictPartsOf(row: RecipientRow): Pick<StoredRecipient, 'verdict' | 'later'> {
  const { first, later } = verdictsOf(row);
  return { verdict: first, later };
}

/** What the decision was made on beside the facts, read back from the rows. */
export function sendOfRow(db: DatabaseSync, message: MessageRow): Send {
  return {
    kind: (message.flags & 1) === 1 ? 'marketing' : 'transactional',
    onLimit: (message.flags & 2) === 2 ? 'defer' : 'reject',
    sendAt: message.send_at,
    scopes: scopesOf(db, message),
    contentSize: message.size,
    leaseToken: leaseTokenOf(message),
    template: templateOf(message),
    from: senderOf({ email: message.from_email, name: message.from_name }),
  };
}

function traitsOf(contact: Facts['contact']): AddressTraits | null {
  if (contact === null) return null;
  const { role, isDisposable, suggestion } = contact;
  return role === null && !isDisposable && suggestion === null ? null : { role, isDisposable, suggestion };
}

/** Messages come from few senders for a while: the domain of each is read once. */
let domainsOfSenders = new Map<string, string>();
const MOST_SENDERS = 1024;

/** The sender as decisions see it. */
export function senderOf({ email, name }: { email: string; name: string | null }): NonNullable<Send['from']> {
  let domain = domainsOfSenders.get(email);
  if (domain === undefined) {
    const written = email.slice(email.lastIndexOf('@') + 1);
    const read = readDomain(written);
    domain = read.ok ? read.domain : written.toLowerCase();
    if (domainsOfSenders.size >= MOST_SENDERS) domainsOfSenders = new Map();
    domainsOfSenders.set(email, domain);
  }
  return { email, domain, name };
}

/** The token of the lease under which a message was sent, or null. */
export function leaseTokenOf({ meta }: MessageRow): string | null {
  if (meta?.includes('"lease_token":') !== true) return null;
  return (JSON.parse(meta) as { lease_token?: string }).lease_token ?? null;
}

/** Slug of the template that the message was made from; kept with its tags. */
export function templateOf({ meta }: MessageRow): string | null {
  if (meta?.includes('"template":') !== true) return null;
  return (JSON.parse(meta) as StoredMeta).template?.slug ?? null;
}

export function sendRecipientOf(row: RecipientRow, facts: Facts | null): SendRecipient {
  const key = row.key ?? row.email;
  return {
    key,
    domain: key.slice(key.lastIndexOf('@') + 1),
    undeliverable: facts?.undeliverable ?? null,
    simulated: facts?.simulated ?? null,
    traits: traitsOf(facts?.contact ?? null),
    isPaced: facts?.pool?.pace != null,
    route: row.provider === null ? null : { provider: row.provider, mailbox: row.mailbox, at: row.routed_at },
  };
}
