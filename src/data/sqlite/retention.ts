/**
 * Retention: how long messages, verdicts and events are kept, which a plan may say for its tenants; 90 days where none does.
 *
 * The longest time of all is kept by removing the oldest events and whole archive files. Each shorter one has walks of its own,
 * along the events, the messages and each archive in order of arrival, which remove what belongs to tenants of this time or a
 * shorter one. When plans change, the walks begin anew, so that a shorter time holds for what is there already.
 *
 * A message's time begins with its arrival, and it goes only when every recipient has ended; what ends after its time goes when
 * it would have been archived. Events of the last week stay in any case: by them closed messages are found.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Swept } from '../port/sweeps.ts';
import { endOfWeek } from './archives.ts';
import { unusedBlobs } from './blob-use.ts';
import { endedRecipients } from './closed-messages.ts';
import { prepared } from './database.ts';
import { forgetEngagement } from './engagement.ts';
import { removeMessage } from './message-removal.ts';
import { type OldEvent, oldEvents } from './old-events.ts';
import { firstRowOf, rowTime } from './row-id.ts';
import { tenantNoOf } from './spaces.ts';
import { reach, reached } from './swept-places.ts';
import type { WriterState } from './writer-state.ts';

const DAY_MS = 86_400_000;
export const RETENTION_DAYS = 90;
const SLICE = { events: 300, messages: 1000, removed: 50, archived: 500 } as const;
const NOTHING: Swept = { count: 0, more: false, unused: [] };

/** Days by tenant number, for those whose plan says so; and every different number of days, the longest first. */
export type Retentions = { ofTenant: ReadonlyMap<number, number>; days: readonly number[] };

export function retentions(db: DatabaseSync): Retentions {
  const rows = prepared(
    db,
    `SELECT t.no, json_extract(p.document, '$.retention_days') AS days FROM tenant t JOIN plan p ON p.name = t.plan
     WHERE json_extract(p.document, '$.retention_days') IS NOT NULL`,
  ).all() as { no: number; days: number }[];
  const ofTenant = new Map(rows.map(({ no, days }) => [no, days]));
  return { ofTenant, days: [...new Set([RETENTION_DAYS, ...ofTenant.values()])].sort((a, b) => b - a) };
}

export function retentionDays({ ofTenant }: Retentions, space: number): number {
  return ofTenant.get(tenantNoOf(space)) ?? RETENTION_DAYS;
}

/** After a plan changed, or a tenant's: what the walks have passed is looked at again. */
export function walkAnew(state: WriterState): void {
  prepared(state.db, "DELETE FROM setting WHERE name LIKE 'swept:retention:%'").run();
}

/** Whether a message's time is over. */
export function isPastRetention(state: WriterState, message: number, known: Retentions): boolean {
  if (known.ofTenant.size === 0) return false;
  const row = prepared(state.db, 'SELECT space FROM message WHERE id = ?').get(message);
  return row !== undefined && rowTime(message) + retentionDays(known, Number(row['space'])) * DAY_MS <= state.realNow;
}

export function forgetEvents(state: WriterState): Swept {
  const known = retentions(state.db);
  const [longest = RETENTION_DAYS, ...shorter] = known.days;
  const oldest = oldestEvents(state, 0, longest);
  if (oldest.length > 0) {
    noteGone(state, oldest);
    forgetEngagement(state, oldest);
    prepared(state.db, 'DELETE FROM event WHERE id <= ?').run(oldest.at(-1)!.id);
    return { count: oldest.length, more: oldest.length === SLICE.events, unused: [] };
  }
  for (const days of shorter) {
    const swept = forgetEventsOf(state, days, known);
    if (swept.count > 0 || swept.more) return { ...swept, more: true };
  }
  return NOTHING;
}

/** Events go in order of their number, and only past those that the archive has walked. */
function oldestEvents(state: WriterState, after: number, days: number): OldEvent[] {
  const walked = reached(state, 'archive');
  const old = oldEvents(state.db, after, state.realNow - days * DAY_MS, SLICE.events);
  return old.filter(({ id }) => id <= walked);
}

function forgetEventsOf(state: WriterState, days: number, known: Retentions): Swept {
  const place = `retention:events:${days}`;
  const old = oldestEvents(state, reached(state, place), days);
  if (old.length === 0) return NOTHING;
  const gone = old.filter(({ space }) => retentionDays(known, space) <= days);
  noteGone(state, gone);
  forgetEngagement(state, gone);
  const remove = prepared(state.db, 'DELETE FROM event WHERE id = ?');
  for (const { id } of gone) remove.run(id);
  reach(state, place, old.at(-1)!.id);
  return { count: gone.length, more: old.length === SLICE.events, unused: [] };
}

/** Numbers go on after these, and a reader that asks for an earlier one is told the oldest. */
function noteGone(state: WriterState, gone: readonly OldEvent[]): void {
  const newest = new Map<number, number>();
  for (const { space, seq } of gone) newest.set(space, seq);
  const raise = prepared(state.db, 'UPDATE event_head SET floor = max(floor, ?) WHERE space = ?');
  for (const [space, seq] of newest) raise.run(seq, space);
}

/** Messages whose time is shorter than that until they are archived, or that came back from an archive since. */
export function forgetMessages(state: WriterState): Swept {
  const known = retentions(state.db);
  for (const days of known.days.slice(1)) {
    const swept = forgetMessagesOf(state, days, known);
    if (swept.count > 0 || swept.more) return { ...swept, more: true };
  }
  return NOTHING;
}

function forgetMessagesOf(state: WriterState, days: number, known: Retentions): Swept {
  const place = `retention:messages:${days}`;
  const after = reached(state, place);
  const rows = prepared(state.db, 'SELECT id, space FROM message WHERE id > ? AND id < ? ORDER BY id LIMIT ?').all(
    after,
    firstRowOf(state.realNow - days * DAY_MS),
    SLICE.messages,
  ) as { id: number; space: number }[];
  const unused: string[] = [];
  let count = 0;
  let upTo = after;
  for (const { id, space } of rows) {
    if (count === SLICE.removed) break;
    upTo = id;
    if (retentionDays(known, space) > days || endedRecipients(state.db, id) === 0) continue;
    unused.push(...removeMessage(state, id));
    count += 1;
  }
  if (upTo !== after) reach(state, place, upTo);
  return { count, more: upTo !== after && upTo !== rows.at(-1)?.id, unused: unusedBlobs(state, unused) };
}

/** Whole files past the longest time, then what others hold beyond a shorter one. */
export function removeArchives(state: WriterState): Swept {
  const known = retentions(state.db);
  const [longest = RETENTION_DAYS, ...shorter] = known.days;
  const rows = prepared(state.db, 'SELECT week, file, first_message FROM archive ORDER BY week').all() as {
    week: string;
    file: string;
    first_message: number;
  }[];
  const old = rows.filter(({ week }) => endOfWeek(week) + longest * DAY_MS <= state.realNow);
  for (const { week, file } of old) {
    state.archives.remove(file);
    prepared(state.db, 'DELETE FROM archive WHERE week = ?').run(week);
    prepared(state.db, 'DELETE FROM setting WHERE name LIKE ?').run(`swept:retention:archive:${week}:%`);
  }
  for (const archive of rows.slice(old.length)) {
    for (const days of shorter) {
      const until = firstRowOf(state.realNow - days * DAY_MS);
      if (archive.first_message >= until) continue;
      const place = `retention:archive:${archive.week}:${days}`;
      const isOver = (space: number): boolean => retentionDays(known, space) <= days;
      const swept = state.archives.prune(archive.file, {
        after: reached(state, place),
        until,
        most: SLICE.archived,
        isOver,
      });
      if (swept.upTo === null) continue;
      reach(state, place, swept.upTo);
      return { count: old.length + swept.count, more: true, unused: [] };
    }
  }
  return { count: old.length, more: false, unused: [] };
}
