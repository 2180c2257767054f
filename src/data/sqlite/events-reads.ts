/** Reads of the event log. */
import type { DatabaseSync } from 'node:sqlite';
import { eventNumber } from '../../core/events.ts';
import type { EventsPage, EventsReads } from '../port/events.ts';
import { prepared } from './database.ts';
import { EVENT_COLUMNS, eventOf, type LoggedEvent } from './event-rows.ts';
import { spaceOf } from './spaces.ts';

/** Rows that one read looks at, so that no filter keeps the reader from others. */
const MOST_LOOKED_AT = 10_000;

type Bounds = { newest: number; oldest: number; oldestAt: number | null };

function boundsOf(db: DatabaseSync, space: number): Bounds {
  const end = (order: 'ASC' | 'DESC') =>
    prepared(db, `SELECT seq, at FROM event WHERE space = ? ORDER BY seq ${order} LIMIT 1`).get(space) as
      | { seq: number; at: number }
      | undefined;
  const floor = prepared(db, 'SELECT value FROM setting WHERE name = ?').get(`seq:${space}`) as
    | { value: string }
    | undefined;
  const newest = Math.max(end('DESC')?.seq ?? 0, Number(floor?.value ?? 0));
  const oldest = end('ASC');
  return { newest, oldest: oldest?.seq ?? newest + 1, oldestAt: oldest?.at ?? null };
}

function events(db: DatabaseSync, input: Parameters<EventsReads['events']>[0]): EventsPage {
  const space = spaceOf(input.tenantNo, input.mode);
  const { newest, oldest, oldestAt } = boundsOf(db, space);
  const after = input.afterSeq ?? oldest - 1;
  const end = { newestSeq: newest, oldestSeq: oldest, oldestAt };
  if (after + 1 < oldest || after >= newest) return { events: [], lastSeq: newest, ...end };
  const until = Math.min(newest, after + MOST_LOOKED_AT);
  const types = input.types?.map(eventNumber) ?? null;
  const rows = prepared(
    db,
    `SELECT ${EVENT_COLUMNS} FROM event WHERE space = ? AND seq > ? AND seq <= ?
         ${types === null ? '' : 'AND type IN (SELECT value FROM json_each(?))'} ORDER BY seq LIMIT ?`,
  ).all(
    ...[space, after, until, ...(types === null ? [] : [JSON.stringify(types)]), input.limit],
  ) as unknown as LoggedEvent[];
  const isFull = rows.length === input.limit;
  return { events: rows.map((row) => eventOf(db, row)), lastSeq: isFull ? rows.at(-1)!.seq : until, ...end };
}

export const EVENTS_READS = { events };
