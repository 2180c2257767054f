/**
 * The erasure of a person: contact, suppressions, captured mail, messages, events, archives, and the address in the audit log.
 *
 * What holds: from the first step on the address is blocked by its hash; each step may be repeated, so that what broke off is done
 * again from the start; events keep their numbers, since these have no gaps. What was counted stays counted, without a name.
 * Deliberately absent: the text of messages to others, where somebody may have written the address; and backups.
 */
import { stateNumber } from '../../core/states.ts';
import type { ContactAddress } from '../port/contacts.ts';
import type { Erased, ErasureReads, ErasureWrites } from '../port/erasure.ts';
import { audit, by } from './audit.ts';
import { unusedBlobs } from './blob-use.ts';
import { BODY_NONE } from './bodies.ts';
import type { ReadCalls, WriteCalls } from './calls.ts';
import { dropCaptures } from './captures.ts';
import { endedRecipients, SETTLED } from './closed-messages.ts';
import { closeWith } from './closing.ts';
import { prepared } from './database.ts';
import { ErasedContacts, erasureSecret } from './erased-contacts.ts';
import { eventsBefore, type WalkedEvent } from './event-log.ts';
import { eventOf } from './event-rows.ts';
import { closeIdleApproval } from './holds.ts';
import { dropInbound, type InboundPlace } from './inbound.ts';
import { forgetLeases } from './leases.ts';
import { removeMessage } from './message-removal.ts';
import { findMessage } from './messages-reads.ts';
import { returnPlaces } from './places.ts';
import { refuseLoosening } from './policies.ts';
import { parsePublicId } from './row-id.ts';
import { type Space, STORAGE, spaceOf } from './spaces.ts';
import { type MessageRow, type RecipientRow, recipientRows } from './stored.ts';
import { addSuppression } from './suppressions.ts';
import type { WriterState } from './writer-state.ts';

/** Nobody is there (RFC 2606 §2). */
const NOBODY = 'erased@erased.invalid';
const ERASED_DATA = '{"erased":true}';
/** Events that one step looks at. */
const LOOKED_AT = 5000;

type Writes = WriteCalls<ErasureWrites>;

export const ERASURE_WRITES: Writes = {
  eraseContact(state, { tenantNo, mode, key, domain, note, actor }) {
    const refused = refuseLoosening(['contact.erase'], note, actor);
    if (refused !== null) return refused;
    state.flushRows();
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    space.erased ??= new ErasedContacts(space.no, erasureSecret(state.db));
    const hashed = space.erased.keyOf(key);
    const { id, since } = addSuppression(state, space, {
      ...{ kind: 'address', key: hashed, reason: 'legal_request', expiresAt: null, note: null },
      ...{ source: 'erasure', message: null },
    });
    space.erased.add(hashed, { id, reason: 'legal_request', domain: false, since, expiresAt: null });
    prepared(state.db, "DELETE FROM suppression WHERE space = ? AND key = ? AND kind = 'address'").run(space.no, key);
    state.ledger.forgetEntry(space.no, key);
    space.release();
    forgetLeases(state, space, key);
    forgetCaptures(state, space, { key, domain });
    const unused = forgetLetters(state, space, key);
    prepared(state.db, 'UPDATE lease SET contact = ? WHERE space = ? AND contact = ? AND ended_at IS NOT NULL').run(
      hashed,
      space.no,
      key,
    );
    prepared(state.db, 'DELETE FROM shadow_difference WHERE space = ? AND lower(email) = ?').run(space.no, key);
    forgetAudit(state, tenantNo, key, hashed);
    audit(state, { tenantNo, mode, ...by(actor), action: 'contact.erased', target: hashed, note });
    return { outcome: 'erased', suppressionId: id, unused };
  },

  eraseMessages(state, { tenantNo, mode, key, ids }) {
    state.flushRows();
    const erased: Erased = { removed: 0, stripped: 0, open: 0, busy: 0, unused: [] };
    for (const id of ids) {
      const message = findMessage(state.db, { tenantNo, mode, id });
      if (message !== null) eraseFrom(state, message, key, erased);
    }
    erased.unused = unusedBlobs(state, erased.unused);
    return erased;
  },

  eraseArchived(state, { tenantNo, mode, ids }) {
    const space = spaceOf(tenantNo, mode);
    for (const id of ids) {
      const row = parsePublicId('msg', id)?.row;
      if (row !== undefined) state.archives.forgetMessage(row, space);
    }
    return null;
  },

  eraseEvents(state, { tenantNo, mode, key, beforeSeq }) {
    state.flushRows();
    const { rows, next } = naming(state.db, spaceOf(tenantNo, mode), key, beforeSeq);
    const empty = prepared(state.db, 'UPDATE event SET data = ? WHERE id = ?');
    for (const { id } of rows) empty.run(ERASED_DATA, id);
    return { count: rows.length, next };
  },
};

export const ERASURE_READS: ReadCalls<ErasureReads> = {
  eventsNaming(db, { tenantNo, mode, key, beforeSeq }) {
    const { rows, next } = naming(db, spaceOf(tenantNo, mode), key, beforeSeq);
    return { events: rows.filter(({ recipient }) => recipient === null).map((row) => eventOf(db, row)), next };
  },
};

type CaptureText = { no: number; space: number; rcpt_key: string; text: string };

/** Whether a text has the address as a whole, and not as a part of a longer one. */
export function namesAddress(text: string, key: string): boolean {
  const lower = text.toLowerCase();
  for (let at = lower.indexOf(key); at !== -1; at = lower.indexOf(key, at + 1)) {
    const before = lower[at - 1] ?? ' ';
    const after = lower.slice(at + key.length, at + key.length + 2);
    if (!/[a-z0-9.!#$%&'*+/=?^_`{|}~-]/.test(before) && !/^(?:[a-z0-9-]|\.[a-z0-9])/.test(after)) return true;
  }
  return false;
}

/** Events below a number that have the address in their data, the newest first; `next`: where to go on, null at the end. */
function naming(
  db: WriterState['db'],
  space: number,
  key: string,
  beforeSeq: number | null,
): { rows: WalkedEvent[]; next: number | null } {
  const rows: WalkedEvent[] = [];
  let left = LOOKED_AT;
  for (const event of eventsBefore(db, space, beforeSeq ?? Number.MAX_SAFE_INTEGER)) {
    if (event.data !== null && namesAddress(event.data, key)) rows.push(event);
    left -= 1;
    if (left === 0) return { rows, next: event.seq };
  }
  return { rows, next: null };
}

function eraseFrom(state: WriterState, message: MessageRow, key: string, erased: Erased): void {
  const space = state.spaces.get(message.space);
  const rows = recipientRows(state.db, message.id);
  const mine = rows.filter((row) => (row.key ?? row.email) === key);
  if (mine.length === 0) return;
  if (mine.some((row) => row.state === stateNumber('sending'))) {
    erased.busy += 1;
    return;
  }
  for (const row of mine) endAndForget(state, space, message, row);
  if (mine.length === rows.length) {
    prepared(state.db, 'DELETE FROM approval WHERE message = ?').run(message.id);
    erased.unused.push(...removeMessage(state, message.id));
    erased.removed += 1;
    return;
  }
  for (const row of mine) strip(state, space, row, key);
  closeIdleApproval(state, space, message, space.now(state.realNow));
  erased.stripped += 1;
  if (endedRecipients(state.db, message.id) === 0) erased.open += 1;
  else erased.unused.push(...removeBody(state, space, message));
}

/** Cancels what has not ended, and empties the recipient's events. */
function endAndForget(state: WriterState, space: Space, message: MessageRow, row: RecipientRow): void {
  if (!SETTLED.has(row.state)) {
    returnPlaces(state, space, row, message);
    closeWith(state, space, row, 'cancelled', space.now(state.realNow), { by: 'erasure' });
    state.flushRows();
  }
  prepared(
    state.db,
    `UPDATE event SET data = ? WHERE recipient = ? AND recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL)
       AND data IS NOT NULL`,
  ).run(ERASED_DATA, row.id);
}

/** The recipient's row without the person. */
function strip(state: WriterState, space: Space, row: RecipientRow, key: string): void {
  const hashed = space.erased?.keyOf(key) ?? NOBODY;
  const verdict = row.verdict?.toLowerCase().includes(key) === true ? null : row.verdict;
  prepared(
    state.db,
    'UPDATE recipient SET email = ?, key = ?, name = NULL, facts = NULL, verdict = ? WHERE id = ?',
  ).run(NOBODY, hashed, verdict, row.id);
  prepared(state.db, 'DELETE FROM capture WHERE recipient = ?').run(row.id);
  prepared(state.db, 'DELETE FROM engagement WHERE recipient = ?').run(row.id);
}

function removeBody(state: WriterState, space: Space, message: MessageRow): string[] {
  if (message.body_form === BODY_NONE) return [];
  const held = prepared(state.db, 'SELECT sha256 FROM blob_use WHERE message = ?').all(message.id);
  prepared(state.db, 'UPDATE message SET body_form = ?, body = NULL WHERE id = ?').run(BODY_NONE, message.id);
  prepared(state.db, 'DELETE FROM blob_use WHERE message = ?').run(message.id);
  state.ledger.addGauge(space.tenantEntry(), STORAGE, -message.size);
  return held.map((one) => String(one['sha256']));
}

/** Captured mail to the person, and to others where the address stands in it: the headers name every addressee. */
function forgetCaptures(state: WriterState, space: Space, { key }: ContactAddress): void {
  const rows = prepared(
    state.db,
    `SELECT no, space, rcpt_key, CAST(raw AS TEXT) AS text FROM capture
     WHERE space = ? AND (rcpt_key = ? OR instr(lower(CAST(raw AS TEXT)), ?) > 0)`,
  ).iterate(space.no, key, key) as IterableIterator<unknown> as IterableIterator<CaptureText>;
  const gone = [...rows].filter((row) => row.rcpt_key === key || namesAddress(row.text, key));
  dropCaptures(state, gone);
}

/** Mail that came from or about the person, and mail of others that names them; answers with the blobs that only it held. */
function forgetLetters(state: WriterState, space: Space, key: string): string[] {
  const rows = prepared(
    state.db,
    `SELECT no, space, size, blob, recipient_key = ?2 OR from_key = ?2 AS own,
       coalesce(text, '') || ' ' || subject || ' ' || details || ' ' || coalesce(CAST(raw AS TEXT), '') AS words
     FROM inbound WHERE space = ?1 AND (recipient_key = ?2 OR from_key = ?2 OR instr(lower(coalesce(text, '')), ?2) > 0
       OR instr(lower(details), ?2) > 0 OR instr(lower(coalesce(CAST(raw AS TEXT), '')), ?2) > 0)`,
  ).iterate(space.no, key) as IterableIterator<unknown> as IterableIterator<
    InboundPlace & { own: number | null; words: string }
  >;
  const gone = [...rows].filter(({ own, words }) => own === 1 || namesAddress(words, key));
  return dropInbound(
    state,
    gone.map(({ words: _words, own: _own, ...place }) => place),
  );
}

function forgetAudit(state: WriterState, tenantNo: number, key: string, hashed: string): void {
  prepared(state.db, 'UPDATE audit SET target = ? WHERE tenant = ? AND target = ?').run(hashed, tenantNo, key);
  for (const column of ['before', 'after', 'note']) {
    const rows = prepared(
      state.db,
      `SELECT no, ${column} AS text FROM audit WHERE tenant = ? AND ${column} IS NOT NULL AND instr(lower(${column}), ?) > 0`,
    ).all(tenantNo, key) as { no: number; text: string }[];
    const empty = prepared(state.db, `UPDATE audit SET ${column} = NULL WHERE no = ?`);
    for (const { no, text } of rows) if (namesAddress(text, key)) empty.run(no);
  }
}
