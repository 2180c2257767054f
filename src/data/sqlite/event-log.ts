/**
 * The event log without an index by space: each event knows where the one before it in its space stands.
 *
 * Events of all spaces lie in one table in order of arrival. An index by space and number would be one more page to write for
 * every event; instead a row says how many rows back the event numbered one lower stands (`back`), and how many rows back the
 * one whose number lacks the lowest bit of its own (`leap`; null where that is the same one). From the newest event of a space,
 * which `event_head` names, any number is found in a few dozen steps (the square of its bits, halved), a range by walking back.
 *
 * Invariants: numbers of a space have no gaps; those up to `floor` are gone, and nothing here follows a step to one of them.
 */
import type { DatabaseSync } from 'node:sqlite';
import { prepared } from './database.ts';
import type { LoggedEvent } from './event-rows.ts';

export type LogEnds = {
  /** The number of the newest event; 0 before the first. */
  newest: number;
  /** The number of the oldest event kept; one above the newest where none is. */
  oldest: number;
  /** The row of the newest event, or null where none is kept. */
  head: number | null;
  /** Whether the events that are gone were emptied with all test data, not removed by retention. */
  isEmptied: boolean;
};

type Head = { seq: number; event: number; floor: number; emptied: number };
type Place = { id: number; seq: number; at: number };
type Step = Place & { back: number | null; leap: number | null };

export function logEnds(db: DatabaseSync, space: number): LogEnds {
  const row = prepared(db, 'SELECT seq, event, floor, emptied FROM event_head WHERE space = ?').get(space) as
    | Head
    | undefined;
  if (row === undefined) return { newest: 0, oldest: 1, head: null, isEmptied: false };
  const head = row.floor < row.seq ? row.event : null;
  return { newest: row.seq, oldest: row.floor + 1, head, isEmptied: row.floor === row.emptied };
}

/** A number without its lowest bit. Numbers go beyond 32 bits. */
export function withoutLowestBit(seq: number): number {
  let bit = 1;
  while (seq % (bit * 2) === 0) bit *= 2;
  return seq - bit;
}

/** The row of the event with a number, which must be kept. */
function rowOf(db: DatabaseSync, head: number, seq: number): number {
  const one = prepared(db, 'SELECT id, seq, at, back, leap FROM event WHERE id = ?');
  let row = head;
  for (;;) {
    const step = one.get(row) as Step;
    if (step.seq === seq) return row;
    const back = withoutLowestBit(step.seq) >= seq ? (step.leap ?? step.back) : step.back;
    if (back === null) throw new Error(`the log of events has a gap below ${step.seq}`);
    row -= back;
  }
}

/**
 * The number of the first kept event that is late, where all after a late one are; one above the newest where none is. Found in
 * about as many steps as a number.
 */
export function firstLate(db: DatabaseSync, space: number, isLate: (event: Place) => boolean): number {
  const { newest, oldest, head } = logEnds(db, space);
  const one = prepared(db, 'SELECT id, seq, at, back, leap FROM event WHERE id = ?');
  const at = (row: number): Step => one.get(row) as Step;
  if (head === null || !isLate(at(head))) return newest + 1;
  for (let found = at(head); found.seq > oldest; ) {
    const to = withoutLowestBit(found.seq);
    const far = found.leap !== null && to >= oldest ? at(found.id - found.leap) : null;
    const next = far !== null && isLate(far) ? far : at(found.id - found.back!);
    if (!isLate(next)) return found.seq;
    found = next;
  }
  return oldest;
}

/** When the oldest kept event happened, or null. */
export function oldestAt(db: DatabaseSync, { oldest, head }: LogEnds): number | null {
  return head === null ? null : timeOf(db, rowOf(db, head, oldest));
}

/** When the newest kept event happened, or null. */
export function newestAt(db: DatabaseSync, { head }: LogEnds): number | null {
  return head === null ? null : timeOf(db, head);
}

function timeOf(db: DatabaseSync, row: number): number {
  return (prepared(db, 'SELECT at FROM event WHERE id = ?').get(row) as { at: number }).at;
}

const COLUMNS = 'id, space, seq, type, at, recipient, data, back';
const WALK = `WITH RECURSIVE log (${COLUMNS}) AS (
  SELECT ${COLUMNS} FROM event WHERE id = :row
  UNION ALL
  SELECT ${COLUMNS.replaceAll(/\w+/g, 'e.$&')} FROM log CROSS JOIN event e
    WHERE log.seq > :oldest AND e.id = log.id - log.back
)`;

export type WalkedEvent = LoggedEvent & { id: number };

/** The kept events numbered below `before`, newest first, read as they are asked for. */
export function* eventsBefore(db: DatabaseSync, space: number, before: number): Generator<WalkedEvent, undefined> {
  const { newest, oldest, head } = logEnds(db, space);
  const from = Math.min(newest, before - 1);
  if (head === null || from < oldest) return;
  // Not shared between calls: the statement stands open while the caller works.
  const walk = db.prepare(`${WALK} SELECT id, space, seq, type, at, recipient, data FROM log`);
  yield* walk.iterate({ row: rowOf(db, head, from), oldest }) as IterableIterator<unknown> as Iterable<WalkedEvent>;
}

/** The kept events numbered `first` to `last`, oldest first, `limit` of them at most; `types`: only of these numbers. */
export function eventsFrom(
  db: DatabaseSync,
  space: number,
  range: { first: number; last: number; types?: readonly number[] | null; limit?: number },
): LoggedEvent[] {
  const { newest, oldest, head } = logEnds(db, space);
  const first = Math.max(range.first, oldest);
  const last = Math.min(range.last, newest);
  if (head === null || last < first) return [];
  const types = range.types ?? null;
  const some = types === null ? '' : 'WHERE type IN (SELECT value FROM json_each(:types))';
  // Without a filter the limit is a range; with one the whole range has to be walked.
  const limit = range.limit ?? last - first + 1;
  const end = types === null ? Math.min(last, first + limit - 1) : last;
  const walk = prepared(
    db,
    `${WALK} SELECT space, seq, type, at, recipient, data FROM log ${some} ORDER BY seq LIMIT :limit`,
  );
  const bound = { row: rowOf(db, head, end), oldest: first, limit };
  return walk.all(types === null ? bound : { ...bound, types: JSON.stringify(types) }) as unknown as LoggedEvent[];
}

/**
 * The end of one space's log, to which its next events are added: the events whose numbers are the newest number, that without
 * its lowest bit, without its two lowest, and so on. The next event leaps to one of them.
 */
export class LogTail {
  private readonly seqs: number[] = [];
  private readonly rows: number[] = [];
  /** The number of the newest event. */
  seq: number;
  /** Of the event added last: rows back to the one before, and to the one it leaps to. */
  back: number | null = null;
  leap: number | null = null;

  private constructor(seq: number) {
    this.seq = seq;
  }

  static read(db: DatabaseSync, space: number): LogTail {
    const { newest, oldest, head } = logEnds(db, space);
    const tail = new LogTail(newest);
    const one = prepared(db, 'SELECT id, seq, at, back, leap FROM event WHERE id = ?');
    for (let row = head; row !== null; ) {
      const { seq, back, leap } = one.get(row) as Step;
      tail.seqs.unshift(seq);
      tail.rows.unshift(row);
      const to = leap ?? back;
      row = to === null || withoutLowestBit(seq) < oldest ? null : row - to;
    }
    return tail;
  }

  /** The row of the newest event; 0 where there is none. */
  get row(): number {
    return this.rows.at(-1) ?? 0;
  }

  /** Adds the next event, at this row. */
  add(row: number): void {
    const { seqs, rows } = this;
    this.back = rows.length === 0 ? null : row - rows.at(-1)!;
    this.seq += 1;
    const target = withoutLowestBit(this.seq);
    while (seqs.length > 0 && seqs.at(-1)! > target) {
      seqs.pop();
      rows.pop();
    }
    // Next to it, or gone: one step back is all there is.
    const leaps = seqs.length > 0 && target !== this.seq - 1 && seqs.at(-1) === target;
    this.leap = leaps ? row - rows.at(-1)! : null;
    seqs.push(this.seq);
    rows.push(row);
  }
}
