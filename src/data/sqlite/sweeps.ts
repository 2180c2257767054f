/**
 * Housekeeping in slices: each call does a few milliseconds of work inside its group and says whether there is more.
 *
 * What has had its time is found by walking rows in their order of arrival from where the last slice stopped, so that no
 * index is paid for on the accept path. Retention runs on real time, also for test mode, whose own clock may stand years
 * ahead; only keys expire on the clock they were used by.
 */
import { eventNumber } from '../../core/events.ts';
import type { Sweep, Swept } from '../port/sweeps.ts';
import { expireApprovals, forgetApprovals } from './approvals.ts';
import { type Archived, isoWeek, type WholeRow } from './archives.ts';
import { forgetExpired, unusedBlobs } from './blob-use.ts';
import { BODY_NONE, BODY_TEXT, BODY_ZSTD, packBody } from './bodies.ts';
import { dropCaptures } from './captures.ts';
import { endedRecipients, SETTLED } from './closed-messages.ts';
import { prepared } from './database.ts';
import { forgetInbound } from './inbound-retention.ts';
import { expireAllLeases } from './leases.ts';
import { reviewAllHealth } from './mailbox-health.ts';
import { removeMessage } from './message-removal.ts';
import { forgetNotices } from './notices.ts';
import { oldEvents } from './old-events.ts';
import { forgetOperatorMail } from './operator-mail.ts';
import { sweepQuarantines } from './quarantine-calls.ts';
import { forgetEvents, forgetMessages, isPastRetention, removeArchives, retentions } from './retention.ts';
import { firstRowOf, rowTime } from './row-id.ts';
import { tellAllSilences } from './silences.ts';
import { CONTENT_KEPT_MS } from './storage-frees.ts';
import { reach, reached } from './swept-places.ts';
import { HOUR_MS, type WriterState } from './writer-state.ts';

const DAY_MS = 86_400_000;
const ARCHIVE_AFTER_MS = CONTENT_KEPT_MS;
const KEEP_NOTICES_MS = 90 * DAY_MS;
const KEEP_CAPTURES_MS = 7 * DAY_MS;
const KEEP_RECORDS_MS = 400 * DAY_MS;
const COMPRESS_AFTER_MS = 60_000;
/** Rows share pages: only what frees pages of its own is worth compressing before it is archived. */
const COMPRESS_FROM_OCTETS = 6 * 1024;

const SLICE = {
  holds: 100,
  archive: 24,
  events: 300,
  compressOctets: 256 * 1024,
  compressRows: 1000,
  keys: 2000,
  records: 500,
  captures: 100,
  silences: 100,
} as const;

/** Events of the types before this one open a message, they do not end it. */
const FIRST_ENDING = eventNumber('message.blocked');

export function sweep(state: WriterState, { kind }: { kind: Sweep }): Swept {
  state.flushRows();
  return SLICES[kind](state);
}

const SLICES: Record<Sweep, (state: WriterState) => Swept> = {
  archive,
  compress,
  holds(state) {
    const count = expireApprovals(state, SLICE.holds);
    return { count, more: count === SLICE.holds, unused: [] };
  },
  events: forgetEvents,
  keys: forgetKeys,
  uploads,
  messages: forgetMessages,
  captures: forgetCaptures,
  inbound: forgetInbound,
  records: forgetRecords,
  archives: removeArchives,
  leases: (state) => ({ count: expireAllLeases(state), more: false, unused: [] }),
  ledger(state) {
    const left = state.ledger.flushIdle();
    return { count: 0, more: left > 0, unused: [] };
  },
  mailboxes(state) {
    reviewAllHealth(state);
    return { count: 0, more: false, unused: [] };
  },
  quarantines: (state) => ({ ...sweepQuarantines(state), unused: [] }),
  silences(state) {
    const count = tellAllSilences(state, SLICE.silences);
    return { count, more: count === SLICE.silences, unused: [] };
  },
};

const KEEP_LEASES_MS = 90 * DAY_MS;

/** Rows of leases that ended long ago: the oldest come first, and those that are still open among them are few. */
function forgetLeases(state: WriterState): number {
  const oldest = prepared(state.db, 'SELECT no, ended_at FROM lease ORDER BY no LIMIT ?').all(SLICE.records);
  const until = state.realNow - KEEP_LEASES_MS;
  const gone = oldest.filter((row) => row['ended_at'] !== null && Number(row['ended_at']) < until);
  for (const row of gone) prepared(state.db, 'DELETE FROM lease WHERE no = ?').run(Number(row['no']));
  return gone.length;
}

function archive(state: WriterState): Swept {
  const after = reached(state, 'archive');
  const old = oldEvents(state.db, after, state.realNow - ARCHIVE_AFTER_MS, SLICE.events);
  const candidates = new Set<number>();
  let upTo = after;
  for (const { id, type, recipient } of old) {
    if (candidates.size >= SLICE.archive) break;
    const message = recipient === null || type < FIRST_ENDING ? null : messageOf(state, recipient);
    if (message !== null) candidates.add(message);
    upTo = id;
  }
  for (const message of recalled(state)) candidates.add(message);
  const ready = [...candidates].filter((message) => isSettled(state, message, upTo));
  const unused = putAway(state, ready);
  if (upTo !== after) reach(state, 'archive', upTo);
  return { count: ready.length, more: upTo !== after, unused };
}

function messageOf(state: WriterState, recipient: number): number | null {
  const row = prepared(state.db, 'SELECT message, state FROM recipient WHERE id = ?').get(recipient);
  return row === undefined || !SETTLED.has(Number(row['state'])) ? null : Number(row['message']);
}

function recalled(state: WriterState): number[] {
  const rows = prepared(state.db, 'SELECT message FROM recalled WHERE at <= ? ORDER BY at LIMIT ?').all(
    state.realNow - ARCHIVE_AFTER_MS,
    SLICE.archive,
  );
  return rows.map((row) => Number(row['message']));
}

/** Every recipient has ended, and nothing happened to any of them after the event that the walk has reached. */
function isSettled(state: WriterState, message: number, upTo: number): boolean {
  const count = endedRecipients(state.db, message);
  if (count === 0) return false;
  const later = prepared(
    state.db,
    `SELECT 1 FROM event INDEXED BY event_recipient
     WHERE recipient >= ? AND recipient < ? AND recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL) AND id > ? LIMIT 1`,
  );
  return later.get(message, message + count, upTo) === undefined;
}

/** Commits messages to the archive, but those whose time is over, then deletes them here; answers with the blobs that only they held. */
function putAway(state: WriterState, ids: readonly number[]): string[] {
  const known = retentions(state.db);
  const kept = ids.filter((id) => !isPastRetention(state, id, known));
  if (kept.length > 0) keepInArchive(state, kept);
  return unusedBlobs(
    state,
    ids.flatMap((id) => removeMessage(state, id)),
  );
}

function keepInArchive(state: WriterState, ids: readonly number[]): void {
  const week = isoWeek(state.realNow - ARCHIVE_AFTER_MS);
  const file = state.archives.put(
    week,
    ids.map((id) => wholeMessage(state, id)),
  );
  prepared(
    state.db,
    `INSERT INTO archive (week, file, first_message, last_message, created_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (week) DO UPDATE SET first_message = min(first_message, excluded.first_message),
       last_message = max(last_message, excluded.last_message)`,
  ).run(week, file, Math.min(...ids), Math.max(...ids), state.realNow);
}

function wholeMessage(state: WriterState, id: number): Archived {
  const { body: _body, ...message } = prepared(state.db, 'SELECT * FROM message WHERE id = ?').get(id) as WholeRow;
  const recipients = prepared(
    state.db,
    'SELECT * FROM recipient WHERE id >= ?1 AND id < ?1 + 128 AND message = ?1 ORDER BY id',
  ).all(id) as WholeRow[];
  return { message: { ...message, body_form: BODY_NONE }, recipients };
}

function compress(state: WriterState): Swept {
  const after = reached(state, 'compress');
  const before = firstRowOf(state.realNow - COMPRESS_AFTER_MS);
  const rows = prepared(
    state.db,
    `SELECT id, body_form, octet_length(body) AS octets FROM message WHERE id > ? AND id < ? ORDER BY id LIMIT ?`,
  ).all(after, before, SLICE.compressRows) as { id: number; body_form: number; octets: number | null }[];
  let octets = 0;
  let count = 0;
  let upTo = after;
  for (const row of rows) {
    if (octets >= SLICE.compressOctets) break;
    upTo = row.id;
    if (row.body_form !== BODY_TEXT || (row.octets ?? 0) < COMPRESS_FROM_OCTETS) continue;
    octets += row.octets ?? 0;
    compressOne(state, row.id);
    count += 1;
  }
  if (upTo !== after) reach(state, 'compress', upTo);
  return {
    count,
    more: upTo !== after && (rows.length === SLICE.compressRows || upTo !== rows.at(-1)?.id),
    unused: [],
  };
}

function compressOne(state: WriterState, id: number): void {
  const row = prepared(state.db, 'SELECT body FROM message WHERE id = ?').get(id)!;
  const body = typeof row['body'] === 'string' ? Buffer.from(row['body']) : (row['body'] as Uint8Array);
  prepared(state.db, 'UPDATE message SET body = ?, body_form = ? WHERE id = ?').run(packBody(body), BODY_ZSTD, id);
}

/** Rows past their time on their own clock, a piece of the table a slice and then from the start; and runs without rows. */
function forgetKeys(state: WriterState): Swept {
  const { db } = state;
  const after = reached(state, 'keys');
  const until = after + SLICE.keys;
  const { changes } = prepared(
    db,
    `DELETE FROM used_key WHERE id > ? AND id <= ? AND until <=
       coalesce((SELECT now FROM test_clock WHERE test_clock.space = used_key.space), ?)`,
  ).run(after, until, state.realNow);
  const next = prepared(db, 'SELECT min(id) AS id FROM used_key WHERE id > ?').get(until)?.['id'] ?? null;
  reach(state, 'keys', next === null ? 0 : Number(next) - 1);
  const dropped = next === null && dropEmptyRun(state);
  return { count: Number(changes), more: next !== null || dropped, unused: [] };
}

/** Takes a slice off the first run that has no rows left; false where there is none. */
function dropEmptyRun(state: WriterState): boolean {
  let from = 0;
  for (const run of state.keys.index.runNumbers()) {
    const used = prepared(state.db, 'SELECT 1 FROM used_key WHERE id > ? AND id <= ? LIMIT 1').get(from, run);
    if (used === undefined) {
      state.keys.index.dropRun(run);
      return true;
    }
    from = run;
  }
  return false;
}

function uploads(state: WriterState): Swept {
  const gone = forgetExpired(state);
  return { count: gone.length, more: gone.length > 0, unused: unusedBlobs(state, gone) };
}

/** By the arrival of its message: what was captured on a test clock has no real time of its own. */
function forgetCaptures(state: WriterState): Swept {
  const oldest = prepared(state.db, 'SELECT no, space, recipient FROM capture ORDER BY no LIMIT ?').all(
    SLICE.captures,
  ) as { no: number; space: number; recipient: number }[];
  const old = oldest.filter(({ recipient }) => rowTime(recipient) <= state.realNow - KEEP_CAPTURES_MS);
  dropCaptures(state, old);
  return { count: old.length, more: old.length === SLICE.captures, unused: [] };
}

function forgetRecords(state: WriterState): Swept {
  const cutoff = state.realNow - KEEP_RECORDS_MS;
  const audit = prepared(
    state.db,
    'DELETE FROM audit WHERE at <= ? AND no IN (SELECT no FROM audit ORDER BY no LIMIT ?)',
  ).run(cutoff, SLICE.records);
  const hour = Math.floor(cutoff / HOUR_MS);
  const tenant = reached(state, 'tallies') + 1;
  let count = 0;
  for (const space of [tenant * 2, tenant * 2 + 1]) count += state.ledger.dropHours(space, hour);
  const last = Number(prepared(state.db, 'SELECT max(no) AS no FROM tenant').get()?.['no'] ?? 0);
  reach(state, 'tallies', tenant >= last ? 0 : tenant);
  const changed =
    Number(audit.changes) +
    forgetApprovals(state, cutoff, SLICE.records) +
    forgetNotices(state, state.realNow - KEEP_NOTICES_MS, SLICE.records) +
    forgetOperatorMail(state.db, state.realNow - KEEP_NOTICES_MS, SLICE.records) +
    forgetLeases(state);
  return { count: count + changed, more: tenant < last || changed >= SLICE.records, unused: [] };
}
