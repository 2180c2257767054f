/** Reads of the event log. */
import type { DatabaseSync } from 'node:sqlite';
import { eventNumber } from '../../core/events.ts';
import type { EventsPage, EventsReads } from '../port/events.ts';
import { eventsFrom, logEnds, oldestAt } from './event-log.ts';
import { eventOf } from './event-rows.ts';
import { spaceOf } from './spaces.ts';

/** Rows that one read looks at, so that no filter keeps the reader from others. */
const MOST_LOOKED_AT = 10_000;

function events(db: DatabaseSync, input: Parameters<EventsReads['events']>[0]): EventsPage {
  const space = spaceOf(input.tenantNo, input.mode);
  const ends = logEnds(db, space);
  const { newest, oldest, isEmptied } = ends;
  const isExpired = !isEmptied && input.afterSeq !== null && input.afterSeq + 1 < oldest;
  const after = Math.max(input.afterSeq ?? 0, oldest - 1);
  const end = { newestSeq: newest, oldestSeq: oldest, oldestAt: oldestAt(db, ends), isExpired };
  if (isExpired || after >= newest) return { events: [], lastSeq: newest, ...end };
  const until = Math.min(newest, after + MOST_LOOKED_AT);
  const types = input.types?.map(eventNumber) ?? null;
  const rows = eventsFrom(db, space, { first: after + 1, last: until, types, limit: input.limit });
  const isFull = rows.length === input.limit;
  return { events: rows.map((row) => eventOf(db, row)), lastSeq: isFull ? rows.at(-1)!.seq : until, ...end };
}

export const EVENTS_READS = { events };
